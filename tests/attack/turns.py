"""Many clients that each ask for what is dear: others are served in between (docs/limits.md)."""

import select
import time

from client import BINARY, CONTINUATION, PING, TEXT, Client, close_frame, frame, head
from deflate import OFFER, RSV1, TAIL
from suite import Theme
from target import Target, eventually, seconds

theme = Theme("turns", "what is dear is done a little at a time")
CROWD = {"limits": {"maxConnections": 5000}}
COMPRESSED = {"compression": {}}


def tables(count: int) -> bytes:
    """So many blocks of deflate that are tables of codes and hold nothing, at 90 bytes each."""
    bits: list[int] = []

    def value(number: int, size: int) -> None:
        bits.extend(number >> at & 1 for at in range(size))

    def code(number: int, size: int) -> None:
        bits.extend(number >> at & 1 for at in reversed(range(size)))

    for _ in range(count):
        # Dynamic; 286 literals, 30 distances, 19 lengths, of which 4, 5, 8 and 9 have two bits.
        for number, size in ((4, 3), (29, 5), (29, 5), (15, 4)):
            value(number, size)
        for length in (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15):
            value(2 if length in (4, 5, 8, 9) else 0, 3)
        for length, times in ((2, 226), (3, 60), (0, 2), (1, 28)):
            for _ in range(times):
                code(length, 2)
        # The end of the block: of the codes with nine bits, which begin at 452, the thirtieth.
        code(482, 9)
    # An empty stored block ends where a byte does.
    value(0, 3)
    bits.extend([0] * (-len(bits) % 8))
    return bytes(sum(bit << at for at, bit in enumerate(bits[n : n + 8])) for n in range(0, len(bits), 8))


def at_once(clients: list[Client], data: bytes) -> None:
    """Sends that and a close frame from all of them side by side, until the server has ended each."""
    data += close_frame(1000)
    poll = select.epoll()
    left = {client.socket.fileno(): (client.socket, memoryview(data)) for client in clients}
    for number, (one, _) in left.items():
        one.setblocking(False)
        poll.register(number, select.EPOLLIN | select.EPOLLOUT)
    deadline = time.monotonic() + seconds(20)
    while left:
        assert time.monotonic() < deadline, f"{len(left)} clients were not answered"
        for number, event in poll.poll(0.1):
            one, rest = left[number]
            try:
                if event & (select.EPOLLIN | select.EPOLLHUP) and not one.recv(1 << 16):
                    raise ConnectionResetError
                if event & select.EPOLLOUT and rest:
                    left[number] = one, rest[one.send(rest[: 64 << 10]) :]
                    if not left[number][1]:
                        poll.modify(number, select.EPOLLIN)
            except BlockingIOError:
                pass
            except OSError:
                poll.unregister(number)
                del left[number]
    poll.close()
    for client in clients:
        client.socket.close()


@theme.probe(
    "a hundred clients whose compressed messages are {0} take no others' time",
    [
        ("tables of 4 KB", tables(44), 60),
        ("tables of 60 KB", tables(670), 4),
        ("tables of 900 KB", (tables(8) + TAIL) * 1250, 1),
    ],
    options=COMPRESSED,
    alone=True,
)
def hollow(server: Target, _: str, message: bytes, times: int) -> None:
    clients = [server.open(sec_websocket_extensions=OFFER) for _ in range(100)]
    at_once(clients, frame(BINARY, message, rsv=RSV1) * times)
    eventually("all to be gone", lambda: server.figure("connections") <= 2, 20)


@theme.probe("two thousand clients with 256 topics each that reset at once harm nobody", options=CROWD, alone=True)
def leavers(server: Target) -> None:
    clients = [server.open("/topics") for _ in range(2000)]
    for client in clients:
        client.reset()
    eventually("all to be gone", lambda: server.figure("connections") <= 2, 20)


@theme.probe(
    "two thousand requests at once that {0} take no others' time",
    [
        ("are served", head()),
        ("are large", head(extra="".join(f"X-{n}: {'x' * 240}\r\n" for n in range(55)))),
        ("are refused", head(sec_websocket_version="12")),
    ],
    options=CROWD,
    alone=True,
)
def heads(server: Target, _: str, request: bytes) -> None:
    clients = [server.connect() for _ in range(2000)]
    at_once(clients, request)
    eventually("all to be gone", lambda: server.figure("connections") <= 2, 20)


MANY_FRAGMENTS = (
    frame(BINARY, b"x" * 16, fin=False) + frame(CONTINUATION, b"x" * 16, fin=False) * 4000 + frame(CONTINUATION, b"x")
)


@theme.probe(
    "{1} clients that each send {0} at once take no others' time",
    [
        ("twenty messages", 2000, frame(TEXT, b"hello") * 20),
        ("a message in four thousand fragments", 200, MANY_FRAGMENTS),
        ("ten thousand pings", 200, frame(PING) * 10_000),
    ],
    options=CROWD,
    alone=True,
)
def crowd(server: Target, _: str, count: int, data: bytes) -> None:
    clients = [server.open() for _ in range(count)]
    at_once(clients, data)
    eventually("all to be gone", lambda: server.figure("connections") <= 2, 20)
