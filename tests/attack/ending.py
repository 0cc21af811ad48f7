"""Ends at the wrong moment: of a connection, of a handler, of the server itself."""

import json
import signal
import threading
import time

from client import BINARY, PING, TEXT, Client, close_frame, frame, frame_head, head
from suite import Theme
from target import KIB, MIB, Target, eventually

HANDSHAKES = {"handshakes": True}
# Clients that answer nothing hold up a stop for so long.
HASTY = {"limits": {"closeTimeout": 0.5}}
theme = Theme("ending", "whatever ends, and when, ends once and alone")


# ---- Handlers that throw --------------------------------------------------------------------------


@theme.probe("a handler that throws for a message closes that connection with 1011")
def throws(server: Target) -> None:
    with server.open("/throw") as client, server.open() as other:
        client.send(frame(TEXT, b"x"))
        client.expect_close(1011, until_end=False)
        other.echoes()


@theme.probe("a handler that throws at the opening closes that connection with 1011")
def throws_at_open(server: Target) -> None:
    with server.open("/throw-open") as client:
        client.expect_close(1011, until_end=False)


@theme.probe("a handler that throws at the close harms nobody")
def throws_at_close(server: Target) -> None:
    with server.open("/throw-close") as client:
        client.send(close_frame(1000))
        client.expect_close(1000)


@theme.probe("a handler that throws in the handshake answers 500", options=HANDSHAKES)
def throws_in_handshake(server: Target) -> None:
    with server.connect() as client:
        client.send(head("/throw-handshake"))
        client.expect_status(500)


@theme.probe("five hundred messages that make a handler throw are one 1011")
def throws_often(server: Target) -> None:
    with server.open("/throw") as client:
        client.attempt(frame(TEXT, b"x") * 500)
        client.expect_close(1011, until_end=False)


@theme.probe("three hundred clients that make a handler throw harm nobody")
def throw_churn(server: Target) -> None:
    for _ in range(300):
        with server.open("/throw") as client:
            client.send(frame(TEXT, b"x"))
            client.reset()
    eventually("all to be gone", lambda: server.figure("connections") <= 2)


@theme.probe("frames that come while PHP decides are served after it, or forgotten with a refusal", options=HANDSHAKES)
def early_frames(server: Target) -> None:
    with server.connect() as client:
        client.send(head(), frame(TEXT, b"early"))
        client.expect_upgrade()
        client.expect_frame(TEXT, b"early")
    with server.connect() as client:
        client.send(head("/reject"), frame(TEXT, b"early"))
        client.expect_status(403)


@theme.probe("clients that go away while PHP decides harm nobody", options=HANDSHAKES)
def away_while_deciding(server: Target) -> None:
    gone_before_answer(server, "/")


@theme.probe(
    "clients that go away while PHP never decides are forgotten after ten seconds", options=HANDSHAKES, full=True
)
def away_while_undecided(server: Target) -> None:
    gone_before_answer(server, "/undecided")


def gone_before_answer(server: Target, target: str) -> None:
    for _ in range(300):
        with server.connect() as client:
            client.send(head(target))
            client.reset()
    eventually("all to be gone", lambda: server.figure("connections") <= 2)


@theme.probe("a megabyte sent while PHP decides waits in the kernel", options=HANDSHAKES, alone=True)
def flood_while_deciding(server: Target) -> None:
    before = server.forget_peak()
    with server.connect(limit=0.3) as client:
        client.send(head("/undecided"))
        try:
            for _ in range(400):
                client.send(b"x" * 64 * KIB)
        except TimeoutError:
            pass
        grown = server.peak() - before
        client.reset()
    assert grown <= MIB, f"{grown} bytes"


@theme.probe(
    "a handshake that PHP never decides about is 503 after ten seconds", options=HANDSHAKES, waits=True, full=True
)
def undecided(server: Target) -> None:
    with server.connect(limit=15) as client:
        begun = time.monotonic()
        client.send(head("/undecided"))
        client.expect_status(503)
        assert abs(time.monotonic() - begun - 10) < 1.5, f"after {time.monotonic() - begun:.1f} s"


# ---- Close frames that meet ------------------------------------------------------------------------


@theme.probe("close frames that cross each other end in one close")
def crossing(server: Target) -> None:
    for _ in range(100):
        with server.open("/close") as client:
            client.send(frame(TEXT, b"4000"), close_frame(4001))
            # Whose came first is up to the threads; there is never a second one.
            first, payload = client.read_frame()
            assert first == 0x88 and payload[:2] in (b"\x0f\xa0", b"\x0f\xa1"), (first, payload)
            client.expect_cut()


@theme.probe("{0} right behind a close frame harms nobody", [("RST", True), ("FIN", False)])
def close_and_away(server: Target, _: str, reset: bool) -> None:
    for _ in range(200):
        with server.open() as client:
            client.send(frame(TEXT, b"x" * 1000), close_frame(1000))
            if reset:
                client.reset()
            else:
                client.finish()
                client.drain()
    eventually("all to be gone", lambda: server.figure("connections") <= 2)


@theme.probe("a close frame while {0} is on its way ends well", [("a flood", 2000, 100), ("a megabyte", 1, 1_000_000)])
def close_under_flood(server: Target, _: str, count: int, size: int) -> None:
    with server.open("/flood") as client:
        client.send(frame(TEXT, json.dumps({"count": count, "size": size}).encode()))
        client.read_frame()
        client.send(close_frame(1000))
        client.expect_close(1000)


@theme.probe(
    "{0} inside an unfinished {1} ends well",
    [("RST", "message"), ("FIN", "message"), ("a close frame", "message"), ("RST", "frame"), ("FIN", "frame")],
)
def inside(server: Target, how: str, what: str) -> None:
    with server.open() as client:
        client.send(frame(TEXT, b"x", fin=False) if what == "message" else frame_head(BINARY, 1000) + b"x")
        if how == "RST":
            client.reset()
        elif how == "FIN":
            client.finish()
            client.drain()
        else:
            client.send(close_frame(1001))
            client.expect_close(1001)
    eventually("it to be gone", lambda: server.figure("connections") <= 2)


@theme.probe("two hundred clients that close in the same moment are all answered")
def together(server: Target) -> None:
    clients = [server.open() for _ in range(200)]
    for client in clients:
        client.send(close_frame(3000))
    for client in clients:
        client.expect_close(3000)
        client.socket.close()


@theme.probe("two hundred clients that break the protocol in the same moment get their 1002")
def broken_together(server: Target) -> None:
    clients = [server.open() for _ in range(200)]
    for client in clients:
        client.send(frame(0x3))
    for client in clients:
        client.expect_close(1002)
        client.socket.close()


# ---- The server's end ------------------------------------------------------------------------------


def stops(server: Target, within: float, *, twice: bool = False, by: signal.Signals = signal.SIGTERM) -> None:
    begun = time.monotonic()
    if twice:
        server.php.process.send_signal(by)
        time.sleep(0.2)
    status = server.stop(by)
    assert status == 0, f"it ended with status {status}"
    took = time.monotonic() - begun
    assert took < within, f"it took {took:.1f} s"


@theme.probe("{} says 1001 to everybody who listens", ["SIGTERM", "SIGINT"], alone=True)
def goodbye(server: Target, name: str) -> None:
    clients = [server.open() for _ in range(50)]
    ending = threading.Thread(target=stops, args=(server, 6), kwargs={"by": signal.Signals[name]})
    ending.start()
    for client in clients:
        client.expect_close(1001, until_end=False)
        client.send(close_frame(1001))
        client.expect_cut()
        client.socket.close()
    ending.join(10)
    assert server.php.process.returncode == 0, server.php.process.returncode


@theme.probe(
    "SIGTERM under a flood of {0} ends in time and says 1001",
    [("messages", frame(TEXT, b"x" * 100) * 100), ("pings", frame(PING, b"x" * 100) * 20)],
    options=HASTY,
    alone=True,
)
def stop_under_flood(server: Target, _: str, data: bytes) -> None:
    clients = [server.open() for _ in range(10)]
    codes: list[int | None] = [None] * len(clients)

    def flood(client: Client) -> None:
        client.socket.settimeout(5)
        try:
            while client.attempt(data):
                time.sleep(0.001)
        except TimeoutError:
            pass

    def listen(at: int, client: Client) -> None:
        try:
            while True:
                first, payload = client.read_frame()
                if first == 0x88:
                    codes[at] = int.from_bytes(payload[:2], "big")
                    return
        except (EOFError, OSError):
            pass

    threads = [threading.Thread(target=flood, args=(client,), daemon=True) for client in clients]
    threads += [threading.Thread(target=listen, args=(at, client), daemon=True) for at, client in enumerate(clients)]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    stops(server, 11)
    for thread in threads:
        thread.join(6)
    assert codes == [1001] * len(clients), codes


@theme.probe(
    "SIGTERM while {0} ends in time",
    [
        ("handshakes dribble", None, head()[:30]),
        ("messages are unfinished", "/", frame(TEXT, b"x", fin=False)),
        ("clients read nothing", "/flood", frame(TEXT, b'{"count": 10, "size": 65536}')),
    ],
    options=HASTY,
    alone=True,
)
def stop_while(server: Target, _: str, target: str | None, data: bytes) -> None:
    clients = [server.open(target, receive_buffer=4 * KIB) if target else server.connect() for _ in range(30)]
    for client in clients:
        client.send(data)
    time.sleep(0.1)
    stops(server, 4)
    for client in clients:
        client.socket.close()


@theme.probe("a second SIGTERM ends at once, whoever does not answer", alone=True)
def second_signal(server: Target) -> None:
    clients = [server.open() for _ in range(20)]
    stops(server, 1.5, twice=True)
    for client in clients:
        client.socket.close()


@theme.probe("SIGTERM in a storm of new clients ends in time", alone=True)
def stop_in_storm(server: Target) -> None:
    over = threading.Event()

    def storm() -> None:
        while not over.is_set():
            try:
                with server.connect(limit=1) as client:
                    client.attempt(head())
                    client.reset()
            except OSError:
                return

    threads = [threading.Thread(target=storm) for _ in range(3)]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    stops(server, 6)
    over.set()
    for thread in threads:
        thread.join(5)
