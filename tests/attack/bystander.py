"""A well-behaved client in a process of its own, which echoes every five milliseconds while others attack.

    bystander.py '{"host": …, "port": …, "pid": …, "new": false, "ca": null, "prefix": ""}'

`new`: connects anew for each echo, and the time is that of the whole handshake. `ca`: over TLS; `prefix`: hexadecimal
bytes before the request. Each line on standard input ("mark") is answered with what was measured since the last one.

A late answer is the server's fault only as far as it had a processor. `worst` is a round trip as measured; from
`blamed` is taken off, of the two that follow, the longer:

- by how much a thread of this process that only sleeps two milliseconds at a time woke up late meanwhile: nobody ran
  who should have;
- how long the server (of process `pid`, the one of its threads that had to wait longest) and this process were ready to
  run and the kernel ran others, who are the attackers and whatever else the machine does (/proc/…/schedstat).

A server that is slow because it works, waits, sleeps or holds a lock has neither.
"""

import contextlib
import json
import os
import select
import ssl
import sys
import threading
import time
from collections import deque

from client import TEXT, Client, frame

PAUSE = 0.005
NAP = 0.002
# A nap is always a little late.
USUAL = 0.001


class Control:
    """Notes when the machine did not run who was ready to run."""

    def __init__(self) -> None:
        self._stalls: deque[tuple[float, float]] = deque(maxlen=1000)
        threading.Thread(target=self._nap, daemon=True).start()

    def _nap(self) -> None:
        while True:
            due = time.monotonic() + NAP
            time.sleep(NAP)
            woken = time.monotonic()
            if woken - due > USUAL:
                self._stalls.append((due, woken))

    def stalled(self, begun: float, ended: float) -> float:
        """How much of that time was lost to everybody."""
        return sum(max(0.0, min(ended, until) - max(begun, since)) for since, until in list(self._stalls))


class Kernel:
    """How long threads have been ready to run without running, in seconds, since they began."""

    def __init__(self, pid: int) -> None:
        self._server = f"/proc/{pid}/task"
        self._own = f"/proc/self/task/{threading.main_thread().native_id}/schedstat"

    def waited(self) -> tuple[dict[str, float], float]:
        """By thread of the server, and of this process."""
        server = {}
        for thread in os.listdir(self._server):
            with contextlib.suppress(OSError):
                server[thread] = self._wait(f"{self._server}/{thread}/schedstat")
        return server, self._wait(self._own)

    @staticmethod
    def _wait(path: str) -> float:
        with open(path) as file:
            return int(file.read().split()[1]) / 1e9


def denied(before: tuple[dict[str, float], float], after: tuple[dict[str, float], float]) -> float:
    (server_before, own_before), (server_after, own_after) = before, after
    waits = [waited - server_before.get(thread, waited) for thread, waited in server_after.items()]
    return max(waits, default=0) + own_after - own_before


class Bystander:
    def __init__(self, options: dict) -> None:
        self._options = options
        self._address = (options["host"], options["port"])
        self._client = None if options["new"] else self._connect()
        self._count = 0

    def _connect(self) -> Client:
        client = Client(self._address, limit=10)
        client.send(bytes.fromhex(self._options["prefix"]))
        if self._options["ca"]:
            context = ssl.create_default_context(cafile=self._options["ca"])
            client.socket = context.wrap_socket(client.socket, server_hostname="localhost")
        return client.upgrade()

    def round_trip(self) -> None:
        if self._options["new"]:
            with self._connect() as client:
                # Whoever closes first keeps the port for a minute: it is a lot of ports.
                client.reset()
            return
        self._count += 1
        payload = b"bystander %d" % self._count
        self._client.send(frame(TEXT, payload))
        while True:
            first, answer = self._client.read_frame()
            if first == 0x89:
                self._client.send(frame(0xA, answer))
                continue
            assert (first, answer) == (0x81, payload), f"{first:#x} {answer!r} for {payload!r}"
            return


def main() -> None:
    options = json.loads(sys.argv[1])
    control, kernel, bystander = Control(), Kernel(options["pid"]), Bystander(options)
    worst = blamed = 0.0
    count = 0
    print("ready", flush=True)
    while True:
        before = kernel.waited()
        begun = time.monotonic()
        bystander.round_trip()
        ended = time.monotonic()
        count += 1
        worst = max(worst, ended - begun)
        excused = max(control.stalled(begun, ended), denied(before, kernel.waited()))
        blamed = max(blamed, ended - begun - excused)
        if select.select([sys.stdin], [], [], PAUSE)[0]:
            if not sys.stdin.readline():
                return
            print(json.dumps({"worst": worst, "blamed": blamed, "count": count}), flush=True)
            worst = blamed = 0.0
            count = 0


if __name__ == "__main__":
    try:
        main()
    except (OSError, EOFError, AssertionError) as error:
        print(json.dumps({"failed": repr(error)}), flush=True)
        sys.exit(1)
