"""What is measured: one row of the table each."""

from dataclasses import dataclass

# Where server and generator run. Two cores, because then neither can slow the other but through the sockets;
# one, because then only processor time counts; free, because that is how a server is used.
SPLIT, SHARED, FREE = "server on one core, generator on another", "both on one core", "not pinned"

RATE = ("rate", "per second")
CPU = ("cpu_us", "CPU µs")
SPEED = [
    RATE,
    CPU,
    ("p50_us", "p50 µs"),
    ("p99_us", "p99 µs"),
    ("p999_us", "p99.9 µs"),
    ("server_cpu", "server's cores"),
    ("generator_cpu", "generator's cores"),
    ("rss_kib", "RSS KiB"),
]
IDLE = [("rss_bytes_each", "RSS B each"), ("pss_bytes_each", "PSS B each"), CPU, RATE, ("rss_kib", "RSS KiB")]
SLOW = [
    ("missing", "missing beside slow ones"),
    ("missing_without", "missing without"),
    ("p99_us", "p99 µs"),
    ("p99_without_us", "p99 µs without"),
    ("p99_ratio", "ratio"),
    ("rss_peak_kib", "peak RSS KiB"),
    ("rss_peak_without_kib", "without"),
]
FLAT = [("rss_first_kib", "RSS KiB after a tenth"), ("rss_max_kib", "most"), ("rss_last_kib", "at the end"), RATE, CPU]


@dataclass(frozen=True)
class Row:
    key: str
    title: str
    mode: str
    arguments: tuple[str, ...]
    pinned: str
    columns: list[tuple[str, str]]
    # Seconds that one measurement takes, besides those that --seconds asks for; only to tell how long remains.
    takes: float = 2.0
    timed: bool = True
    # Not a matter of speed: once is enough.
    once: bool = False


def echo(key: str, connections: int, size: int, window: int, pinned: str) -> Row:
    clients = "one connection" if connections == 1 else f"{connections} connections"
    title = f"echo, {clients}, {size} bytes, {window} in flight on each, {pinned}"
    arguments = ("--connections", str(connections), "--size", str(size), "--window", str(window))
    return Row(key, title, "echo", arguments, pinned, SPEED)


def fan_out(key: str, burst: int) -> Row:
    title = f"fan-out to 1000, 20 bytes, {burst} at a time, {SPLIT} (per delivery)"
    return Row(key, title, "fan-out", ("--subscribers", "1000", "--burst", str(burst)), SPLIT, SPEED, takes=3.0)


ROWS = [
    echo("echo-one-core", 64, 20, 1, SHARED),
    echo("echo", 64, 20, 1, SPLIT),
    echo("echo-free", 64, 20, 1, FREE),
    echo("echo-w16", 64, 20, 16, SPLIT),
    echo("echo-w16-free", 64, 20, 16, FREE),
    echo("echo-1k", 16, 1024, 16, SPLIT),
    echo("echo-500", 500, 512, 1, SPLIT),
    echo("echo-64k", 16, 65536, 4, SPLIT),
    echo("echo-single", 1, 20, 1, SPLIT),
    fan_out("fan-out", 1),
    fan_out("fan-out-bursts", 100),
    Row(
        "idle",
        f"15 000 idle connections, {SPLIT} (CPU of a handshake)",
        "idle",
        ("--connections", "15000"),
        SPLIT,
        IDLE,
        takes=5.0,
        timed=False,
    ),
    Row(
        "handshakes",
        f"connect, upgrade, close, 32 at once, {SPLIT} (CPU of a whole life)",
        "handshakes",
        (),
        SPLIT,
        SPEED,
    ),
    Row(
        "slow",
        f"20 subscribers at 64 KiB × 50/s beside 2 that never read, {SPLIT}",
        "slow",
        (),
        SPLIT,
        SLOW,
        takes=28.0,
        timed=False,
        once=True,
    ),
    Row(
        "flat",
        f"memory over 10 million messages, 64 connections, 16 in flight each, {SPLIT}",
        "flat",
        (),
        SPLIT,
        FLAT,
        takes=40.0,
        timed=False,
        once=True,
    ),
]
