"""Pages of php-fpm publish while the server they publish to is ended and started again.

    publishing.py                     100 000 pages, 8 workers; SIGTERM in the middle
    publishing.py --at-once 1         one page after the other: the cost of a publish on an idle processor
    publishing.py --signal KILL       the server has no time to end in order
    publishing.py --when-away ignore  what is published while it is away is lost, and no page waits for it

Says what reached the subscriber and what a publish cost. Exits with 1 unless each id reached it exactly once (spool),
or at most once and no page failed (ignore). A server that was killed may have sent what it did not answer, and answered
what it did not send: those are counted, and may be as many as there are workers.
"""

import argparse
import asyncio
import json
import signal
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from statistics import median

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

import fpm
from php_server import ROOT, PhpServer, seconds

PAGE = f"""<?php
spl_autoload_register(static function (string $class): void {{
    $file = '{ROOT}/php/' . strtr(substr($class, strlen('Ferrite\\\\')), '\\\\', '/') . '.php';
    is_file($file) && require $file;
}});
use Ferrite\\{{Publisher, WhenAway}};
$away = constant(WhenAway::class . '::' . $_GET['away']);
$publisher = new Publisher($_GET['dsn'], timeout: 0.25, whenAway: $away, spool: $_GET['spool'] ?? null);
if (isset($_GET['flush'])) {{
    exit(json_encode($publisher->flush(10.0)->isEmpty));
}}
$before = hrtime(true);
$published = $publisher->publish('ids', $_GET['id']);
echo json_encode(['took' => hrtime(true) - $before, 'connections' => $published->connections]);
"""


@dataclass
class Outcome:
    pages: int
    # How often each id reached the subscriber.
    heard: Counter[str] = field(default_factory=Counter)
    # What each page's publish took, in microseconds: at the server, and while it was away.
    sent: list[float] = field(default_factory=list)
    kept: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    @property
    def missing(self) -> int:
        return sum(1 for page in range(self.pages) if not self.heard[str(page)])

    @property
    def twice(self) -> int:
        return sum(1 for times in self.heard.values() if times > 1)


class Publishing:
    def __init__(self, pages: int, workers: int, by: signal.Signals, when_away: str, at_once: int | None = None):
        self.by, self.when_away, self.workers, self.at_once = by, when_away, workers, at_once or workers
        self.outcome = Outcome(pages)
        self._folder = tempfile.TemporaryDirectory(prefix="ferrite-publishing-")
        self.folder = Path(self._folder.name)
        # The server's socket gets this name once the subscriber is there: a message without a subscriber is lost to
        # nobody, but it is not measured here.
        self.socket = self.folder / "control.sock"
        self.query = {"dsn": f"unix://{self.socket}", "away": when_away.capitalize()}
        if when_away == "spool":
            self.query["spool"] = str(self.folder / "spool")

    async def run(self) -> Outcome:
        # As pages are served in production.
        opcache = ["-d", "zend_extension=opcache", "-d", "opcache.enable=1"]
        pool = fpm.Fpm(PAGE, *opcache, workers=self.workers)
        loop = asyncio.get_running_loop()
        numbers, middle = count(), asyncio.Event()

        def publish() -> None:
            while (number := next(numbers)) < self.outcome.pages:
                if number == self.outcome.pages // 2:
                    loop.call_soon_threadsafe(middle.set)
                self._publish(pool, number)

        try:
            with ThreadPoolExecutor(self.at_once) as threads:
                server, listening = await self._serve()
                working = [loop.run_in_executor(threads, publish) for _ in range(self.at_once)]
                await middle.wait()
                await asyncio.to_thread(server.stop, self.by)
                await listening
                await self._kept_some()
                server, listening = await self._serve()
                await asyncio.gather(*working)
                await self._flush(pool)
            # It hears all that was sent before the server goes.
            await asyncio.to_thread(server.stop)
            await listening
        finally:
            pool.close()
            self._folder.cleanup()
        return self.outcome

    async def _serve(self) -> tuple[PhpServer, asyncio.Task]:
        """A server, with a subscriber before anybody can publish."""
        hidden = self.folder / "new.sock"
        env = {"CONTROL": json.dumps(f"unix://{hidden}")}
        server = PhpServer("tests/clients/server.php", "127.0.0.1:0", env=env)
        url = await asyncio.to_thread(server.url)
        client = await connect(f"{url.rstrip('/')}/topic?name=ids", max_queue=None, open_timeout=seconds(10))
        hidden.rename(self.socket)
        return server, asyncio.create_task(self._listen(client))

    async def _listen(self, client) -> None:
        try:
            while True:
                self.outcome.heard[await client.recv()] += 1
        except ConnectionClosed:
            pass

    async def _kept_some(self) -> None:
        """Waits until pages have found the server away."""
        for _ in range(1000):
            if len(self.outcome.kept) >= 2 * self.at_once or self.outcome.failed:
                return
            await asyncio.sleep(0.01)

    def _publish(self, pool: fpm.Fpm, number: int) -> None:
        answer = pool.get(id=number, **self.query)
        try:
            page = json.loads(answer)
        except ValueError:
            self.outcome.failed.append(answer)
            return
        took = self.outcome.kept if page["connections"] is None else self.outcome.sent
        took.append(page["took"] / 1000)

    async def _flush(self, pool: fpm.Fpm) -> None:
        if self.when_away == "spool":
            answer = await asyncio.to_thread(pool.get, flush=1, **self.query)
            assert answer == "true", f"not all was flushed: {answer}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--at-once", type=int, help="pages that are asked for at once (default: one a worker)")
    parser.add_argument("--signal", choices=["TERM", "KILL"], default="TERM")
    parser.add_argument("--when-away", choices=["spool", "ignore"], default="spool")
    options = parser.parse_args()
    by = signal.Signals[f"SIG{options.signal}"]
    publishing = Publishing(options.pages, options.workers, by, options.when_away, options.at_once)
    outcome = asyncio.run(publishing.run())
    print(f"{outcome.pages} pages, {options.workers} workers, server ended by {by.name}")
    print(f"ids that reached the subscriber once: {sum(times == 1 for times in outcome.heard.values())}")
    print(f"never: {outcome.missing}, twice: {outcome.twice}, pages that failed: {len(outcome.failed)}")
    for name, took in [("at the server", outcome.sent), ("while it was away", outcome.kept)]:
        if took:
            took.sort()
            high = took[int(0.99 * len(took))]
            print(f"a publish {name}: {len(took)}, median {median(took):.0f} µs, p99 {high:.0f}, most {took[-1]:.0f}")
    for failure in outcome.failed[:3]:
        print(failure)
    lost = outcome.missing if options.when_away == "spool" else 0
    unsure = options.workers if by is signal.SIGKILL else 0
    return 1 if outcome.failed or lost > unsure or outcome.twice > unsure else 0


if __name__ == "__main__":
    sys.exit(main())
