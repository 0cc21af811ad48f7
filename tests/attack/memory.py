"""What is kept for others to take: as much as docs/limits.md says, and it falls on who has it kept."""

import json
import time
from contextlib import closing
from pathlib import Path

from client import BINARY, CONTINUATION, PING, PONG, TEXT, Client, frame
from deflate import OFFER, compress
from suite import Theme
from target import KIB, MIB, Target, eventually

theme = Theme("memory", "budgets count what is kept, and fall on who keeps it")


def demand(client: Client, count: int, size: int) -> None:
    client.send(frame(TEXT, json.dumps({"count": count, "size": size}).encode()))


def kernel_keeps(server: Target) -> int:
    """Bytes that the kernel keeps for clients of the server, also for those whose sockets it has closed."""
    port = f":{server.address[1]:04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(int(row[4].split(":")[0], 16) for row in rows if row[1].endswith(port))


@theme.probe("forty clients that send a byte and 57 KiB of pongs, again and again, while PHP is busy, cost 16 MiB")
def pongs_behind_a_byte(_: Target) -> None:
    # A server of its own: a bystander would have to wait for PHP.
    with closing(Target({})) as server:
        busy = server.open("/busy", limit=20)
        clients = [server.open() for _ in range(40)]
        before = server.forget_peak()
        busy.send(frame(TEXT, b"3"))
        burst = frame(BINARY, b"x") + frame(PONG, b"p" * 125) * 445
        for _ in range(60):
            for client in clients:
                client.attempt(burst)
        busy.expect_frame(TEXT, b"3")
        grown = server.peak() - before
        for client in clients:
            client.reset()
        assert grown <= 16 * MIB, f"{grown} bytes"


@theme.probe(
    "five clients that have 500 000 empty messages sent and read none cost their send buffers",
    options={"limits": {"slowConsumer": "DropNewest", "sendBuffer": 8 * MIB}},
    alone=True,
)
def empty_messages(server: Target) -> None:
    before = server.forget_peak()
    clients = [server.open("/flood", receive_buffer=4 * KIB) for _ in range(5)]
    for client in clients:
        demand(client, 45, 100_000)
    for _ in range(100):
        for client in clients:
            demand(client, 5000, 0)
        # Let PHP catch up, and others come in between.
        server.figure("connections")
    grown = server.peak() - before
    for client in clients:
        client.reset()
    assert grown <= 5 * 8 * MIB + 8 * MIB, f"{grown} bytes"


@theme.probe(
    "a hundred and twenty clients with small windows that read nothing fill the total, and who reads loses nothing",
    options={"limits": {"totalSendBuffer": 64 * MIB, "sendBuffer": 64 * MIB}},
    alone=True,
)
def slow_readers(server: Target) -> None:
    before = server.forget_peak()
    fast = server.open("/flood")
    slow = []
    for _ in range(120):
        client = server.open("/flood", receive_buffer=4 * KIB)
        demand(client, 4, 900_000)
        slow.append(client)
        demand(fast, 2, 10)
        for _ in range(2):
            fast.expect_frame(BINARY, b"x" * 10)
    closed = server.figure("slow_consumers_closed_total")
    grown = server.peak() - before
    for client in slow:
        client.reset()
    assert closed > 60, f"{closed} were closed"
    # What waits, and what was on its way from PHP.
    assert grown <= (64 + 32) * MIB, f"{grown} bytes"


@theme.probe(
    "bodies that never end leave messages their room",
    options={"requests": True, "limits": {"totalReceiveBytes": 4 * MIB}},
    alone=True,
)
def endless_bodies(server: Target) -> None:
    clients = []
    # Up to the last byte.
    sizes = [200 * KIB] * 25 + [10 * KIB] * 30 + [500] * 30 + [20] * 30 + [1] * 30
    for n, size in enumerate(sizes):
        client = server.connect(source=f"127.0.0.{10 + n % 30}")
        client.attempt(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 262144\r\n\r\n" + bytes(size))
        clients.append(client)
        with server.open() as other:
            other.echoes()
    paused = server.figure("reads_paused_total")
    for client in clients:
        client.reset()
    assert paused == 0, "messages had to wait"


@theme.probe(
    "the kernel keeps little for clients that read nothing, and nothing once they are closed for it", waits=True
)
def kernel(server: Target) -> None:
    kept = kernel_keeps(server)
    clients = [server.open("/flood", receive_buffer=4 * KIB) for _ in range(10)]
    for client in clients:
        demand(client, 20, 1_000_000)
        # PHP has others to serve in between.
        server.figure("connections")
    eventually("all to be closed", lambda: server.figure("slow_consumers_closed_total") >= 10, 15)
    grown = kernel_keeps(server) - kept
    assert grown <= 10 * 512 * KIB, f"{grown} bytes of those that were closed"
    time.sleep(0.1)
    eventually("all to be reset", lambda: kernel_keeps(server) - kept <= 256 * KIB, 10)
    for client in clients:
        client.reset()


@theme.probe(
    "the memory of three hundred clients with context takeover goes back to the system when they have left",
    options={"compression": {"contextTakeover": True, "threshold": 1}},
    alone=True,
)
def contexts(server: Target) -> None:
    before = server.memory()
    clients = [server.open("/describe", Sec_WebSocket_Extensions=OFFER) for _ in range(300)]
    for client in clients:
        client.send(frame(TEXT, compress(b"who am I?"), rsv=4))
        client.read_frame()
    there = server.memory() - before
    for client in clients:
        client.reset()
    assert there > 50 * MIB, f"{there} bytes are not what it is about"
    eventually("it to go back", lambda: server.memory() - before <= 24 * MIB, 15)


@theme.probe(
    "the memory of three hundred clients with unfinished messages goes back to the system when they have left",
    alone=True,
)
def unfinished(server: Target) -> None:
    before = server.memory()
    clients = [server.open() for _ in range(300)]
    for client in clients:
        client.send(frame(BINARY, b"x" * 60_000, fin=False), *[frame(CONTINUATION, b"y" * 9000, fin=False)] * 40)
        client.send(frame(PING, b"here"))
        client.expect_frame(PONG, b"here")
    there = server.memory() - before
    for client in clients:
        client.reset()
    assert there > 100 * MIB, f"{there} bytes are not what it is about"
    eventually("it to go back", lambda: server.memory() - before <= 24 * MIB, 15)


@theme.probe(
    "the memory of a thousand clients with large request heads goes back to the system when they have left",
    options={"limits": {"maxHeadSize": 65_535}},
    alone=True,
)
def heads(server: Target) -> None:
    before = server.memory()
    clients = [server.open(Cookie=f"a={'b' * 60_000}") for _ in range(1000)]
    there = server.memory() - before
    for client in clients:
        client.reset()
    assert there > 50 * MIB, f"{there} bytes are not what it is about"
    eventually("it to go back", lambda: server.memory() - before <= 24 * MIB, 15)


@theme.probe("the memory of messages that have waited for PHP goes back to the system")
def waited(_: Target) -> None:
    # A server of its own: a bystander would have to wait for PHP.
    with closing(Target({})) as server:
        busy = server.open("/busy", limit=20)
        clients = [server.open("/throw") for _ in range(250)]
        before = server.forget_peak()
        busy.send(frame(TEXT, b"1.5"))
        for client in clients:
            client.send(frame(BINARY, b"x" * 4500) * 50)
        busy.expect_frame(TEXT, b"1.5")
        there = server.peak() - before
        assert there > 40 * MIB, f"{there} bytes are not what it is about"
        eventually("it to go back", lambda: server.memory() - before <= 24 * MIB, 15)
        for client in clients:
            client.reset()
