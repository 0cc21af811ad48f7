"""Clients that send numbered messages, and check every byte and the order of the echoes."""

import asyncio
import itertools
import struct
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from frames import frame, handshake

TEXT, CLOSE, PING, PONG = 0x81, 0x88, 0x89, 0x8A
# Messages of a client that have no echo yet.
WINDOW = 16
FILLING = b"".join(struct.pack("!H", number) for number in range(0x2121, 0x7E7E) if number & 0xFF in range(0x21, 0x7F))
LONGEST = 300_000
FILLING *= LONGEST // len(FILLING) + 2


def message(client: int, number: int) -> bytes:
    """Every client and every number has other bytes. Some messages are long: pages, pieces of a ring, whole rings."""
    length = 8 + (client * 31 + number * 17) % 100
    if number % 101 == 50:
        length = 5_000
    if number % 1_009 == 500:
        length = 70_000
    if number % 10_007 == 5_000:
        length = LONGEST
    start = (client * 7 + number * 13) % 4_001
    return b"%d %d %s" % (client, number, FILLING[start : start + length])


@dataclass
class Findings:
    """The sums over all clients."""

    echoes: int = 0
    closed: int = 0
    lost: int = 0
    marked: int = 0
    unmarked: int = 0
    reordered: int = 0
    changed: int = 0
    state: int = 0
    # What was found first, in words.
    notes: list[str] = field(default_factory=list)
    # The fault that is on.
    fault: str = "no fault"

    def note(self, text: str) -> None:
        if len(self.notes) < 40:
            self.notes.append(f"{text} ({self.fault})")

    def broken(self) -> int:
        return self.closed + self.lost + self.unmarked + self.reordered + self.changed + self.state


class Wire(asyncio.Protocol):
    """A WebSocket connection with raw frames. A client library takes most of a processor for this many messages."""

    def __init__(self, host: str, target: str):
        self.head: bytes | None = b""
        self.buffer = b""
        self.begun = handshake(host, target=target)
        self.opened: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.closed: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport) -> None:
        self.transport = transport
        transport.write(self.begun)

    def connection_lost(self, error) -> None:
        if not self.opened.done():
            self.opened.set_exception(ConnectionError("closed in the handshake"))
        self.end(1006)

    def end(self, code: int) -> None:
        if not self.closed.done():
            self.closed.set_result(code)

    def send(self, payloads: list[bytes]) -> None:
        self.transport.write(b"".join([frame(TEXT, payload) for payload in payloads]))

    def data_received(self, data: bytes) -> None:
        if self.head is not None:
            self.head += data
            head, found, data = self.head.partition(b"\r\n\r\n")
            if not found:
                return
            self.head = None
            status = head.split(b" ", 2)[1]
            if status != b"101":
                self.opened.set_exception(ConnectionError(f"answered {status.decode()}"))
                self.transport.close()
                return
            self.opened.set_result(head)
        data = self.buffer + data if self.buffer else data
        place, end, heard = 0, len(data), []
        while end - place >= 2:
            length, start = data[place + 1], place + 2
            if length == 126 and end >= place + 4:
                length, start = int.from_bytes(data[place + 2 : place + 4], "big"), place + 4
            elif length == 127 and end >= place + 10:
                length, start = int.from_bytes(data[place + 2 : place + 10], "big"), place + 10
            elif length > 125:
                break
            if start + length > end:
                break
            payload = data[start : start + length]
            if data[place] == TEXT:
                heard.append(payload)
            elif data[place] == PING:
                self.transport.write(frame(PONG, payload))
            elif data[place] == CLOSE:
                self.end(int.from_bytes(payload[:2], "big") if payload else 1005)
                self.transport.write(frame(CLOSE, payload[:2]))
                self.transport.close()
            place = start + length
        self.buffer = data[place:]
        if heard:
            self.take(heard)

    def take(self, heard: list[bytes]) -> None:
        """Messages have come."""


class Echoed(Wire):
    """A client whose messages come back once and in order."""

    def __init__(self, host: str, number: int, findings: Findings, ticks: list[tuple[int, int]] | None):
        super().__init__(host, f"/?user={number}" + ("&ticks=1" if ticks is not None else ""))
        self.number = number
        self.findings = findings
        self.ticks = ticks
        self.sent = 0
        self.expected = 0
        self.missing: set[int] = set()
        self.is_sending = False
        self.is_told_to_go = False

    def begin(self) -> None:
        self.is_sending = True
        self.refill()

    def refill(self) -> None:
        if not self.is_sending or self.closed.done():
            return
        last = self.expected + WINDOW
        self.send([message(self.number, number) for number in range(self.sent, last)])
        self.sent = max(self.sent, last)

    def take(self, heard: list[bytes]) -> None:
        for one in heard:
            said, rest = one.split(b" ", 1)
            if said == b"0":
                pid, time = rest.split(b" ")
                self.ticks.append((int(time), int(pid)))
            else:
                self.check(said, rest)
        # Half a window at once: a message alone costs as much as eight.
        if self.sent - self.expected <= WINDOW // 2:
            self.refill()

    def check(self, said: bytes, rest: bytes) -> None:
        """An echo; `said` is what the server says about it."""
        findings = self.findings
        findings.echoes += 1
        last, data = rest.split(b" ", 1)
        number = int(data[: data.index(b" ", data.index(b" ") + 1)].split(b" ")[1])
        attempt = said.rstrip(b"u")
        if data != message(self.number, number):
            findings.changed += 1
            findings.note(f"client {self.number}: message {number} came back as {data[:60]!r}, {len(data)} bytes")
        if said != attempt:
            findings.state += 1
            findings.note(f"client {self.number}: message {number} was another user's")
        # Before a repetition, this message and those behind it may have been handled already.
        if int(last) != number - 1 and (attempt == b"1" or not number <= int(last) < number + WINDOW):
            findings.state += 1
            findings.note(f"client {self.number}: message {number} found the attribute {int(last)}")
        if number == self.expected:
            self.expected += 1
        elif number > self.expected:
            self.missing.update(range(self.expected, number))
            findings.note(f"client {self.number}: message {number} came instead of {self.expected}")
            self.expected = number + 1
        elif number in self.missing:
            self.missing.remove(number)
            findings.reordered += 1
            findings.note(f"client {self.number}: message {number} came after {self.expected - 1}")
        elif attempt == b"1":
            findings.unmarked += 1
            findings.note(f"client {self.number}: message {number} came again, unmarked")
        else:
            findings.marked += 1

    def is_settled(self) -> bool:
        return self.closed.done() or self.expected >= self.sent

    def sum_up(self) -> None:
        if self.closed.done():
            self.findings.closed += 1
            self.findings.note(f"client {self.number}: closed with {self.closed.result()}")
            return
        lost = len(self.missing) + self.sent - self.expected
        self.findings.lost += lost
        if lost:
            self.findings.note(f"client {self.number}: {lost} lost, from {min([*self.missing, self.expected])} on")
        self.transport.abort()


class Culprit(Wire):
    """A client that asks for a fault."""

    def __init__(self, host: str):
        super().__init__(host, "/?user=0")
        self.heard: list[bytes] = []
        self.something = asyncio.Event()

    def take(self, heard: list[bytes]) -> None:
        self.heard += heard
        self.something.set()


async def opened(url: str, make) -> Wire:
    address = urlsplit(url)
    loop = asyncio.get_running_loop()
    _, wire = await loop.create_connection(lambda: make(address.netloc), address.hostname, address.port)
    await wire.opened
    return wire


def leaders(ticks: list[tuple[int, int]]) -> tuple[int, int, float]:
    """The number of leaders, of leaders that ticked again after another one, and the longest time without a tick."""
    ticks = sorted(set(ticks))
    turns = [pid for place, (_, pid) in enumerate(ticks) if place == 0 or ticks[place - 1][1] != pid]
    again = sum(count - 1 for count in Counter(turns).values())
    gap = max((after[0] - before[0] for before, after in itertools.pairwise(ticks)), default=0)
    return len(turns), again, gap / 1e9
