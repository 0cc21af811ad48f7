"""Where and with what it was measured."""

import os
import platform
import re
import subprocess
from datetime import datetime, timezone
from pathlib import Path

from servers import ROOT, TARGET


def describe(php: str, extension: str) -> list[tuple[str, str]]:
    facts = [
        ("date", datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")),
        ("commit", commit()),
        ("processor", f"{model()}, {len(os.sched_getaffinity(0))} cores"),
        ("memory", memory()),
        ("kernel", f"{platform.system()} {platform.release()}"),
        ("TCP", f"{read('/proc/sys/net/ipv4/tcp_congestion_control')} congestion control, loopback"),
        ("load at the start", " ".join(read("/proc/loadavg").split()[:3])),
        ("PHP", first_line(php, "-n", "-v")),
        ("extension", f"{Path(extension).name}, built {modified(extension)}"),
        ("rustc", first_line("rustc", "--version")),
        ("node", first_line("node", "--version")),
        ("npm ws", package("npm/node_modules/ws/package.json", r'"version": "([^"]+)"')),
        ("Python", platform.python_version()),
        ("picows", package("venv-bench/requirements.txt", r"picows==(\S+)")),
    ]
    lock = read(ROOT / "benches/load/Cargo.lock")
    for crate in ("tokio", "tokio-tungstenite", "sockudo-ws", "yawc"):
        found = re.search(rf'name = "{crate}"\nversion = "([^"]+)"', lock)
        facts.append((crate, found[1] if found else ""))
    return [(name, fact) for name, fact in facts if fact]


def commit() -> str:
    return first_line("git", "-C", str(ROOT), "describe", "--always", "--abbrev=10", "--dirty")


def model() -> str:
    found = re.search(r"^model name\s*: (.*)$", read("/proc/cpuinfo"), re.M)
    return found[1] if found else platform.machine()


def memory() -> str:
    found = re.search(r"^MemTotal:\s+(\d+) kB", read("/proc/meminfo"), re.M)
    return f"{int(found[1]) / 1024 / 1024:.1f} GiB" if found else ""


def modified(file: str) -> str:
    try:
        return datetime.fromtimestamp(Path(file).stat().st_mtime, timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    except OSError:
        return "never"


def package(file: str, pattern: str) -> str:
    found = re.search(pattern, read(TARGET / file))
    return found[1] if found else ""


def first_line(*command: str) -> str:
    try:
        lines = subprocess.run(command, capture_output=True, text=True, timeout=10).stdout.splitlines()
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return lines[0].strip() if lines else ""


def read(file: str | Path) -> str:
    try:
        return Path(file).read_text().strip()
    except OSError:
        return ""
