"""Clients that take their time: to ask, to send, to read."""

import json
import subprocess
import sys
import time

from client import BINARY, TEXT, Client, frame, head
from suite import Theme
from target import BOUND, HERE, KIB, MIB, Target, Watch, eventually

theme = Theme("slow", "time is limited, and nobody waits for who is slow")

# The tick of the shard's clock and the machine's moods.
ABOUT = 1.0


def cut_after(client: Client, begun: float, seconds: float) -> None:
    client.expect_cut()
    took = time.monotonic() - begun
    assert abs(took - seconds) <= ABOUT, f"cut after {took:.2f} s instead of {seconds} s"


@theme.probe(
    "a client that sends {0} and no more is cut off at handshakeTimeout",
    [
        ("nothing", b""),
        ("one letter", b"G"),
        ("half a request line", b"GET /"),
        ("half a header line", head()[:40]),
        ("all but the last byte", head()[:-1]),
    ],
    waits=True,
)
def stalled(server: Target, _: str, begun_request: bytes) -> None:
    with server.connect(limit=10) as client:
        begun = time.monotonic()
        client.send(begun_request)
        cut_after(client, begun, 5)


@theme.probe(
    "a request that dribbles {0} is cut off at handshakeTimeout",
    [
        ("its target", b"GET /" + b"x" * 4000),
        ("a header's name", b"GET / HTTP/1.1\r\n" + b"X" * 4000),
        ("a header's value", b"GET / HTTP/1.1\r\nX: " + b"x" * 4000),
        ("header lines", b"GET / HTTP/1.1\r\n" + b"a:\r\n" * 60),
    ],
    waits=True,
)
def dribbled_request(server: Target, _: str, request: bytes) -> None:
    with server.connect(limit=10) as client:
        begun = time.monotonic()
        for byte in request[:200]:
            if not client.attempt(bytes([byte])) or time.monotonic() - begun > 8:
                break
            time.sleep(0.04)
        cut_after(client, begun, 5)


@theme.probe("a request that dribbles and is whole in time is served", waits=True)
def in_time(server: Target) -> None:
    with server.connect() as client:
        client.dribble(head(), pause=3 / len(head()))
        client.expect_upgrade()
        client.echoes()


@theme.probe(
    "a message that dribbles for six seconds is echoed, for an open connection has no handshake to finish", waits=True
)
def dribbled_message(server: Target) -> None:
    whole = frame(TEXT, b"a word in your ear")
    with server.open() as client:
        client.dribble(whole, pause=6 / len(whole))
        client.expect_frame(TEXT, b"a word in your ear")


@theme.probe("a request from {} s before handshakeTimeout on is in time", [1.5], waits=True)
def late(server: Target, before: float) -> None:
    with server.connect() as client:
        time.sleep(5 - before)
        client.send(head())
        client.expect_upgrade()


def dribblers(server: Target, processes: int, each: int) -> None:
    """So many clients that dribble, and one after the other that comes anew meanwhile."""
    newcomers = Watch(server, new=True)
    try:
        command = [sys.executable, str(HERE / "dribblers.py"), str(server.address[1]), str(each), "0.5"]
        running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(processes)]
        for process in running:
            assert process.stdout.readline() == "connected\n"
        # Until here newcomers stood in one queue with thousands of others.
        newcomers.mark()
        outcomes = [json.loads(process.communicate(timeout=60)[0]) for process in running]
        seen = newcomers.mark()
    finally:
        newcomers.close()
    first, last = min(each["first"] for each in outcomes), max(each["last"] for each in outcomes)
    print(
        f"    {processes * each} handshakes that dribble were cut after {first:.2f} to {last:.2f} s; meanwhile", end=" "
    )
    print(f"{seen['count']} newcomers got in, after {1000 * seen['worst']:.1f} ms at the latest", end=" ")
    print(f"({1000 * seen['blamed']:.1f} ms of it the server's)", flush=True)
    for outcome in outcomes:
        assert (outcome["cut"], outcome["answered"], outcome["left"]) == (each, 0, 0), outcome
        assert outcome["first"] >= 5 - ABOUT and outcome["last"] <= 5 + ABOUT, outcome
    assert seen["count"] > 50, f"only {seen['count']} newcomers got in"
    assert seen["blamed"] < BOUND, f"a newcomer waited {1000 * seen['blamed']:.0f} ms"


ROOMY = {"limits": {"maxConnections": 15000}}


@theme.probe("1 000 handshakes that dribble are all cut off in time while newcomers get in within 50 ms", alone=True)
def thousand(server: Target) -> None:
    dribblers(server, 2, 500)


@theme.probe(
    "10 000 handshakes that dribble are all cut off in time while newcomers get in within 50 ms",
    alone=True,
    full=True,
    options=ROOMY,
)
def ten_thousand(server: Target) -> None:
    dribblers(server, 4, 2500)


def demand(client: Client, count: int, size: int) -> None:
    client.send(frame(TEXT, json.dumps({"count": count, "size": size}).encode()))


@theme.probe("a client that reads nothing of what it is sent is closed with 1013")
def reads_nothing(server: Target) -> None:
    with server.open("/flood", receive_buffer=4 * KIB) as client:
        slow = server.figure("slow_consumers_closed_total")
        demand(client, 300, 64 * KIB)
        eventually("it to be closed", lambda: server.figure("slow_consumers_closed_total") == slow + 1)
        client.expect_close(1013, until_end=False)


@theme.probe(
    "twenty clients that read nothing cost their send buffers and no more",
    alone=True,
    options={"limits": {"sendBuffer": MIB}},
)
def many_read_nothing(server: Target) -> None:
    before = server.forget_peak()
    clients = [server.open("/flood", receive_buffer=4 * KIB) for _ in range(20)]
    for client in clients:
        demand(client, 300, 64 * KIB)
    eventually("all to be closed", lambda: server.figure("slow_consumers_closed_total") == 20, 10)
    grown = server.peak() - before
    for client in clients:
        client.reset()
    assert grown <= 20 * (MIB + 256 * KIB), f"{grown} bytes"


@theme.probe(
    "a client that takes nothing for sendTimeout is closed",
    options={"limits": {"sendTimeout": 1.0, "sendBuffer": 32 * MIB}},
    waits=True,
)
def send_timeout(server: Target) -> None:
    with server.open("/flood", receive_buffer=4 * KIB) as client:
        demand(client, 250, 64 * KIB)
        begun = time.monotonic()
        eventually("it to be closed", lambda: server.figure("slow_consumers_closed_total") == 1)
        assert 0.9 < time.monotonic() - begun < 3, f"after {time.monotonic() - begun:.1f} s"


def stays(server: Target) -> None:
    with server.open("/flood", receive_buffer=4 * KIB) as client:
        before = server.forget_peak()
        for _ in range(40):
            demand(client, 15, 64 * KIB)
            # What one callback sends waits for the shard, which has it by the time that the next one is answered.
            assert server.figure("connections") == 3, "it is gone"
        grown = server.peak() - before
        assert grown <= 3 * MIB, f"{grown} bytes"


for policy in ("DropNewest", "DropOldest"):
    limits = {"limits": {"slowConsumer": policy, "sendBuffer": MIB}}
    theme.probe(
        f"where the policy is {policy}, a client that reads nothing stays and costs its send buffer",
        options=limits,
        alone=True,
    )(stays)


@theme.probe("a client that reads one byte at a time gets everything")
def reads_bytes(server: Target) -> None:
    with server.open("/flood", receive_buffer=4 * KIB) as client:
        demand(client, 10, 1000)
        received = b""
        while len(received) < 10 * 1004:
            received += client.socket.recv(1)
        assert received == (b"\x82\x7e\x03\xe8" + b"x" * 1000) * 10


@theme.probe("a client that echoes without reading is held back or closed, and costs nobody else time")
def floods_echoes(server: Target) -> None:
    with server.open(receive_buffer=4 * KIB) as client:
        client.socket.settimeout(0.3)
        burst, begun = frame(BINARY, b"x" * 10_000) * 20, time.monotonic()
        try:
            while client.attempt(burst) and time.monotonic() - begun < 3:
                pass
        except TimeoutError:
            pass
        client.reset()


@theme.probe(
    "{0} messages of {1} bytes as fast as they go cost nobody else time",
    [(100_000, 1), (20_000, 1000), (100, 1_000_000)],
)
def floods_messages(server: Target, count: int, size: int) -> None:
    at_once = max(1, min(1000, MIB // size))
    batch = frame(BINARY, b"x" * size) * at_once
    # A server's frames have no mask.
    echoed = len(batch) - 4 * at_once
    with server.open() as client:
        for _ in range(count // at_once):
            client.send(batch)
            client.read(echoed)
