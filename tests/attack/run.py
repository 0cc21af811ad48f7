"""Attacks a real PHP server, probe by probe, and watches what it costs everybody else.

    run.py                   every probe that takes no longer than some seconds
    run.py framing tls       these themes
    run.py '*close code*'    the probes whose names match
    run.py --full            also those that take long; 9 000 clients that dribble instead of 1 000
    run.py --list            the names

Each group of probes has a server of its own. After each probe the worst answer to the bystander since the one
before is attributed to it, and must be below 50 ms (bystander.py says how a machine that stalls is told from a
server that does). After each group the server's descriptors and memory have to be what they were, it has to accept,
to have caught no panic, and to end with status 0.
"""

import argparse
import sys
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import groupby
from pathlib import Path

# Of the ordinary clients' tests.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "clients"))

from suite import Probe
from target import BOUND, HERE, MIB, Target, Watch, eventually
from themes import THEMES

# By how much a server may be larger after a group of probes. Its allocator keeps up to 16 MiB at the end of its heap,
# and the buffers, inflaters and tables that are made when they are first used stay.
TOLERANCE = 24 * MIB
# How often an attack by which the bystander was late is made again: it counts if it is late each time.
REPEATS = 2


@dataclass
class Report:
    passed: int = 0
    failures: list[str] = field(default_factory=list)
    # (blamed, worst, whom)
    delays: list[tuple[float, float, str]] = field(default_factory=list)
    echoes: int = 0

    def fail(self, name: str, why: str) -> None:
        self.failures.append(f"{name}: {why}")
        print(f"FAILED  {name}: {why}", flush=True)


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("names", nargs="*", metavar="NAME", help="a theme, or a pattern for the names of probes")
    arguments.add_argument("--full", action="store_true", help="leave nothing out")
    arguments.add_argument("--list", action="store_true", help="only print the names")
    arguments.add_argument("--verbose", action="store_true", help="a line for each probe")
    options = arguments.parse_args()

    probes = [probe for theme in THEMES for probe in theme.probes]
    names = [probe.name for probe in probes]
    assert len(set(names)) == len(names), f"two probes of one name: {sorted(n for n in names if names.count(n) > 1)}"
    assert not (gone := unknown((HERE / "README.md").read_text(), names)), f"README.md names {gone}"
    probes = [probe for probe in probes if is_chosen(probe, options.names, options.full)]
    if not probes:
        arguments.error(f"no probe is called {' or '.join(options.names)}; --list prints all")
    if options.list:
        print("\n".join(probe.name for probe in probes))
        return 0

    report, begun = Report(), time.monotonic()
    for theme, of_theme in groupby(probes, key=lambda probe: probe.theme):
        since, before = time.monotonic(), report.passed
        # sorted() is stable: within a group, the order of the module stays.
        kinds = sorted(of_theme, key=lambda probe: probe.kind)
        for _, group in groupby(kinds, key=lambda probe: probe.kind):
            attack(list(group), report, options.verbose)
        print(f"{theme:<10} {report.passed - before:>4} passed in {time.monotonic() - since:5.1f} s", flush=True)
    return conclude(report, time.monotonic() - begun)


def is_chosen(probe: Probe, names: list[str], full: bool) -> bool:
    named = any(probe.theme == name or fnmatchcase(probe.name, name) for name in names)
    return (named or not names) and (full or not probe.full or probe.name in names)


def attack(group: list[Probe], report: Report, verbose: bool) -> None:
    """Runs probes of one kind against one server."""
    whole = f"{group[0].theme}: after {len(group)} probes" if len(group) > 1 else f"{group[0].name}: after it"
    target = Target(group[0].options)
    try:
        # What is made when it is first needed belongs to no probe.
        with target.open() as client:
            client.echoes(b"x" * 100_000)
        watch = Watch(target)
        watch.mark()
        try:
            descriptors, memory = target.descriptors(), target.memory()
            for probe in group:
                if not probe.waits:
                    run([probe], target, watch, report, verbose)
            waiting = [probe for probe in group if probe.waits]
            if waiting:
                run(waiting, target, watch, report, verbose)
            if not target.ended:
                settle(target, descriptors, memory)
        finally:
            watch.close()
        if not target.ended:
            status = target.stop()
            assert status == 0, f"the server ended with status {status}"
        noise = [line for line in target.php.said() if "unexpected:" in line or "panic" in line.lower()]
        assert not noise, f"the server said {noise[:3]}"
    except Exception as error:  # Whatever it is, the other groups go on.
        report.fail(whole, describe(error))
    finally:
        target.close()


def run(probes: list[Probe], target: Target, watch: Watch, report: Report, verbose: bool) -> None:
    """Runs probes side by side, and has the bystander say what that cost it."""
    begun = time.monotonic()
    outcomes = outcomes_of(probes, target)
    for probe, why in zip(probes, outcomes, strict=True):
        if why:
            report.fail(probe.name, why)
        else:
            report.passed += 1
    name = probes[0].name if len(probes) == 1 else f"{probes[0].theme}: {len(probes)} probes that wait, side by side"
    seen = {"worst": 0.0, "blamed": 0.0, "count": 0} if target.ended else watch.mark()
    report.echoes += seen["count"]
    for _ in range(REPEATS):
        if seen["blamed"] <= BOUND:
            break
        # An attack costs the same again; the machine seldom does the same again. The result of the probes is known
        # already.
        outcomes_of(probes, target)
        seen = min(seen, watch.mark(), key=lambda each: each["blamed"])
    report.delays.append((seen["blamed"], seen["worst"], name))
    if seen["blamed"] > BOUND:
        report.fail(name, f"each time a bystander waited {1000 * seen['blamed']:.0f} ms for its echo")
    if verbose:
        took = 1000 * (time.monotonic() - begun)
        print(f"{took:7.0f} ms, bystander {1000 * seen['worst']:5.1f} ms  {name}", flush=True)


def outcomes_of(probes: list[Probe], target: Target) -> list[str | None]:
    with ThreadPoolExecutor(len(probes)) as pool:
        return list(pool.map(lambda probe: outcome(probe, target), probes))


def outcome(probe: Probe, target: Target) -> str | None:
    try:
        probe.run(target)
    except Exception as error:
        return describe(error)
    return None


def describe(error: Exception) -> str:
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "/attack/" in f.filename]
    place = " < ".join(f"{f.filename.rsplit('/', 1)[1]}:{f.lineno}" for f in reversed(frames))
    return f"{error if isinstance(error, AssertionError) else repr(error)} ({place})"


def settle(target: Target, descriptors: int, memory: int) -> None:
    """After the attacks, everything is as before."""
    eventually("the descriptors to come back", lambda: target.descriptors() <= descriptors, 15)
    eventually(
        f"the memory to come back to {memory // MIB} MiB and at most {TOLERANCE // MIB} more",
        lambda: target.memory() <= memory + TOLERANCE,
    )
    with target.open() as client:
        client.echoes()
    assert target.figure("panics_total") == 0, "a panic was caught"


def conclude(report: Report, took: float) -> int:
    blamed, _, whom = max(report.delays)
    measured = max(worst for _, worst, _ in report.delays)
    print(f"\n{report.echoes} echoes to bystanders; the slowest took {1000 * measured:.1f} ms,")
    print(f"and at most {1000 * blamed:.1f} ms were a server's doing ({whom})")
    for failure in report.failures:
        print(f"FAILED  {failure}")
    print(f"{report.passed} probes passed, {len(report.failures)} failures, {took:.1f} s")
    return 1 if report.failures else 0


def unknown(page: str, names: list[str]) -> list[str]:
    """The probes that the table of README.md names and nobody has written."""
    rows = [line for line in page.splitlines() if line.startswith("|")]
    named = [name for row in rows for name in row.split("`")[1::2] if ": " in name]
    assert len(named) > 20, f"the page names {len(named)} probes only"
    return [name for name in named if not any(fnmatchcase(known, name) for known in names)]


if __name__ == "__main__":
    sys.exit(main())
