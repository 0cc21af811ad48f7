"""Autobahn's cases (through kosoku) against a PHP echo server, compared with expected.json.

    run.py              all cases outside compression, and a sample of those of 12 and 13
    run.py --all        all 517 cases
    run.py 6.* 7.1.5    only these
    run.py --tls …      over TLS; the result has to be the same
    run.py --update     writes expected.json instead, if no case is worse than it may be

The full report, one HTML page a case, is left in target/conformance.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from contextlib import ExitStack
from fnmatch import fnmatchcase
from pathlib import Path
from urllib.parse import urlsplit

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "clients"))

from bridge import Bridge  # noqa: E402

from certificates import Authority  # noqa: E402
from php_server import ROOT, PhpServer, seconds  # noqa: E402

EXPECTED = HERE / "expected.json"
REPORT = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target") / "conformance"
# What a run without --all leaves out of 12 and 13: every size and every set of parameters stays.
COMPRESSION = [f"12.{group}.{case}" for group in range(1, 6) for case in range(1, 19) if (group + case) % 4] + [
    f"13.{group}.{case}" for group in range(1, 8) for case in range(1, 19) if (group + case) % 4
]
GOOD = {"OK", "INFORMATIONAL"}

Results = dict[str, dict[str, str]]


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--update", action="store_true", help="write expected.json")
    arguments.add_argument("cases", nargs="*", help="case ids or globs")
    arguments.add_argument("--all", action="store_true", help="leave nothing out")
    arguments.add_argument("--tls", action="store_true", help="over TLS")
    options = arguments.parse_args()
    if options.update and (options.cases or options.tls):
        arguments.error("--update needs a run of all cases, without TLS")
    excluded = [] if options.all or options.update or options.cases else COMPRESSION

    with ExitStack() as stack:
        authority = Authority() if options.tls else None
        if authority:
            stack.callback(authority.close)
        files = authority.make("localhost") if authority else {}
        server = stack.enter_context(PhpServer("tests/conformance/server.php", *files.values()))
        address = urlsplit(server.url()).netloc
        if authority:
            host, port = address.split(":")
            bridge = Bridge(host, int(port), authority.context())
            stack.callback(bridge.close)
            address = bridge.address
        results = run(address, options.cases, excluded)
        status = server.stop()

    problems = [f"{case}: {result}" for case, result in results.items() if not GOOD.issuperset(result.values())]
    if status != 0:
        problems.append(f"the server ended with status {status}")
    if not results:
        problems.append("no case was run")
    if not options.update:
        problems += differences(load(EXPECTED, options.cases, excluded), results)
    elif not problems:
        EXPECTED.write_text(render(results))
        print(f"wrote {len(results)} cases to {EXPECTED.relative_to(ROOT)}")

    for problem in problems:
        print(problem)
    informational = sum(result["behavior"] == "INFORMATIONAL" for result in results.values())
    print(f"{len(results)} cases, {informational} of them informational, {len(problems)} problems; report in {REPORT}")
    return 1 if problems else 0


def run(address: str, cases: list[str], excluded: list[str]) -> Results:
    shutil.rmtree(REPORT, ignore_errors=True)
    command = [str(Path(sys.executable).with_name("kosoku")), "-m", "fuzzingclient", "-p", "2", "-o", str(REPORT)]
    command += [word for case in cases for word in ("-i", case)]
    command += [word for case in excluded for word in ("-x", case)]
    # Its status is 1 as soon as one case failed; the report says which.
    subprocess.run([*command, address], stdout=subprocess.DEVNULL, timeout=seconds(900), check=False)
    (agent,) = json.loads((REPORT / "index.json").read_text()).values()
    return {case: {key: agent[case][key] for key in ("behavior", "behaviorClose")} for case in sorted(agent, key=order)}


def load(path: Path, cases: list[str], excluded: list[str]) -> Results:
    expected: Results = json.loads(path.read_text())
    return {
        case: result
        for case, result in expected.items()
        if case not in excluded and (not cases or any(fnmatchcase(case, glob) for glob in cases))
    }


def differences(expected: Results, results: Results) -> list[str]:
    """What was expected otherwise, among the cases that are not bad in themselves."""
    return [
        f"{case}: expected {expected.get(case)}, was {results.get(case)}"
        for case in sorted(expected.keys() | results.keys(), key=order)
        if expected.get(case) != results.get(case) and GOOD.issuperset(results.get(case, {}).values())
    ]


def render(results: Results) -> str:
    """One case a line, so that a change is one line of a diff."""
    return (
        "{\n" + ",\n".join(f"  {json.dumps(case)}: {json.dumps(result)}" for case, result in results.items()) + "\n}\n"
    )


def order(case: str) -> list[int]:
    return [int(number) for number in case.split(".")]


if __name__ == "__main__":
    sys.exit(main())
