"""Pings, pongs and close frames: too many, too long, in pieces, with codes that nobody may send."""

import struct
import time

from client import CLOSE, CONTINUATION, PING, PONG, TEXT, close_frame, frame, frame_head
from suite import Theme
from target import MIB, Target, eventually

theme = Theme("control", "control frames are short, whole and not too many")


@theme.probe(
    "the close code {} is answered with itself", [*range(1000, 1004), *range(1007, 1015), 3000, 3999, 4000, 4999]
)
def right_code(server: Target, code: int) -> None:
    with server.open() as client:
        client.send(close_frame(code, b"reason"))
        client.expect_close(code)


@theme.probe(
    "the close code {} is 1002",
    [0, 1, 100, 999, 1004, 1005, 1006, 1015, 1016, 1100, 1999, 2000, 2999, 5000, 9999, 65535],
)
def wrong_code(server: Target, code: int) -> None:
    with server.open() as client:
        client.send(close_frame(code))
        client.expect_close(1002)


@theme.probe("a close frame of one byte is 1002")
def one_byte(server: Target) -> None:
    with server.open() as client:
        client.send(frame(CLOSE, b"\x03"))
        client.expect_close(1002)


@theme.probe("an empty close frame is answered with an empty one")
def no_code(server: Target) -> None:
    with server.open() as client:
        client.send(frame(CLOSE))
        client.expect_close(None)


@theme.probe("a close reason of 123 bytes is taken")
def long_reason(server: Target) -> None:
    with server.open() as client:
        client.send(close_frame(1000, b"x" * 123))
        client.expect_close(1000)


@theme.probe("a {0} of 125 bytes is taken", [("ping", PING), ("pong", PONG)])
def longest(server: Target, _: str, opcode: int) -> None:
    with server.open() as client:
        client.send(frame(opcode, b"x" * 125))
        if opcode == PING:
            client.expect_frame(PONG, b"x" * 125)
        client.echoes()


@theme.probe(
    "a {0} that declares {2} bytes is 1002",
    [
        (name, opcode, length)
        for name, opcode in (("ping", PING), ("pong", PONG), ("close frame", CLOSE))
        for length in (126, 65536, 1 << 62)
    ],
)
def too_long(server: Target, _: str, opcode: int, length: int) -> None:
    with server.open() as client:
        client.send(frame_head(opcode, length))
        client.expect_close(1002)


@theme.probe("a fragmented {0} is 1002", [("ping", PING), ("pong", PONG), ("close frame", CLOSE)])
def fragmented(server: Target, _: str, opcode: int) -> None:
    with server.open() as client:
        client.send(frame(opcode, b"\x03\xe8", fin=False), frame(CONTINUATION, b"x"))
        client.expect_close(1002)


@theme.probe(
    "after a close frame {0} is neither read nor answered",
    [
        ("a message", frame(TEXT, b"late")),
        ("a ping", frame(PING, b"late")),
        ("a second close frame", close_frame(1001)),
        ("a forbidden frame", frame(0x3)),
        ("a megabyte", frame(0x2, b"x" * MIB)),
    ],
)
def after_close(server: Target, _: str, data: bytes) -> None:
    with server.open() as client:
        client.attempt(close_frame(1000), data)
        client.expect_close(1000, until_end=False)
        client.expect_cut()


@theme.probe("pongs that nobody asked for are passed over")
def unasked(server: Target) -> None:
    with server.open() as client:
        client.send(frame(PONG, b"thanks") * 90)
        client.echoes()


@theme.probe("sixty pings at once get sixty pongs in their order")
def pings_at_once(server: Target) -> None:
    with server.open() as client:
        client.send(b"".join(frame(PING, b"%d" % n) for n in range(60)))
        for n in range(60):
            client.expect_frame(PONG, b"%d" % n)


@theme.probe("a ping byte by byte is answered")
def dribbled(server: Target) -> None:
    with server.open() as client:
        client.dribble(frame(PING, b"slowly"))
        client.expect_frame(PONG, b"slowly")


@theme.probe(
    "over a hundred {0} a second for five seconds are 1008",
    [("pings", PING), ("pongs", PONG), ("empty pings", None)],
    waits=True,
)
def flood(server: Target, _: str, opcode: int | None) -> None:
    with server.open(limit=15) as client:
        burst = (frame(PING) if opcode is None else frame(opcode, b"x" * 125)) * 20
        begun = time.monotonic()
        client.socket.settimeout(0.02)
        received = b""
        while time.monotonic() - begun < 10:
            if not client.attempt(burst):
                break
            try:
                piece = client.socket.recv(1 << 16)
            except TimeoutError:
                continue
            except ConnectionResetError:
                break
            received = received[-200:] + piece
            if not piece or b"\x03\xf0too many control frames" in received:
                break
            time.sleep(0.02)
        took = time.monotonic() - begun
        assert b"\x03\xf0too many control frames" in received, received[-100:]
        assert 4 < took < 8, f"after {took:.1f} s"


@theme.probe("a client that floods pings and reads no pong costs no memory", alone=True)
def unread_pongs(server: Target) -> None:
    before = server.forget_peak()
    with server.open(receive_buffer=4096) as client:
        client.socket.settimeout(0.2)
        try:
            for _ in range(400):
                client.send(frame(PING, b"x" * 125) * 100)
        except (TimeoutError, BrokenPipeError, ConnectionResetError):
            pass
        grown = server.peak() - before
        client.reset()
    assert grown <= 2 * MIB, f"{grown} bytes"


@theme.probe("the application's close goes out with its code, and an answer ends it")
def closed_by_application(server: Target) -> None:
    with server.open("/close") as client:
        client.send(frame(TEXT, b"4321"))
        assert client.expect_close(4321, until_end=False) == b"as you wish"
        client.send(close_frame(4321))
        client.expect_end()


@theme.probe("a close frame that the client does not answer is over after closeTimeout", waits=True)
def unanswered(server: Target) -> None:
    with server.open("/close") as client:
        client.send(frame(TEXT, b"1000"))
        client.expect_close(1000, until_end=False)
        begun = time.monotonic()
        client.expect_cut()
        assert 1.5 < time.monotonic() - begun < 3.5, f"after {time.monotonic() - begun:.1f} s"


@theme.probe("whatever a client sends instead of answering a close frame, closeTimeout ends it", waits=True)
def unanswered_but_busy(server: Target) -> None:
    with server.open("/close") as client:
        client.send(frame(TEXT, b"1000"))
        client.expect_close(1000, until_end=False)
        begun = time.monotonic()
        while client.attempt(frame(TEXT, b"and another thing")) and time.monotonic() - begun < 6:
            time.sleep(0.01)
        assert 1.5 < time.monotonic() - begun < 3.5, f"after {time.monotonic() - begun:.1f} s"


@theme.probe("a close frame in two segments, cut at byte {}, is answered", range(1, 8))
def cut(server: Target, at: int) -> None:
    whole = struct.pack("!BB", 0x88, 0x82) + b"\0\0\0\0" + struct.pack("!H", 1000)
    with server.open() as client:
        client.send(whole[:at])
        time.sleep(0.002)
        client.send(whole[at:])
        client.expect_close(1000)
    eventually("it to be gone", lambda: server.figure("connections") <= 2)
