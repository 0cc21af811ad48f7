"""Compressed messages that are bombs, rubbish, or not allowed to be compressed (RFC 7692)."""

import os
import time
import zlib

from client import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Client, frame, frame_head, head
from suite import Theme
from target import KIB, MIB, Target

COMPRESSED = {"compression": {}}
TAKEOVER = {"compression": {"contextTakeover": True}}
theme = Theme("deflate", "what inflates is bounded while it inflates", COMPRESSED)
RSV1 = 4
TAIL = b"\x00\x00\xff\xff"
OFFER = "permessage-deflate; client_max_window_bits"


def compress(data: bytes, compressor: "zlib._Compress | None" = None) -> bytes:
    """As RFC 7692 section 7.2.1 has it."""
    compressor = compressor or zlib.compressobj(9, zlib.DEFLATED, -15)
    deflated = compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH)
    assert deflated.endswith(TAIL)
    return deflated[:-4]


def zeroes(size: int) -> bytes:
    """A message of so many zeroes: what one of 16 MiB compresses to, again and again."""
    step = min(size, 16 * MIB)
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    deflated = compressor.compress(bytes(step)) + compressor.flush(zlib.Z_FULL_FLUSH)
    return (deflated * (size // step))[:-4]


def client_of(server: Target, **how) -> Client:
    return server.open(sec_websocket_extensions=OFFER, **how)


@theme.probe("a bomb of {0} MiB is 1009", [2, 16, 64, 256])
def bomb(server: Target, size: int) -> None:
    with client_of(server) as client:
        client.attempt(frame(BINARY, zeroes(size * MIB), rsv=RSV1))
        client.expect_close(1009)


@theme.probe("a bomb of 1 GiB in 1 MiB is 1009 and costs the limit of messages and half a mebibyte", alone=True)
def great_bomb(server: Target) -> None:
    data = frame(BINARY, zeroes(1024 * MIB), rsv=RSV1)
    assert len(data) < MIB + MIB // 256
    with client_of(server) as client:
        refused_once(server)
        before = server.forget_peak()
        begun = time.monotonic()
        client.attempt(data)
        client.expect_close(1009)
    grown = server.peak() - before
    # 64 KiB of what has come, and what came out of it, while the allocator perhaps moves it.
    assert grown <= MIB + MIB // 2, f"{grown} bytes"
    assert time.monotonic() - begun < 1, f"{time.monotonic() - begun:.2f} s"


def refused_once(server: Target) -> None:
    """Makes resident what a refusal needs, which is code and no memory of messages."""
    with client_of(server) as client:
        client.send(frame(BINARY, compress(b"warm"), rsv=RSV1), frame(BINARY, b"\xff" * 100, rsv=RSV1))
        client.expect_close(1007)


@theme.probe("twenty bombs of 1 GiB at once cost no more than four messages", alone=True)
def bombs(server: Target) -> None:
    data = frame(BINARY, zeroes(1024 * MIB), rsv=RSV1)
    clients = [client_of(server) for _ in range(20)]
    before = server.forget_peak()
    for client in clients:
        client.attempt(data)
    for client in clients:
        client.expect_close(1009)
        client.socket.close()
    grown = server.peak() - before
    # One after the other is inflated, beside 64 KiB of each.
    assert grown <= 4 * MIB, f"{grown} bytes"


@theme.probe(
    "a hundred messages of a mebibyte in 70 KB that never end cost totalReceiveBytes and what has come",
    options={"compression": {}, "limits": {"totalReceiveBytes": 8 * MIB}},
    alone=True,
)
def unfinished(server: Target) -> None:
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    begin = compressor.compress(bytes(900 * KIB)) + compressor.compress(os.urandom(100 * KIB))
    begin = (begin + compressor.flush(zlib.Z_SYNC_FLUSH))[:70_000]
    clients = [client_of(server) for _ in range(100)]
    before = server.forget_peak()
    for client in clients:
        client.send(frame(BINARY, begin, rsv=RSV1, fin=False), frame(PING, b"read"))
        client.expect_frame(PONG, b"read")
    grown = server.peak() - before
    for client in clients:
        client.reset()
    # Of each: what has come, twice, as it is put together, and perhaps an inflater.
    assert grown <= 8 * MIB + 2 * MIB + 100 * (2 * 70_000 + 48 * KIB), f"{grown} bytes"


@theme.probe("a bomb in {0} fragments is 1009", [2, 16, 60])
def bomb_in_fragments(server: Target, count: int) -> None:
    deflated = zeroes(64 * MIB)
    step = len(deflated) // count + 1
    parts = [deflated[at : at + step] for at in range(0, len(deflated), step)]
    with client_of(server) as client:
        client.attempt(frame(BINARY, parts[0], rsv=RSV1, fin=False))
        for part in parts[1:-1]:
            client.attempt(frame(CONTINUATION, part, fin=False))
        client.attempt(frame(CONTINUATION, parts[-1]))
        client.expect_close(1009)


@theme.probe("a message of exactly the limit inflates, and one byte more is 1009")
def exact(server: Target) -> None:
    with client_of(server) as client:
        client.send(frame(BINARY, compress(b"x" * MIB), rsv=RSV1))
        client.expect_frame(BINARY, b"x" * MIB)
        client.send(frame(BINARY, compress(b"x" * (MIB + 1)), rsv=RSV1))
        client.expect_close(1009)


@theme.probe("a bomb that is sent before the handshake was answered is 1009")
def early_bomb(server: Target) -> None:
    with server.connect() as client:
        client.attempt(head(sec_websocket_extensions=OFFER), frame(BINARY, zeroes(64 * MIB), rsv=RSV1))
        client.expect_upgrade()
        client.expect_close(1009)


@theme.probe(
    "a bomb behind a handshake that is refused is never inflated", options={"compression": {}, "handshakes": True}
)
def refused_bomb(server: Target) -> None:
    inflated = server.figure("inflated_messages_total")
    with server.connect() as client:
        client.attempt(head("/reject", sec_websocket_extensions=OFFER), frame(BINARY, zeroes(64 * MIB), rsv=RSV1))
        assert client.response()[0] == 403
    assert server.figure("inflated_messages_total") == inflated


@theme.probe(
    "RSV1 {0} is 1002",
    [
        ("on a ping", frame(PING, b"x", rsv=RSV1)),
        ("on a pong", frame(PONG, b"x", rsv=RSV1)),
        ("on a close frame", frame(CLOSE, b"\x03\xe8", rsv=RSV1)),
        ("on a continuation", frame(BINARY, b"x", rsv=RSV1, fin=False) + frame(CONTINUATION, b"y", rsv=RSV1)),
        (
            "on the continuation of a plain message",
            frame(BINARY, b"x", fin=False) + frame(CONTINUATION, b"y", rsv=RSV1),
        ),
        ("with RSV2", frame(BINARY, b"x", rsv=6)),
        ("with RSV3", frame(BINARY, b"x", rsv=5)),
        ("on a reserved opcode", frame(0x3, b"x", rsv=RSV1)),
    ],
)
def misplaced(server: Target, _: str, data: bytes) -> None:
    with client_of(server) as client:
        client.send(data)
        client.expect_close(1002)


@theme.probe("RSV1 without an agreement is 1002")
def without_agreement(server: Target) -> None:
    with server.open() as client:
        client.send(frame(BINARY, compress(b"x"), rsv=RSV1))
        client.expect_close(1002)


GARBAGE = [
    ("a reserved block type", b"\x07"),
    ("ones", b"\xff" * 100),
    ("a stored block with a wrong check", b"\x00\x05\x00\x00\x00hello"),
    ("a distance beyond the beginning", b"\x4b\x04\x12\x00"),
    ("a table without codes", b"\x04" + bytes(60)),
    ("a gzip header", b"\x1f\x8b\x08\x00\x00\x00\x00\x00"),
    ("a zlib header", b"\x78\x9c\xcb\x48\xcd\xc9\xc9\x07\x00"),
    ("plain text", b"hello, server"),
]


@theme.probe("{0} in place of a compressed message is 1007", GARBAGE)
def garbage(server: Target, _: str, data: bytes) -> None:
    with client_of(server) as client:
        client.send(frame(BINARY, data, rsv=RSV1))
        client.expect_close(1007)


@theme.probe("after {0} the inflater that all share serves the others", GARBAGE)
def garbage_is_forgotten(server: Target, _: str, data: bytes) -> None:
    with client_of(server) as wrong, client_of(server) as right:
        wrong.send(frame(BINARY, data, rsv=RSV1))
        wrong.expect_close(1007)
        right.send(frame(TEXT, compress(b"clean"), rsv=RSV1))
        right.expect_frame(TEXT, b"clean")


SAMPLE = compress(b"The quick brown fox jumps over the lazy dog. " * 3)


@theme.probe("a message cut after {} compressed bytes is 1007 or what has come, never more", range(len(SAMPLE)))
def cut(server: Target, length: int) -> None:
    inflater = zlib.decompressobj(-15)
    whole = inflater.decompress(SAMPLE + TAIL)
    with client_of(server) as client:
        client.send(frame(BINARY, SAMPLE[:length], rsv=RSV1))
        first, payload = client.read_frame()
        if first == 0x82:
            assert whole.startswith(payload), payload
        else:
            assert (first, payload[:2]) == (0x88, b"\x03\xef"), (first, payload)


@theme.probe(
    "a flood of {0} in a message is judged in proportion to its bytes",
    [
        ("empty stored blocks", b"\x00\x00\x00\xff\xff" * 200_000),
        ("empty final blocks", b"\x01\x00\x00\xff\xff" * 200_000),
        ("empty fixed blocks", b"\x02\x08\x20\x80\x00" * 200_000),
    ],
)
def block_flood(server: Target, _: str, data: bytes) -> None:
    begun = time.monotonic()
    with client_of(server) as client:
        client.send(frame(BINARY, data, rsv=RSV1))
        first, payload = client.read_frame()
        assert (first, payload) == (0x82, b"") or (first, payload[:2]) == (0x88, b"\x03\xef"), (first, payload[:20])
    assert time.monotonic() - begun < 2, f"{time.monotonic() - begun:.2f} s"


@theme.probe(
    "a thousand empty compressed messages ({0}) are a thousand echoes", [("no bytes", b""), ("one zero", b"\x00")]
)
def empties(server: Target, _: str, data: bytes) -> None:
    with client_of(server) as client:
        for _ in range(10):
            client.send(frame(BINARY, data, rsv=RSV1) * 100)
            for _ in range(100):
                client.expect_frame(BINARY, b"")


@theme.probe("compressed text that is not UTF-8 is 1007")
def not_utf8(server: Target) -> None:
    with client_of(server) as client:
        client.send(frame(TEXT, compress(b"\xff\xfe"), rsv=RSV1))
        client.expect_close(1007)


@theme.probe("a compressed message that declares {} bytes is 1009", [2 * MIB, 1 << 62])
def declared(server: Target, length: int) -> None:
    with client_of(server) as client:
        client.send(frame_head(BINARY, length, rsv=RSV1))
        client.expect_close(1009)


@theme.probe("a reference to an earlier message is 1007 without context takeover")
def takeover_denied(server: Target) -> None:
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    first, second = (
        compress(b"a sentence of some length", compressor),
        compress(b"a sentence of some length", compressor),
    )
    assert len(second) < len(first)
    with client_of(server) as client:
        client.send(frame(TEXT, first, rsv=RSV1))
        client.expect_frame(TEXT, b"a sentence of some length")
        client.send(frame(TEXT, second, rsv=RSV1))
        client.expect_close(1007)


@theme.probe("a reference to an earlier message of another client is 1007 without takeover")
def takeover_stolen(server: Target) -> None:
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    secret, guess = (
        compress(b"the secret of somebody else", compressor),
        compress(b"the secret of somebody else", compressor),
    )
    with client_of(server) as owner, client_of(server) as thief:
        owner.send(frame(TEXT, secret, rsv=RSV1))
        owner.expect_frame(TEXT, b"the secret of somebody else")
        thief.send(frame(TEXT, guess, rsv=RSV1))
        thief.expect_close(1007)


@theme.probe("with context takeover a reference reaches the client's own messages and nobody else's", options=TAKEOVER)
def takeover(server: Target) -> None:
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    first, second = (
        compress(b"a sentence of some length", compressor),
        compress(b"a sentence of some length", compressor),
    )
    with client_of(server) as owner, client_of(server) as thief:
        for data in (first, second):
            owner.send(frame(TEXT, data, rsv=RSV1))
            owner.expect_frame(TEXT, b"a sentence of some length")
        thief.send(frame(TEXT, second, rsv=RSV1))
        thief.expect_close(1007)


@theme.probe("with context takeover a bomb of many messages is bounded one by one", options=TAKEOVER)
def takeover_bomb(server: Target) -> None:
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    with client_of(server) as client:
        for _ in range(5):
            client.send(frame(BINARY, compress(bytes(MIB), compressor), rsv=RSV1))
            client.expect_frame(BINARY, bytes(MIB))
        client.send(frame(BINARY, compress(bytes(MIB + 1), compressor), rsv=RSV1))
        client.expect_close(1009)


@theme.probe(
    "a window of {} bits in an offer declines it, and the connection is a plain one",
    ["7", "16", "0", "-1", "09", "999999999999999999999", "x"],
)
def window(server: Target, bits: str) -> None:
    with server.connect() as client:
        client.send(head(sec_websocket_extensions=f"permessage-deflate; server_max_window_bits={bits}"))
        assert "sec-websocket-extensions" not in client.expect_upgrade()
        client.send(frame(BINARY, compress(b"x"), rsv=RSV1))
        client.expect_close(1002)


@theme.probe("a message that refers farther back than its window of 9 bits is 1007", options=TAKEOVER)
def beyond_window(server: Target) -> None:
    pattern = bytes(range(256)) * 4
    deflated = compress(b"unique-beginning" + pattern + b"unique-beginning")
    with server.open(sec_websocket_extensions="permessage-deflate; client_max_window_bits=9") as client:
        client.send(frame(BINARY, deflated, rsv=RSV1))
        first, payload = client.read_frame()
        # zlib's smallest window is 9 bits and it may keep somewhat more; never may it be wrong.
        assert (first, payload) == (0x82, b"unique-beginning" + pattern + b"unique-beginning") or payload[
            :2
        ] == b"\x03\xef", (first, payload[:40])


@theme.probe("a hundred compressed clients that say nothing cost no inflater each", alone=True)
def idle(server: Target) -> None:
    before = server.forget_peak()
    clients = [client_of(server) for _ in range(100)]
    grown = server.peak() - before
    for client in clients:
        client.reset()
    assert grown <= 100 * 16 * KIB, f"{grown} bytes"
