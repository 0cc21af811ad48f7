"""A well-behaved client in a process of its own, which echoes every five milliseconds while others attack.

    bystander.py '{"host": …, "port": …, "new": false, "ca": null, "prefix": ""}'

`new`: connects anew for each echo, and the time is that of the whole handshake. `ca`: over TLS; `prefix`: hexadecimal bytes
before the request. Each line on standard input ("mark") is answered with what was measured since the last one.

A late answer is the server's fault only as far as the machine had time to give. A thread that does nothing but
sleep two milliseconds measures that: by how much it wakes up late is time that nobody got. What of it lies within a
round trip is taken off (`blamed`), and both figures are told (`worst` is as measured).
"""

import json
import select
import socket
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
    control, bystander = Control(), Bystander(options)
    worst = blamed = 0.0
    count = 0
    print("ready", flush=True)
    while True:
        begun = time.monotonic()
        bystander.round_trip()
        ended = time.monotonic()
        time.sleep(0)
        count += 1
        worst = max(worst, ended - begun)
        blamed = max(blamed, ended - begun - control.stalled(begun, ended))
        if select.select([sys.stdin], [], [], PAUSE)[0]:
            if not sys.stdin.readline():
                return
            print(json.dumps({"worst": worst, "blamed": blamed, "count": count}), flush=True)
            worst = blamed = 0.0
            count = 0


if __name__ == "__main__":
    try:
        main()
    except (OSError, EOFError, AssertionError, socket.timeout) as error:
        print(json.dumps({"failed": repr(error)}), flush=True)
        sys.exit(1)
