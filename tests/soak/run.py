"""Workers are killed, reloaded and broken at random, while clients check every byte of their echoes and the order.

    run.py                        ten minutes, 200 clients, 2 workers
    run.py 60 --seed 7            a minute of the faults that seed 7 draws
    run.py 60 --faults kill,reload --pause 0

Prints a table. Exits with 1 unless no client was closed but culprits, and no message lost, reordered, changed, or
repeated without a mark; a kill may repeat the one message that was begun, with its mark. The seed determines the
faults, not the timing.
"""

import argparse
import asyncio
import os
import random
import signal
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "clients"))

from clients import Culprit, Echoed, Findings, leaders, opened  # noqa: E402
from fronts import loadable  # noqa: E402
from php_server import PhpServer, seconds  # noqa: E402

WHOLE = "<?php return 'whole';"
BROKEN = ["<?php this is no PHP", "<?php exit(1);", "<?php throw new Error('broken');", "<?php return 'half';", None]
# A worker takes longer to boot on a busy machine than any test wants to wait for on an idle one.
PATIENCE = 60.0


class Failed(Exception):
    """A promise that is not about messages was broken."""


class Soak:
    def __init__(self, options: argparse.Namespace, release: Path):
        self.options = options
        self.release = release
        self.findings = Findings()
        self.random = random.Random(options.seed)
        self.counts: Counter[str] = Counter()
        self.recovery: dict[str, float] = {}
        self.ticks: list[tuple[int, int]] = []
        self.clients: list[Echoed] = []
        # The most messages that may have been begun when a worker was killed, over all kills.
        self.kills = 0
        self.killed: set[int] = set()
        self.failures: list[str] = []
        self.last: dict[str, int] = {}

    # ---- The server

    def figures(self) -> dict[str, int]:
        address = self.url.replace("ws://", "http://") + "/metrics"
        with urllib.request.urlopen(address, timeout=seconds(PATIENCE)) as answer:
            lines = answer.read().decode().splitlines()
        return {line.rsplit(" ", 1)[0]: int(line.rsplit(" ", 1)[1]) for line in lines if not line.startswith("#")}

    def workers(self) -> list[int]:
        pid = self.server.process.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    async def ready(self) -> None:
        """Waits until all workers take events, and no others are left."""
        deadline = time.monotonic() + seconds(PATIENCE)
        while time.monotonic() < deadline:
            if self.server.process.poll() is not None:
                raise Failed("the front has ended")
            figures = await asyncio.to_thread(self.figures)
            wanted = self.options.workers
            workers = self.workers()
            if figures["ferrite_workers_ready"] == wanted == len(workers) and not self.killed & set(workers):
                self.killed.clear()
                return
            await asyncio.sleep(0.01)
        raise Failed(f"{figures['ferrite_workers_ready']} workers are ready, of {len(self.workers())} processes")

    async def line(self, pattern: str) -> str:
        return (await asyncio.to_thread(self.server.line, pattern, PATIENCE))[0]

    def signal(self, pid: int, number: signal.Signals) -> None:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        if number == signal.SIGKILL:
            self.kills += 1
            self.killed.add(pid)

    # ---- Faults

    async def fault_reload(self) -> None:
        self.server.process.send_signal(self.random.choice([signal.SIGHUP, signal.SIGUSR1]))
        await self.line("reloaded: generation")

    async def fault_broken_reload(self) -> None:
        generation = (await asyncio.to_thread(self.figures))["ferrite_worker_generation"]
        broken = self.random.choice(BROKEN)
        if broken is None:
            self.release.unlink()
        else:
            self.release.write_text(broken)
        self.server.process.send_signal(signal.SIGHUP)
        await self.line("the reload has failed and changes nothing")
        self.release.write_text(WHOLE)
        if (await asyncio.to_thread(self.figures))["ferrite_worker_generation"] != generation:
            raise Failed("broken code has changed the generation")

    async def fault_two_reloads(self) -> None:
        for _ in range(2):
            self.server.process.send_signal(signal.SIGHUP)
            await asyncio.sleep(self.random.uniform(0, 0.02))
        await self.line("reloaded: generation")

    async def fault_kill(self) -> None:
        self.signal(self.random.choice(self.workers()), signal.SIGKILL)

    async def fault_kill_all(self) -> None:
        for pid in self.workers():
            self.signal(pid, signal.SIGKILL)

    async def fault_kill_in_reload(self) -> None:
        self.server.process.send_signal(signal.SIGHUP)
        await asyncio.sleep(self.random.uniform(0, 0.08))
        self.signal(self.random.choice(self.workers()), signal.SIGKILL)
        # The one that was killed may be of the new generation.
        await self.line("reloaded: generation|the reload has failed and changes nothing")

    async def fault_kill_in_broken(self) -> None:
        """A worker dies while there is no whole release; those that are left serve its clients."""
        self.release.write_text("<?php exit(1);")
        self.signal(self.random.choice(self.workers()), signal.SIGKILL)
        await asyncio.sleep(self.random.uniform(0, 0.3))
        self.release.write_text(WHOLE)

    async def fault_kill_all_in_broken(self) -> None:
        """No worker for a while."""
        self.release.write_text("<?php exit(1);")
        for pid in self.workers():
            self.signal(pid, signal.SIGKILL)
        await asyncio.sleep(self.random.uniform(0, 0.3))
        self.release.write_text(WHOLE)

    async def fault_term(self) -> None:
        """A worker is told to go."""
        self.signal(self.random.choice(self.workers()), signal.SIGTERM)

    async def fault_pause(self) -> None:
        pid = self.random.choice(self.workers())
        self.signal(pid, signal.SIGSTOP)
        await asyncio.sleep(self.random.uniform(0, 0.2))
        self.signal(pid, signal.SIGCONT)

    async def culprit(self, how: str, closes: bool = False, answers: bool = True) -> None:
        """A client that asks for a fault; `answers`: by the second worker. `closes`: with 1011."""
        culprit = await opened(self.url, Culprit)
        culprit.send([f"0 {how} ".encode()])
        try:
            if closes:
                code = await asyncio.wait_for(asyncio.shield(culprit.closed), seconds(PATIENCE))
                if code != 1011 or culprit.heard:
                    raise Failed(f"{how} closed its client with {code}, after {culprit.heard}")
                return
            if not answers:
                culprit.send([b"0 next "])
            answered = asyncio.ensure_future(culprit.something.wait())
            await asyncio.wait([answered, culprit.closed], timeout=seconds(PATIENCE), return_when="FIRST_COMPLETED")
            answered.cancel()
            if culprit.closed.done():
                raise Failed(f"{how} closed its client with {culprit.closed.result()}")
            wanted = b"2 -1 0 %s " % how.encode() if answers else b"1 -1 0 next "
            if culprit.heard != [wanted]:
                raise Failed(f"{how} was answered {culprit.heard}")
        except asyncio.TimeoutError:
            raise Failed(f"{how} has not closed its client") from None
        finally:
            culprit.transport.abort()

    async def fault_throw(self) -> None:
        await self.culprit("throw", closes=True)

    async def fault_fatal(self) -> None:
        await self.culprit("fatal", closes=True)

    async def fault_exit(self) -> None:
        await self.culprit("exit", answers=False)

    async def fault_own_kill(self) -> None:
        await self.culprit(self.random.choice(["kill", "segfault"]))

    async def fault_stuck(self) -> None:
        await self.culprit("stuck")

    async def fault_rubbish(self) -> None:
        # Events that were finished since the front has looked last count as begun then.
        self.kills += self.options.clients
        await self.culprit("rubbish")

    # ---- The run

    async def chaos(self, until: float) -> None:
        names = self.options.faults
        while time.monotonic() < until:
            name = self.random.choice(names)
            begun = time.monotonic()
            self.findings.fault = name.replace("_", " ")
            try:
                await getattr(self, f"fault_{name}")()
                await self.ready()
            except (Failed, AssertionError) as error:
                self.failures.append(f"{name}: {str(error).splitlines()[0]}")
                if self.server.process.poll() is not None:
                    return
            self.counts[name] += 1
            self.recovery[name] = max(self.recovery.get(name, 0), time.monotonic() - begun)
            await asyncio.sleep(self.random.uniform(0, self.options.pause))

    async def run(self, server: PhpServer) -> None:
        self.server = server
        self.url = await asyncio.to_thread(server.url)
        await self.ready()
        for number in range(1, self.options.clients + 1):
            ticks = self.ticks if number <= 3 else None
            make = lambda host, number=number, ticks=ticks: Echoed(host, number, self.findings, ticks)  # noqa: E731
            self.clients.append(await opened(self.url, make))
        began = time.monotonic()
        for client in self.clients:
            client.begin()
        await self.chaos(began + self.options.seconds)
        self.seconds = time.monotonic() - began
        for client in self.clients:
            client.is_sending = False
        deadline = time.monotonic() + seconds(PATIENCE)
        while time.monotonic() < deadline and not all(client.is_settled() for client in self.clients):
            await asyncio.sleep(0.02)
        self.findings.fault = "at the end"
        for client in self.clients:
            client.sum_up()
        self.last = await asyncio.to_thread(self.figures)

    def report(self) -> bool:
        """Prints the tables. True if every promise was held."""
        findings = self.findings
        print(f"\n{'fault':<20}{'count':>8}{'longest':>12}")
        for name, count in sorted(self.counts.items()):
            print(f"{name.replace('_', ' '):<20}{count:>8}{self.recovery[name]:>10.2f} s")
        print(f"{'all':<20}{sum(self.counts.values()):>8}\n")
        number, again, gap = leaders(self.ticks)
        rows = [
            ("echoes", findings.echoes, None),
            ("echoes a second", round(findings.echoes / self.seconds), None),
            ("clients closed", findings.closed, 0),
            ("messages lost", findings.lost, 0),
            ("reordered", findings.reordered, 0),
            ("changed", findings.changed, 0),
            ("repeated, unmarked", findings.unmarked, 0),
            ("repeated, marked", findings.marked, self.kills),
            ("user or attribute wrong", findings.state, 0),
            ("leaders", number, None),
            ("leaders that came again", again, 0),
            ("given to a slow client no more", self.last.get("ferrite_messages_dropped_total", 0), None),
            ("given to another worker", self.last.get("ferrite_events_redelivered_total", 0), None),
            ("faults not survived", len(self.failures), 0),
        ]
        is_good = True
        for name, found, most in rows:
            is_broken = most is not None and found > most
            is_good &= not is_broken
            allowed = "" if most is None else f"at most {most}"
            print(f"{name:<32}{found:>12}  {allowed}{'  BROKEN' if is_broken else ''}")
        print(f"{'longest time without a tick':<32}{gap:>10.2f} s")
        for note in self.failures[:20] + findings.notes:
            print(note)
        return is_good


def main() -> int:
    faults = [name.removeprefix("fault_") for name in dir(Soak) if name.startswith("fault_")]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seconds", type=float, nargs="?", default=600, help="how long (default 600)")
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument(
        "--seed", type=int, default=int(time.time()), help="of the faults (default: other ones each time)"
    )
    parser.add_argument("--pause", type=float, default=0.3, help="most seconds between two faults (default 0.3)")
    parser.add_argument("--faults", type=lambda text: text.split(","), default=faults, help=f"of {', '.join(faults)}")
    parser.add_argument("--log", help="a file for what the server has printed")
    options = parser.parse_args()
    if unknown := set(options.faults) - set(faults):
        parser.error(f"no fault {', '.join(sorted(unknown))}")
    print(
        f"seed {options.seed}: {options.clients} clients, {options.workers} workers, {options.seconds:g} s", flush=True
    )
    with tempfile.TemporaryDirectory() as folder:
        release = Path(folder) / "release.php"
        release.write_text(WHOLE)
        soak = Soak(options, release)
        script = "tests/soak/server.php"
        with PhpServer(script, str(options.workers), str(release), settings=loadable()) as server:
            try:
                asyncio.run(soak.run(server))
                if (status := server.stop()) != 0:
                    soak.failures.append(f"the front has ended with {status}")
            finally:
                if options.log:
                    Path(options.log).write_text("\n".join(server.said()) + "\n")
        return 0 if soak.report() else 1


if __name__ == "__main__":
    sys.exit(main())
