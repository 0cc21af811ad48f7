"""Messages in pieces: out of order, without end, or so small that each piece costs more than it brings."""

import time

from client import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, frame, frame_head
from suite import Theme
from target import KIB, MIB, Target

theme = Theme("fragments", "a message has 64 fragments, and one more for each 16 bytes that have come")


def pieces(opcode: int, payloads: list[bytes], finish: bool = True) -> bytes:
    """One message in these fragments."""
    opcodes = [opcode] + [CONTINUATION] * (len(payloads) - 1)
    last = len(payloads) - 1
    return b"".join(
        frame(code, payload, fin=finish and at == last)
        for at, (code, payload) in enumerate(zip(opcodes, payloads, strict=True))
    )


@theme.probe(
    "a continuation {} is 1002",
    [
        ("of nothing", frame(CONTINUATION, b"x")),
        ("of nothing, not the last", frame(CONTINUATION, b"x", fin=False)),
        ("of nothing, empty", frame(CONTINUATION)),
        ("of a message that is over", frame(TEXT, b"x") + frame(CONTINUATION, b"y")),
        ("of fragments that are over", pieces(TEXT, [b"x", b"y"]) + frame(CONTINUATION, b"z")),
    ],
)
def lone_continuation(server: Target, _: str, data: bytes) -> None:
    with server.open() as client:
        client.send(data)
        client.expect_close(1002)


@theme.probe(
    "{0} inside an unfinished message is 1002",
    [
        ("a text", frame(TEXT, b"y")),
        ("a binary message", frame(BINARY, b"y")),
        ("a fragmented text", frame(TEXT, b"y", fin=False)),
        ("an empty text", frame(TEXT)),
        ("a fragmented ping", frame(PING, b"y", fin=False)),
        ("a reserved opcode", frame(0x7)),
    ],
)
def interrupted(server: Target, _: str, data: bytes) -> None:
    with server.open() as client:
        client.send(frame(TEXT, b"x", fin=False), data)
        client.expect_close(1002)


@theme.probe("pings between fragments are answered at once and change nothing")
def pings_between(server: Target) -> None:
    with server.open() as client:
        client.send(frame(TEXT, b"one ", fin=False), frame(PING, b"now"))
        client.expect_frame(PONG, b"now")
        client.send(frame(CONTINUATION, b"two ", fin=False), frame(PING, b"again"), frame(CONTINUATION, b"three"))
        client.expect_frame(PONG, b"again")
        client.expect_frame(TEXT, b"one two three")


@theme.probe("a close frame inside an unfinished message is answered")
def close_between(server: Target) -> None:
    with server.open() as client:
        client.send(frame(TEXT, b"one ", fin=False), frame(CLOSE, b"\x03\xe8"))
        client.expect_close(1000)


@theme.probe("a message of {} one-byte fragments is echoed", [1, 2, 63, 64])
def free(server: Target, count: int) -> None:
    with server.open() as client:
        client.send(pieces(BINARY, [b"x"] * count))
        client.expect_frame(BINARY, b"x" * count)


@theme.probe("one-byte fragments beyond those that their bytes have earned are 1008")
def unearned(server: Target) -> None:
    with server.open() as client:
        # 68 bytes have earned four more than the free 64.
        client.send(pieces(BINARY, [b"x"] * 69, finish=False))
        client.expect_close(1008)


@theme.probe("as many one-byte fragments as a large beginning has earned are taken")
def earned(server: Target) -> None:
    with server.open() as client:
        payloads = [b"x" * 64 * KIB] + [b"y"] * 4000
        client.send(pieces(BINARY, payloads))
        client.expect_frame(BINARY, b"".join(payloads))


@theme.probe("64 empty fragments are taken, and one more is 1008")
def empty(server: Target) -> None:
    with server.open() as client:
        client.send(pieces(TEXT, [b"a"] + [b""] * 62 + [b"b"]))
        client.expect_frame(TEXT, b"ab")
        client.send(pieces(TEXT, [b""] * 65, finish=False))
        client.expect_close(1008)


@theme.probe("empty fragments after {} bytes have the same limit", [1, 10_000, 1_000_000])
def empty_after(server: Target, size: int) -> None:
    with server.open() as client:
        client.send(pieces(BINARY, [b"x" * size] + [b""] * 65, finish=False))
        client.expect_close(1008)


@theme.probe("a flood of 500 000 empty fragments is 1008 and costs no memory", alone=True)
def empty_flood(server: Target) -> None:
    flood(server, b"", 64 * KIB)


@theme.probe("500 000 fragments of one byte are 1008 and cost their payload and at most 64 KiB", alone=True)
def tiny_flood(server: Target) -> None:
    flood(server, b"x", 500_000 + 64 * KIB)


def flood(server: Target, payload: bytes, most: int) -> None:
    # A first one shows the refusal; what it makes resident for good belongs to no fragment.
    with server.open() as client:
        client.send(pieces(BINARY, [payload] * 70, finish=False))
        client.expect_close(1008)
    before = server.forget_peak()
    with server.open() as client:
        client.attempt(frame(BINARY, payload, fin=False), frame(CONTINUATION, payload, fin=False) * 499_999)
        client.expect_close(1008, until_end=False)
    grown = server.peak() - before
    assert grown <= most, f"{grown} bytes, {most} allowed"


@theme.probe("500 000 fragments of one byte in messages that earn them cost no more than a message", alone=True)
def tiny_messages(server: Target) -> None:
    with server.open() as client:
        message = pieces(BINARY, [b"x"] * 64)
        client.send(message)
        client.expect_frame(BINARY, b"x" * 64)
        before = server.forget_peak()
        for _ in range(78):
            client.send(message * 100)
            for _ in range(100):
                client.expect_frame(BINARY, b"x" * 64)
    grown = server.peak() - before
    assert grown <= MIB, f"{grown} bytes"


@theme.probe("fragments that add up to the limit are taken, and one byte more is 1009 by its head")
def too_big(server: Target) -> None:
    with server.open() as client:
        client.send(pieces(BINARY, [b"x" * 256 * KIB] * 4))
        client.expect_frame(BINARY, b"x" * MIB)
        client.send(pieces(BINARY, [b"x" * 512 * KIB, b"x" * 512 * KIB], finish=False), frame_head(CONTINUATION, 1))
        client.expect_close(1009)


@theme.probe("a hundred unfinished messages of 64 KiB hold at most twice that", alone=True)
def unfinished(server: Target) -> None:
    before = server.forget_peak()
    clients = [server.open() for _ in range(100)]
    for client in clients:
        client.send(pieces(BINARY, [b"x" * 4 * KIB] * 16, finish=False))
    with server.open() as client:
        client.echoes()
    time.sleep(0.1)
    grown = server.peak() - before
    for client in clients:
        client.reset()
    assert 100 * 64 * KIB <= grown <= 100 * (2 * 64 + 32) * KIB, f"{grown} bytes"


@theme.probe("every byte of a fragmented message in a segment of its own is echoed")
def dribbled(server: Target) -> None:
    with server.open() as client:
        client.dribble(pieces(TEXT, ["größe".encode()[:3], "größe".encode()[3:], b"", b"!"]))
        client.expect_frame(TEXT, "größe!".encode())


@theme.probe("a message that is not finished within 30 s is 1008", full=True, waits=True)
def never_finished(server: Target) -> None:
    with server.open(limit=40) as client:
        begun = time.monotonic()
        client.send(frame(TEXT, b"x", fin=False))
        client.expect_close(1008)
        assert 29 < time.monotonic() - begun < 32, f"after {time.monotonic() - begun:.1f} s"
