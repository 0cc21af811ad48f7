"""Connections without number: descriptors, ceilings, storms of RST, churn."""

import socket
import time

from client import PING, PONG, TEXT, Client, close_frame, frame, head
from suite import Theme
from target import KIB, Target, eventually

theme = Theme("resources", "what runs out is refused, and comes back")

# The ceiling on connections is 64 below this.
FEW = {"descriptors": 160}
CEILING = {"limits": {"maxConnections": 50}}
PER_ADDRESS = {"limits": {"maxConnectionsPerAddress": 10}}
RATE = {"limits": {"connectRatePerAddress": 20.0}}


def turned_away(server: Target, status: int, **how) -> None:
    with server.connect(**how) as client:
        assert client.response()[1].get("retry-after") == "5"
    with server.connect(**how) as client:
        client.attempt(head())
        assert client.response()[0] == status


@theme.probe(
    "a process without one free descriptor answers 503, serves who is there, and recovers", options=FEW, alone=True
)
def no_descriptors(server: Target) -> None:
    with server.open("/hoard") as hoarder, server.open() as friend:
        hoarder.send(frame(TEXT, b"take"))
        assert int(hoarder.read_frame()[1]) > 50
        for _ in range(5):
            with server.connect() as client:
                client.attempt(head())
                assert client.response()[0] == 503
        friend.echoes()
        # The accept loop must not spin while it has nothing to accept with.
        spent = cpu(server)
        time.sleep(0.5)
        assert cpu(server) - spent < 0.25, f"{cpu(server) - spent:.2f} s of processor time in half a second"
        hoarder.send(frame(TEXT, b"release"))
        hoarder.expect_frame(TEXT, b"0")
        eventually("it to accept again", lambda: accepts(server))


def cpu(server: Target) -> float:
    """Seconds of processor time that the process has used."""
    with open(f"/proc/{server.pid}/stat") as stat:
        fields = stat.read().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def accepts(server: Target) -> bool:
    with server.connect() as client:
        client.attempt(head())
        return client.response()[0] == 101


@theme.probe(
    "clients up to the limit of open files are served, the next gets 503, and its place comes back",
    options=FEW,
    alone=True,
)
def file_limit(server: Target) -> None:
    ceiling(server, 160 - 64)


@theme.probe(
    "maxConnections clients are served, the next gets 503, and its place comes back", options=CEILING, alone=True
)
def max_connections(server: Target) -> None:
    ceiling(server, 50)


def ceiling(server: Target, most: int) -> None:
    # One is the bystander's.
    clients = [server.open() for _ in range(most - 1)]
    turned_away(server, 503)
    clients[0].echoes()
    clients.pop().reset()
    eventually("a place", lambda: accepts(server))
    for client in clients:
        client.reset()


@theme.probe("a full server that two thousand clients knock at goes on", options=CEILING, alone=True)
def knocking(server: Target) -> None:
    clients = [server.open() for _ in range(49)]
    for _ in range(2000):
        with server.connect() as client:
            client.reset()
    clients[0].echoes()
    for client in clients:
        client.reset()


@theme.probe("clients that never ask are counted too: the next gets 503", options=CEILING, alone=True)
def silent_ceiling(server: Target) -> None:
    clients = [server.connect() for _ in range(49)]
    eventually("503", lambda: not accepts(server))
    for client in clients:
        client.reset()
    eventually("a place", lambda: accepts(server))


@theme.probe("an address has maxConnectionsPerAddress, the next gets 429, and others are served", options=PER_ADDRESS)
def per_address(server: Target) -> None:
    clients = [server.open(source="127.0.0.2") for _ in range(10)]
    turned_away(server, 429, source="127.0.0.2")
    with server.open(source="127.0.0.3") as other:
        other.echoes()
    clients.pop().reset()
    eventually("a place", lambda: placed(server))
    for client in clients:
        client.reset()


def placed(server: Target) -> bool:
    with server.connect(source="127.0.0.2") as client:
        client.attempt(head())
        return client.response()[0] == 101


@theme.probe("an address that connects faster than connectRatePerAddress gets 429, and others are served", options=RATE)
def rate(server: Target) -> None:
    answers = []
    for _ in range(100):
        with server.connect(source="127.0.0.4") as client:
            client.attempt(head())
            answers.append(client.response()[0])
    assert set(answers) == {101, 429} and 40 <= answers.count(101) <= 50, f"{answers.count(101)} were let in"
    with server.open(source="127.0.0.5") as other:
        other.echoes()


@theme.probe(
    "{0} connections that {1} leave nothing behind",
    [
        (2000, "say nothing and go", b""),
        (2000, "send half a request and go", head()[:50]),
        (2000, "send a request and go", head()),
        (1000, "send a request and frames and go", head() + frame(TEXT, b"x") * 20),
    ],
)
def churn(server: Target, count: int, _: str, data: bytes) -> None:
    for _ in range(count):
        with server.connect() as client:
            client.send(data)
    eventually("all to be gone", lambda: server.figure("connections") <= 2)


@theme.probe("a thousand whole conversations one after the other leave nothing behind")
def conversations(server: Target) -> None:
    for _ in range(1000):
        with server.open() as client:
            client.echoes()
            client.send(close_frame(1000))
            client.expect_close(1000)
    eventually("all to be gone", lambda: server.figure("connections") <= 2)


@theme.probe(
    "a storm of 2 000 RST {0} harms nobody",
    [("at once", b""), ("behind a request", head()), ("behind a message", head() + frame(TEXT, b"hello"))],
)
def storm(server: Target, _: str, data: bytes) -> None:
    for _ in range(2000):
        with server.connect() as client:
            client.attempt(data)
            client.reset()
    eventually("all to be gone", lambda: server.figure("connections") <= 2)


@theme.probe(
    "RST while {0} harms nobody",
    [
        ("a message is half sent", frame(TEXT, b"x" * 1000)[:500]),
        ("fragments are unfinished", frame(TEXT, b"x", fin=False)),
        ("a close frame is half sent", close_frame(1000)[:5]),
        ("an echo is under way", frame(TEXT, b"x" * 100_000)),
    ],
)
def reset_open(server: Target, _: str, data: bytes) -> None:
    for _ in range(100):
        client = server.open()
        client.send(data)
        client.reset()
    eventually("all to be gone", lambda: server.figure("connections") <= 2)


@theme.probe(
    "FIN {0} ends a connection",
    [
        ("after the handshake", b""),
        ("inside a frame", frame(TEXT, b"x" * 1000)[:500]),
        ("between fragments", frame(TEXT, b"x", fin=False)),
    ],
)
def half_open(server: Target, _: str, data: bytes) -> None:
    with server.open() as client:
        client.send(data)
        client.finish()
        client.drain()


@theme.probe("five hundred connections at once are all served")
def burst(server: Target) -> None:
    sockets = []
    for _ in range(500):
        opened = socket.socket()
        opened.setblocking(False)
        opened.connect_ex(server.address)
        sockets.append(opened)
    for opened in sockets:
        opened.settimeout(5)
        opened.sendall(head())
    for opened in sockets:
        assert opened.recv(12) == b"HTTP/1.1 101"
        opened.close()
    eventually("all to be gone", lambda: server.figure("connections") <= 2)


@theme.probe("a thousand idle connections cost at most 8 KiB each", alone=True)
def idle(server: Target) -> None:
    before = server.forget_peak()
    clients = [server.open() for _ in range(1000)]
    grown = server.memory() - before
    for client in clients:
        client.reset()
    assert grown <= 1000 * 8 * KIB, f"{grown} bytes"


@theme.probe(
    "a client that answers no ping is cut off", options={"heartbeat": {"interval": 1.0, "timeout": 1.0}}, waits=True
)
def no_pong(server: Target) -> None:
    with server.open() as client:
        begun = time.monotonic()
        first, _ = client.read_frame()
        assert first == 0x80 | PING
        client.expect_cut()
        assert time.monotonic() - begun < 4, f"after {time.monotonic() - begun:.1f} s"


@theme.probe(
    "a client whose pongs are not what it was asked is alive all the same",
    options={"heartbeat": {"interval": 1.0, "timeout": 1.0}},
    waits=True,
)
def wrong_pong(server: Target) -> None:
    with server.open() as client:
        for _ in range(3):
            assert client.read_frame()[0] == 0x80 | PING
            client.send(frame(PONG, b"something else"))
        alive(client)


def alive(client: Client) -> None:
    client.send(frame(TEXT, b"alive"))
    while (got := client.read_frame())[0] == 0x80 | PING:
        pass
    assert got == (0x81, b"alive")


@theme.probe(
    "coming to 256 announced topics and going {0} costs subscribers no more than the pace",
    [("as one user", 1), ("under ever other names", 1000)],
    options={"presence": True},
    alone=True,
)
def churning_presence(server: Target, _: str, names: int) -> None:
    subscribers = [server.open("/rooms") for _ in range(50)]
    before, begun = server.figure("sent_bytes_total"), time.monotonic()
    for visit in range(60):
        server.open(f"/rooms?user=u{visit % names}").reset()
    took = time.monotonic() - begun
    sent = server.figure("sent_bytes_total") - before
    for subscriber in subscribers:
        subscriber.reset()
    # A message has some fifty bytes.
    burst, rate = (10_000, 2_000) if names == 1 else (50_000, 50_000)
    assert sent < (burst + rate * took) * 1.5 * 60, f"{sent} bytes in {took:.1f} s"
