"""What Ferrite must reach, through a PHP callback."""

from collections.abc import Callable
from dataclasses import dataclass

from spread import Results, Spread, compare, spread

US = "ferrite"


@dataclass(frozen=True)
class Verdict:
    work: str
    target: str
    # None: not measured.
    measured: Spread | None
    met: bool | None


Measure = Callable[[Results], Spread | None]


def value(row: str, field: str) -> Measure:
    return lambda results: spread(results, row, US, field)


def ratio(row: str, field: str, other: str) -> Measure:
    return lambda results: compare(results, row, field, US, other, lambda mine, theirs: mine / theirs)


def crossing(results: Results) -> Spread | None:
    return compare(results, "echo-w16", "cpu_us", US, "core", lambda mine, theirs: mine - theirs)


def growth(row: str, field: str, since: str) -> Measure:
    """By how much a field is more than another one of the same run."""

    def measure(results: Results) -> Spread | None:
        pairs = zip(results.get((row, US, field), []), results.get((row, US, since), []))
        values = tuple(after - before for after, before in pairs if after is not None and before is not None)
        return Spread(values) if values else None

    return measure


AT_MOST, AT_LEAST = "≤", "≥"
SWOOLE, UWEBSOCKETS = "swoole", "uwebsockets"
TARGETS: list[tuple[str, str, Measure, str, float]] = [
    ("echo 64×20 w1, one core", "CPU ÷ Swoole's", ratio("echo-one-core", "cpu_us", SWOOLE), AT_MOST, 0.9),
    ("echo 64×20 w1, one core", "rate ÷ Swoole's", ratio("echo-one-core", "rate", SWOOLE), AT_LEAST, 1.1),
    ("echo 64×20 w1, not pinned", "rate ÷ uWebSockets'", ratio("echo-free", "rate", UWEBSOCKETS), AT_LEAST, 1.0),
    ("echo 64×20 w16", "CPU µs", value("echo-w16", "cpu_us"), AT_MOST, 0.60),
    ("echo 64×20 w16", "per second", value("echo-w16", "rate"), AT_LEAST, 1_600_000),
    ("echo 64×20 w16, not pinned", "per second", value("echo-w16-free", "rate"), AT_LEAST, 1_600_000),
    ("echo 16×1 KiB w16", "per second", value("echo-1k", "rate"), AT_LEAST, 700_000),
    ("echo 16×1 KiB w16", "CPU µs", value("echo-1k", "cpu_us"), AT_MOST, 1.4),
    ("echo 500×512 w1", "CPU ÷ Swoole's", ratio("echo-500", "cpu_us", SWOOLE), AT_MOST, 0.95),
    ("echo 16×64 KiB w4", "CPU µs", value("echo-64k", "cpu_us"), AT_MOST, 35),
    ("one connection, one in flight", "p50 ÷ Swoole's", ratio("echo-single", "p50_us", SWOOLE), AT_MOST, 1.1),
    ("one connection, one in flight", "CPU ÷ Swoole's", ratio("echo-single", "cpu_us", SWOOLE), AT_MOST, 1.2),
    ("fan-out to 1 000, one by one", "CPU µs a delivery", value("fan-out", "cpu_us"), AT_MOST, 6.0),
    ("fan-out to 1 000, bursts of 100", "per second", value("fan-out-bursts", "rate"), AT_LEAST, 3_000_000),
    ("fan-out to 1 000, bursts of 100", "CPU µs a delivery", value("fan-out-bursts", "cpu_us"), AT_MOST, 0.35),
    ("idle connection, with its PHP object", "RSS B", value("idle", "rss_bytes_each"), AT_MOST, 3072),
    ("handshake with an onOpen in PHP", "CPU µs", value("idle", "cpu_us"), AT_MOST, 38),
    ("the PHP crossing, w16", "CPU µs, ferrite − core", crossing, AT_MOST, 0.2),
    ("slow consumers", "missing at the healthy", value("slow", "missing"), AT_MOST, 0),
    ("slow consumers", "p99 ÷ without", value("slow", "p99_ratio"), AT_MOST, 1.5),
    # Two outboxes of 1 MiB, and as much again for what is on its way.
    ("slow consumers", "more memory, KiB", growth("slow", "rss_peak_kib", "rss_peak_without_kib"), AT_MOST, 4096),
    # Less than a byte in twenty messages.
    ("10 million messages", "growth since a tenth, KiB", growth("flat", "rss_last_kib", "rss_first_kib"), AT_MOST, 512),
]


def judge(results: Results) -> list[Verdict]:
    """
    >>> verdicts = judge({("echo-w16", "ferrite", "cpu_us"): [0.7, 0.5, 0.55], ("echo-w16", "core", "cpu_us"): [0.4]})
    >>> [(verdict.target, str(verdict.measured), verdict.met) for verdict in verdicts if verdict.measured]
    [('CPU µs ≤ 0.60', '0.55 (0.50–0.70)', True), ('CPU µs, ferrite − core ≤ 0.20', '0.30', False)]
    """
    verdicts = []
    for work, what, measure, bound, limit in TARGETS:
        measured = measure(results)
        met = None
        if measured:
            met = measured.median <= limit if bound == AT_MOST else measured.median >= limit
        verdicts.append(Verdict(work, f"{what} {bound} {Spread((limit,))}", measured, met))
    return verdicts
