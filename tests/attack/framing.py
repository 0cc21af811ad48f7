"""Frames that RFC 6455 section 5 forbids, and lengths that are lies."""

import time

from client import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, frame, frame_head
from suite import Theme
from target import KIB, MIB, Target

theme = Theme("framing", "forbidden frames are refused at their first wrong byte; lengths cost nothing")


@theme.probe(
    "the reserved bits {} without an extension are 1002",
    [
        (name, rsv)
        for rsv, name in [
            (4, "RSV1"),
            (2, "RSV2"),
            (1, "RSV3"),
            (6, "RSV1 and RSV2"),
            (5, "RSV1 and RSV3"),
            (3, "RSV2 and RSV3"),
            (7, "all"),
        ]
    ],
)
def reserved_bits(server: Target, _: str, rsv: int) -> None:
    with server.open() as client:
        client.send(frame(TEXT, b"x", rsv=rsv))
        client.expect_close(1002)


@theme.probe("the reserved opcode {:#x} is 1002", [0x3, 0x4, 0x5, 0x6, 0x7, 0xB, 0xC, 0xD, 0xE, 0xF])
def reserved_opcode(server: Target, opcode: int) -> None:
    with server.open() as client:
        client.send(frame(opcode, b"x"))
        client.expect_close(1002)


@theme.probe("an unmasked frame with the opcode {:#x} is 1002", [TEXT, BINARY, CLOSE, PING, PONG])
def unmasked(server: Target, opcode: int) -> None:
    with server.open() as client:
        client.send(frame(opcode, b"\x03\xe8", masked=False))
        client.expect_close(1002)


@theme.probe(
    "a length of {0} in {1} bits is 1002", [(0, 16), (1, 16), (125, 16), (0, 64), (125, 64), (126, 64), (65535, 64)]
)
def not_minimal(server: Target, length: int, form: int) -> None:
    with server.open() as client:
        client.send(frame_head(BINARY, length, form=form))
        client.expect_close(1002)


@theme.probe("a length of {:#x}, its top bit set, is 1002", [1 << 63, (1 << 64) - 1, (1 << 63) + 5])
def top_bit(server: Target, length: int) -> None:
    with server.open() as client:
        client.send(frame_head(BINARY, length))
        client.expect_close(1002)


@theme.probe("the top bit of a length is refused on its own byte")
def top_bit_alone(server: Target) -> None:
    with server.open() as client:
        client.send(b"\x82\xff\x80")
        client.expect_close(1002)


@theme.probe(
    "a frame that declares {} bytes is 1009 before any of them",
    [MIB + 1, 1 << 31, 1 << 32, (1 << 32) + 5, 1 << 62, (1 << 63) - 1],
)
def too_long(server: Target, length: int) -> None:
    with server.open() as client:
        client.send(frame_head(BINARY, length))
        client.expect_close(1009)


@theme.probe("a first fragment that declares {} bytes is 1009", [MIB + 1, 1 << 62])
def too_long_fragment(server: Target, length: int) -> None:
    with server.open() as client:
        client.send(frame_head(TEXT, length, fin=False))
        client.expect_close(1009)


@theme.probe("two hundred clients that declare a mebibyte each cost what has arrived", alone=True)
def declared(server: Target) -> None:
    before = server.forget_peak()
    clients = [server.open() for _ in range(200)]
    for client in clients:
        client.send(frame_head(BINARY, MIB), b"x" * 64)
    with server.open() as client:
        client.echoes()
    grown = server.peak() - before
    for client in clients:
        client.reset()
    assert grown <= 200 * 32 * KIB, f"{grown} bytes for 200 clients that have sent 64"


@theme.probe("a hundred clients that declare 2^62 bytes cost nothing", alone=True)
def declared_absurdly(server: Target) -> None:
    before = server.forget_peak()
    clients = [server.open() for _ in range(100)]
    for client in clients:
        client.send(frame_head(BINARY, 1 << 62))
    for client in clients:
        client.expect_close(1009)
        client.socket.close()
    grown = server.peak() - before
    assert grown <= 100 * 32 * KIB, f"{grown} bytes"


@theme.probe("the largest message is taken, and one byte more is 1009")
def largest(server: Target) -> None:
    with server.open() as client:
        client.echoes(b"x" * MIB, BINARY)
        client.send(frame_head(BINARY, MIB + 1))
        client.expect_close(1009)


@theme.probe("a message that comes byte by byte is echoed")
def byte_by_byte(server: Target) -> None:
    with server.open() as client:
        client.dribble(frame(TEXT, b"slowly " * 40))
        client.expect_frame(TEXT, b"slowly " * 40)


@theme.probe("a frame cut at byte {} of its head is put together", range(1, 14))
def cut_head(server: Target, at: int) -> None:
    whole = frame(BINARY, b"y" * 70_000)
    with server.open() as client:
        client.send(whole[:at])
        time.sleep(0.002)
        client.send(whole[at:])
        client.expect_frame(BINARY, b"y" * 70_000)


@theme.probe(
    "the wrong byte {0} is refused while the frame's rest is missing",
    [
        ("of a reserved opcode", b"\x83"),
        ("of a reserved bit", b"\x91"),
        ("without a mask", b"\x81\x05"),
        ("of a long ping", b"\x89\xfe"),
        ("of a fragmented ping", b"\x09"),
        ("of a close frame of one byte", b"\x88\x81"),
        ("of a lone continuation", b"\x80"),
    ],
)
def early(server: Target, _: str, begun: bytes) -> None:
    with server.open() as client:
        client.send(begun)
        client.expect_close(1002)


@theme.probe("what came before a forbidden frame is answered, what comes after it is not")
def before_and_after(server: Target) -> None:
    with server.open() as client:
        client.send(frame(TEXT, b"before"), frame(0x3), frame(TEXT, b"after"))
        client.expect_frame(TEXT, b"before")
        client.expect_close(1002)


@theme.probe("masks of zeroes, of ones and of any kind are all undone")
def masks(server: Target) -> None:
    with server.open() as client:
        for key in (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x01\x80\x7f\x00"):
            masked = bytes(byte ^ key[at % 4] for at, byte in enumerate(b"hello"))
            client.send(b"\x81\x85", key, masked)
            client.expect_frame(TEXT, b"hello")


@theme.probe("ten thousand empty messages are ten thousand echoes")
def empty_messages(server: Target) -> None:
    with server.open() as client:
        for _ in range(100):
            client.send(frame(BINARY) * 100)
            for _ in range(100):
                client.expect_frame(BINARY, b"")


@theme.probe(
    "rubbish in place of frames ({}) ends with a close code",
    [
        ("HTTP", b"GET / HTTP/1.1\r\n\r\n", 1002),
        ("zeroes", b"\0" * 64, 1002),
        ("ones", b"\xff" * 64, 1002),
        ("a TLS hello", b"\x16\x03\x01\x02\x00\x01", 1002),
        ("text", b"hello, server", 1002),
    ],
)
def rubbish(server: Target, _: str, data: bytes, code: int) -> None:
    with server.open() as client:
        client.send(data)
        client.expect_close(code)


@theme.probe("a continuation frame with the declared length 2^62 inside a message is 1009")
def long_continuation(server: Target) -> None:
    with server.open() as client:
        client.send(frame(TEXT, b"x", fin=False), frame_head(CONTINUATION, 1 << 62))
        client.expect_close(1009)
