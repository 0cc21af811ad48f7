"""Measures WebSocket servers against each other and writes raw.jsonl, table.md and table.svg.

Each measurement starts its server afresh; the servers of a row take turns, A B C, C B A, A B C. Builds nothing:
`./dev bench` does that first. The numbers are only as good as the machine is quiet; see benches/README.md.
"""

import argparse
import os
import shutil
import sys
from pathlib import Path

from machine import describe
from markdown import page
from measure import Bench, clock, plan, say
from picture import picture
from rows import ROWS
from servers import ROOT, TARGET, Server, external, extra, known
from spread import collect


def main() -> int:
    options = parse()
    if options.list:
        for row in ROWS:
            print(f"{row.key:16} {row.title}")
        return 0
    php = os.environ.get("PHP") or "php"
    extension = os.environ.get("FERRITE_EXT") or str(TARGET / "release/libferrite.so")
    rows = choose("row", ROWS, options.rows, lambda row: row.key)
    servers = [*choose_servers(options, php, extension), *options.extra, *options.external]
    if not servers:
        raise SystemExit("bench: no server is left to measure")
    names = [server.name for server in servers]
    if len(set(names)) < len(names):
        raise SystemExit(f"bench: two servers of one name: {', '.join(names)}")
    out = Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    machine = describe(php, extension)
    bench = Bench(options.load, out, options.seconds)
    steps = list(plan(rows, servers, options.rounds))
    say(f"bench: {len(steps)} measurements, about {clock(sum(bench.expect(r, s, {}) for r, _, s in steps))}")
    lines = bench.run(steps, machine)
    settings = (
        f"Medians of {options.rounds} interleaved rounds (lowest–highest), {options.seconds:g} s each after a "
        "second to warm up. CPU is of the server's whole process tree, kernel work included.\n"
    )
    text = page(collect(lines), lines, rows, names, machine, settings)
    (out / "table.md").write_text(text)
    (out / "table.svg").write_text(picture(collect(lines), rows, names, machine))
    say(f"bench: wrote {out / 'table.md'}, {out / 'table.svg'} and {out / 'raw.jsonl'}")
    if options.publish:
        publish(out, dict(machine)["date"].split()[0])
    return 1 if any("error" in line for line in lines) else 0


def publish(out: Path, date: str) -> None:
    for name, ending in (("table.md", "md"), ("table.svg", "svg"), ("raw.jsonl", "jsonl")):
        kept = ROOT / f"docs/performance/{date}.{ending}"
        shutil.copyfile(out / name, kept)
        say(f"bench: wrote {kept}")


def choose(what: str, all_of_them: list, keys: list[str] | None, key) -> list:
    """
    >>> choose("letter", ["a", "b", "c"], ["c", "a"], str)
    ['a', 'c']
    """
    unknown = set(keys or []) - {key(one) for one in all_of_them}
    if unknown:
        raise SystemExit(
            f"bench: no {what} {', '.join(sorted(unknown))}; there are: {', '.join(key(one) for one in all_of_them)}"
        )
    return [one for one in all_of_them if keys is None or key(one) in keys]


def choose_servers(options: argparse.Namespace, php: str, extension: str) -> list[Server]:
    """Those that can be started; one that was asked for by name must be."""
    servers = choose("server", known(options.load, php, extension), options.servers, lambda server: server.name)
    there = []
    for server in servers:
        missing = server.missing()
        if missing and options.servers:
            raise SystemExit(f"bench: {server.name} needs {', '.join(missing)}; run ./dev bench, which installs it")
        if missing:
            say(f"bench: without {server.name}, which needs {', '.join(missing)}")
        else:
            there.append(server)
    return there


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="./dev bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=names_of, metavar="KEY,…", help="only these rows; see --list")
    parser.add_argument(
        "--servers",
        type=names_of,
        metavar="NAME,…",
        help="only these of: " + ", ".join(server.name for server in known("", "", "")),
    )
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each row and server (3)")
    parser.add_argument("--seconds", type=float, default=5.0, help="how long each is, where that can be chosen (5)")
    parser.add_argument(
        "--extra",
        type=server(extra),
        action="append",
        default=[],
        metavar="NAME=COMMAND",
        help="one more server: the command is started with {port} replaced by a free port and must "
        "serve /echo, /publish and /subscribe there. One called swoole or uwebsockets is what "
        "the targets are held against",
    )
    parser.add_argument(
        "--external",
        type=server(external),
        action="append",
        default=[],
        metavar="NAME=HOST:PORT,PID",
        help="one more server, that runs already and is not pinned",
    )
    parser.add_argument("--out", default=str(TARGET / "bench"), help="where raw.jsonl, table.md, table.svg and logs go")
    parser.add_argument("--publish", action="store_true", help="copy the three to docs/performance, under the date")
    parser.add_argument("--load", default=str(TARGET / "load/release/ferrite-load"), help="the load generator")
    parser.add_argument("--list", action="store_true", help="say which rows there are")
    options = parser.parse_args()
    if options.rounds < 1 or options.seconds <= 0:
        parser.error("--rounds and --seconds must be greater than 0")
    if not options.list and not shutil.which(options.load):
        parser.error(f"{options.load} is missing; run ./dev bench, which builds it")
    return options


def names_of(text: str) -> list[str]:
    return text.split(",")


def server(read):
    """argparse shows only the message of its own errors."""

    def convert(text: str) -> Server:
        try:
            return read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return convert


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
