"""The body of plain requests, where PHP answers them: what two servers could frame differently is refused."""

from client import TEXT, frame, head
from suite import Theme
from target import KIB, Target

theme = Theme(
    "bodies", "bodies are framed strictly and counted by what has come", {"requests": True, "health": "/health"}
)


def post(lines: str, body: bytes = b"") -> bytes:
    return f"POST /hook HTTP/1.1\r\nHost: h\r\n{lines}\r\n".encode("latin-1") + body


@theme.probe(
    "a body with {0} gets {2}",
    [
        ("two lengths", "Content-Length: 3\r\nContent-Length: 3\r\n", 400),
        ("a list of lengths", "Content-Length: 3, 3\r\n", 400),
        ("a signed length", "Content-Length: +3\r\n", 400),
        ("a negative length", "Content-Length: -1\r\n", 400),
        ("a hexadecimal length", "Content-Length: 0x3\r\n", 400),
        ("an empty length", "Content-Length:\r\n", 400),
        ("a length and a coding", "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", 400),
        ("two codings", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 400),
        ("the coding gzip", "Transfer-Encoding: gzip\r\n", 501),
        ("a list of codings", "Transfer-Encoding: gzip, chunked\r\n", 501),
        ("the coding xchunked", "Transfer-Encoding: xchunked\r\n", 501),
        ("a length over the limit", f"Content-Length: {256 * KIB + 1}\r\n", 413),
        ("a length beyond 64 bits", f"Content-Length: {'9' * 40}\r\n", 413),
        ("an unknown expectation", "Content-Length: 3\r\nExpect: miracles\r\n", 417),
        ("a folded length", "Content-Length:\r\n 3\r\n", 400),
        ("a length with a space before the colon", "Content-Length : 3\r\n", 400),
    ],
)
def framing(server: Target, _: str, lines: str, status: int) -> None:
    with server.connect() as client:
        client.send(post(lines, b"abc"))
        client.expect_status(status)


@theme.probe(
    "chunks with {0} get {2}",
    [
        ("a bare LF", b"3\nabc\r\n0\r\n\r\n", 400),
        ("a signed size", b"+3\r\nabc\r\n0\r\n\r\n", 400),
        ("a size in 0x", b"0x3\r\nabc\r\n0\r\n\r\n", 400),
        ("a space before the size", b" 3\r\nabc\r\n0\r\n\r\n", 400),
        ("a space after it", b"3 \r\nabc\r\n0\r\n\r\n", 400),
        ("no size", b"\r\nabc\r\n0\r\n\r\n", 400),
        ("a size of 17 digits", b"0" * 17 + b"\r\n", 400),
        ("a negative size", b"-1\r\n", 400),
        ("more data than the size", b"3\r\nabcd\r\n0\r\n\r\n", 400),
        ("a size of 2^63", b"8000000000000000\r\n", 413),
        ("a size over the limit", b"40001\r\n", 413),
        ("a NUL in an extension", b"3;\0\r\nabc\r\n", 400),
        ("endless extensions", b"3;" + b"x" * 100_000, 400),
        ("endless trailers", b"0\r\n" + b"a: b\r\n" * 20_000, 400),
        ("a folded trailer", b"0\r\na: b\r\n c\r\n\r\n", 400),
    ],
)
def chunks(server: Target, _: str, body: bytes, status: int) -> None:
    with server.connect() as client:
        client.attempt(post("Transfer-Encoding: chunked\r\n", body))
        assert client.response()[0] == status


@theme.probe("a body of one-byte chunks is taken")
def tiny_chunks(server: Target) -> None:
    with server.connect() as client:
        client.send(post("Transfer-Encoding: chunked\r\n", b"1\r\nx\r\n" * 20_000 + b"0\r\n\r\n"))
        client.expect_status(200)


@theme.probe("a second request behind the first is not answered")
def pipelined(server: Target) -> None:
    with server.connect() as client:
        client.send(post("Content-Length: 3\r\n", b"abc") * 2)
        client.expect_status(200)


@theme.probe("a WebSocket's frames behind a plain request are not served")
def not_a_websocket(server: Target) -> None:
    with server.connect() as client:
        client.send(post("Content-Length: 0\r\n", frame(TEXT, b"x")))
        client.expect_status(200)


@theme.probe("the method {} gets 501", ["TRACE", "CONNECT", "PRI", "post", "POSTS", "X" * 10_000])
def method(server: Target, name: str) -> None:
    with server.connect() as client:
        client.send(head(method=name))
        assert client.response()[0] == 501


@theme.probe("two hundred announced bodies cost nothing until they come", alone=True)
def announced(server: Target) -> None:
    before = server.forget_peak()
    clients = [server.connect() for _ in range(200)]
    for client in clients:
        client.send(post(f"Content-Length: {256 * KIB}\r\n", b"x"))
    with server.open() as client:
        client.echoes()
    grown = server.peak() - before
    for client in clients:
        client.reset()
    assert grown < 200 * 32 * KIB, f"{grown} bytes"


@theme.probe("a handshake inside a body does not become one")
def handshake_in_body(server: Target) -> None:
    with server.connect() as client:
        client.send(post(f"Content-Length: {len(head())}\r\n", head()))
        client.expect_status(200)


@theme.probe("bodies that go away with RST give their bytes back")
def away(server: Target) -> None:
    for _ in range(100):
        with server.connect() as client:
            client.send(post(f"Content-Length: {256 * KIB}\r\n", b"x" * 10_000))
            client.reset()
    with server.connect() as client:
        client.send(post(f"Content-Length: {256 * KIB}\r\n", b"x" * 256 * KIB))
        client.expect_status(200)
