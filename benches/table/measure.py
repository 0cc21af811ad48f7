"""Running the rows: a fresh server for each measurement, and the servers in turns."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from rows import FREE, SHARED, Row
from servers import Running, Server, ServerError, prepare


def plan(rows: list[Row], servers: list[Server], rounds: int) -> Iterator[tuple[Row, int, Server]]:
    """Each row in rounds, A B C, then C B A: so what changes on the machine meanwhile hits all alike.

    >>> row, once = (Row(key, key, "echo", (), FREE, [], once=key == "o") for key in "ro")
    >>> a, b = Server("a"), Server("b")
    >>> [(row.key, number, server.name) for row, number, server in plan([row, once], [a, b], 2)]
    [('r', 0, 'a'), ('r', 0, 'b'), ('r', 1, 'b'), ('r', 1, 'a'), ('o', 0, 'a'), ('o', 0, 'b')]
    """
    for row in rows:
        for number in range(1 if row.once else rounds):
            for server in servers if number % 2 == 0 else reversed(servers):
                yield row, number, server


def cores(pinned: str) -> tuple[set[int] | None, set[int] | None]:
    """Of the server and of the generator."""
    if pinned == FREE:
        return None, None
    mine = sorted(os.sched_getaffinity(0))
    if pinned == SHARED:
        return {mine[0]}, {mine[0]}
    if len(mine) < 2:
        raise ServerError("two cores are needed")
    return {mine[0]}, {mine[1]}


class Bench:
    def __init__(self, load: str, out: Path, seconds: float) -> None:
        self.load = load
        self.out = out
        self.seconds = seconds

    def run(self, steps: list[tuple[Row, int, Server]], machine: list[tuple[str, str]]) -> list[dict]:
        """Takes the steps in turn; each leaves a line in raw.jsonl, whose first line is the machine."""
        results = []
        durations: dict[str, float] = {}
        with open(self.out / "raw.jsonl", "w") as raw:
            raw.write(json.dumps({"machine": dict(machine)}, ensure_ascii=False) + "\n")
            for at, (row, number, server) in enumerate(steps):
                left = sum(self.expect(row, server, durations) for row, _, server in steps[at:])
                say(f"[{at + 1}/{len(steps)}, {clock(left)} left] {row.key}, round {number + 1}: {server.name}")
                began = time.monotonic()
                result = {"row": row.key, "round": number, "server": server.name} | self.measure(row, server)
                durations[f"{row.key} {server.name}"] = time.monotonic() - began
                if "error" in result:
                    say(f"    failed: {result['error']}")
                results.append(result)
                raw.write(json.dumps(result, ensure_ascii=False) + "\n")
                raw.flush()
        return results

    def measure(self, row: Row, server: Server) -> dict:
        log = self.out / f"{server.name}.log"
        try:
            for_server, for_generator = cores(row.pinned)
            with Running(server, for_server, log) as (address, pid):
                before = processor()
                result = self.generate(row, server, address, pid, for_generator)
                return result | busy(before, processor())
        except ServerError as error:
            return {"error": str(error)}

    def generate(self, row: Row, server: Server, address: str, pid: int, cpus: set[int] | None) -> dict:
        command = [self.load, row.mode, "--to", address, "--pid", str(pid), "--name", server.name, *row.arguments]
        if row.timed:
            command += ["--seconds", str(self.seconds)]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=600 + self.seconds, preexec_fn=lambda: prepare(cpus)
            )
        except subprocess.TimeoutExpired:
            return {"error": "it took longer than ten minutes"}
        if done.returncode != 0:
            return {"error": done.stderr.strip().removeprefix("ferrite-load: ") or f"exit code {done.returncode}"}
        return json.loads(done.stdout)

    def expect(self, row: Row, server: Server, durations: dict[str, float]) -> float:
        guess = row.takes + (self.seconds if row.timed else 0)
        return durations.get(f"{row.key} {server.name}", guess)


def processor() -> list[int]:
    with open("/proc/stat") as stat:
        return [int(ticks) for ticks in stat.readline().split()[1:9]]


def busy(before: list[int], after: list[int]) -> dict:
    """How busy the whole machine was, and how much was taken from it: what else ran shows here.

    >>> busy([0, 0, 0, 0, 0, 0, 0, 0], [30, 0, 20, 40, 0, 0, 0, 10])
    {'machine_busy': 0.5, 'machine_stolen': 0.1}
    """
    ticks = [b - a for a, b in zip(before, after)]
    total = sum(ticks) or 1
    idle, stolen = ticks[3] + ticks[4], ticks[7]
    return {"machine_busy": round((total - idle - stolen) / total, 3), "machine_stolen": round(stolen / total, 3)}


def clock(seconds: float) -> str:
    """
    >>> clock(3671)
    '61:11'
    """
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
