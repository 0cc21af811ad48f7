"""Requests that are wrong, ambiguous or too large, and clients that go away in the middle of one."""

import time

from client import HEADERS, KEY, TEXT, close_frame, frame, head
from suite import Theme
from target import KIB, Target, eventually

theme = Theme("handshake", "requests are read strictly, once, and within 16 KiB")

DEFLATE = {"compression": {}}


def refused(server: Target, request: bytes, status: int) -> dict[str, str]:
    with server.connect() as client:
        client.send(request)
        return client.expect_status(status, to_head=request.startswith(b"HEAD "))


# ---- The request line -----------------------------------------------------------------------------


@theme.probe("the method {} gets 405", ["POST", "PUT", "HEAD", "OPTIONS", "CONNECT", "TRACE", "PRI", "get", "GETX"])
def method(server: Target, name: str) -> None:
    assert refused(server, head(method=name), 405)["allow"] == "GET"


@theme.probe("the version {} gets 505", ["HTTP/1.0", "HTTP/1.2", "HTTP/2.0", "HTTP/3", "HTTP/0.9"])
def version(server: Target, name: str) -> None:
    refused(server, head(version=name), 505)


@theme.probe(
    "{0} in place of a request line gets 400",
    [
        ("a bare LF", b"\nGET / HTTP/1.1\r\n\r\n"),
        ("a space behind an empty line", b"\r\n GET / HTTP/1.1\r\n\r\n"),
        ("a space", b" GET / HTTP/1.1\r\n\r\n"),
        ("a TLS hello", b"\x16\x03\x01\x00\x05hello"),
        ("a PROXY header", b"\r\n\r\n\0\r\nQUIT\n"),
        ("zeroes", b"\0" * 100),
        ("a tab after the method", b"GET\t/ HTTP/1.1\r\n\r\n"),
        ("two spaces", b"GET  / HTTP/1.1\r\n\r\n"),
        ("a lower-case version", b"GET / http/1.1\r\n\r\n"),
        ("no version", b"GET /\r\n\r\n"),
        ("bytes beyond ASCII", b"\xff\xfe\xfd"),
    ],
)
def request_line(server: Target, _: str, request: bytes) -> None:
    refused(server, request, 400)


@theme.probe(
    "the target {!r} gets 400",
    [
        "*",
        "chat",
        "/#top",
        "/\x00",
        "/\x7f",
        "/\xe9",
        "//\t",
        "ftp://127.0.0.1/",
        "http://other.example/",
        "http://u@127.0.0.1/",
        "127.0.0.1:80",
        "javascript:1",
    ],
)
def target(server: Target, text: str) -> None:
    refused(server, head(text), 400)


@theme.probe(
    "the absolute target {} is taken where it agrees with Host",
    ["http://127.0.0.1/", "WS://127.0.0.1/x?y", "wss://127.0.0.1"],
)
def absolute(server: Target, text: str) -> None:
    with server.open(text) as client:
        client.echoes()


@theme.probe("a target of 4 KiB passes and one byte more gets 414")
def long_target(server: Target) -> None:
    with server.open("/" + "x" * (4 * KIB - 1)) as client:
        client.echoes()
    refused(server, head("/" + "x" * 4 * KIB), 414)


# ---- Header lines ---------------------------------------------------------------------------------


@theme.probe(
    "a request without {0} gets {1}",
    [("Host", 400), ("Upgrade", 426), ("Connection", 400), ("Sec-WebSocket-Key", 400), ("Sec-WebSocket-Version", 426)],
)
def missing(server: Target, name: str, status: int) -> None:
    refused(server, head(**{name: None}), status)


@theme.probe(
    "a request with two lines of {0} gets {1}",
    [("Host", 400), ("Sec-WebSocket-Key", 400), ("Sec-WebSocket-Version", 426), ("Origin", 400)],
)
def twice(server: Target, name: str, status: int) -> None:
    value = HEADERS.get(name, "http://127.0.0.1")
    refused(server, head(extra=f"{name.upper()}: {value}\r\n", **{name: value}), status)


@theme.probe(
    "the key {!r} gets 400",
    [
        "",
        "x",
        KEY[:-1],
        KEY + "=",
        KEY[:-3] + "===",
        "dGhlIHNhbXBsZSBub25j-Q==",
        "=" * 24,
        "A" * 24,
        KEY + ", " + KEY,
        "A" * 15_000,
        "\xff" * 24,
    ],
)
def key(server: Target, value: str) -> None:
    refused(server, head(sec_websocket_key=value), 400)


@theme.probe(
    "the WebSocket version {!r} gets 426 and is told 13",
    ["", "0", "8", "12", "14", "013", "13, 8", "-13", "13.0", "9" * 1000],
)
def websocket_version(server: Target, value: str) -> None:
    assert refused(server, head(sec_websocket_version=value), 426)["sec-websocket-version"] == "13"


@theme.probe(
    "{0} gets {3}",
    [
        ("an Upgrade to something else", "Upgrade", "h2c", 426),
        ("an Upgrade that only begins right", "Upgrade", "websockets", 426),
        ("a Connection without upgrade", "Connection", "keep-alive", 400),
        ("an empty Host", "Host", "", 400),
        ("a list of hosts", "Host", "a, b", 400),
        ("a Host with a user", "Host", "a@b", 400),
        ("a Host with a path", "Host", "a/b", 400),
        ("a Host beyond ASCII", "Host", "\xe9", 400),
        ("a Host with an impossible port", "Host", "a:99999", 400),
        ("a foreign Origin", "Origin", "https://evil.example", 403),
        ("the Origin null", "Origin", "null", 403),
        ("an Origin beyond ASCII", "Origin", "http://\xe9", 403),
        ("an Origin of 8 KiB", "Origin", "http://" + "x" * 8192, 403),
        ("a subprotocol that is no token", "Sec-WebSocket-Protocol", "a b", 400),
        ("a subprotocol beyond ASCII", "Sec-WebSocket-Protocol", "caf\xe9", 400),
    ],
)
def wrong_value(server: Target, _: str, name: str, value: str, status: int) -> None:
    refused(server, head(**{name: value}), status)


@theme.probe(
    "{0} gets 400",
    [
        ("a bare LF after the request line", b"GET / HTTP/1.1\nHost: h\r\n\r\n"),
        ("a bare LF after a header", b"GET / HTTP/1.1\r\nHost: h\n\r\n"),
        ("a bare LF at the end", b"GET / HTTP/1.1\r\nHost: h\r\n\n"),
        ("a bare CR in a value", b"GET / HTTP/1.1\r\nHost: h\rX: y\r\n\r\n"),
        ("a line folded with a space", b"GET / HTTP/1.1\r\nHost: h\r\n y\r\n\r\n"),
        ("a line folded with a tab", b"GET / HTTP/1.1\r\nHost: h\r\n\ty\r\n\r\n"),
        ("a space before the first name", b"GET / HTTP/1.1\r\n Host: h\r\n\r\n"),
        ("a space before a colon", b"GET / HTTP/1.1\r\nHost : h\r\n\r\n"),
        ("a line without a colon", b"GET / HTTP/1.1\r\nHost\r\n\r\n"),
        ("an empty name", b"GET / HTTP/1.1\r\n: h\r\n\r\n"),
        ("a NUL in a value", b"GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n"),
        ("a NUL in a name", b"GET / HTTP/1.1\r\nHo\0st: h\r\n\r\n"),
        ("a DEL in a value", b"GET / HTTP/1.1\r\nHost: a\x7fb\r\n\r\n"),
        ("a name beyond ASCII", b"GET / HTTP/1.1\r\nH\xf6st: h\r\n\r\n"),
        ("an escape in a value", b"GET / HTTP/1.1\r\nX: \x1b[2J\r\n\r\n"),
    ],
)
def grammar(server: Target, _: str, request: bytes) -> None:
    refused(server, request, 400)


@theme.probe("a value of every byte beyond ASCII reaches PHP as it is")
def not_ascii(server: Target) -> None:
    value = bytes(range(0x80, 0x100))
    with server.open("/describe", x_bytes=value.decode("latin-1")) as client:
        client.send(frame(TEXT, b"?"))
        assert value.hex().encode() in client.read_frame()[1]


# ---- What two servers could frame differently -----------------------------------------------------


@theme.probe(
    "a handshake with {0} gets 400",
    [
        ("a body", "Content-Length: 5\r\n"),
        ("a signed length", "Content-Length: +0\r\n"),
        ("two lengths", "Content-Length: 0\r\nContent-Length: 9\r\n"),
        ("a list of lengths", "Content-Length: 0, 0\r\n"),
        ("an empty length", "Content-Length:\r\n"),
        ("a hexadecimal length", "Content-Length: 0x0\r\n"),
        ("a chunked body", "Transfer-Encoding: chunked\r\n"),
        ("the coding identity", "Transfer-Encoding: identity\r\n"),
        ("a length and a coding", "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n"),
        ("a coding in odd letters", "tRANSFER-eNCODING: \tchunked\r\n"),
    ],
)
def smuggled(server: Target, _: str, lines: str) -> None:
    refused(server, head(extra=lines), 400)


@theme.probe("a second request behind a refused one is not answered")
def pipelined_requests(server: Target) -> None:
    refused(server, head(sec_websocket_version="8") + head(), 426)


# ---- Floods ---------------------------------------------------------------------------------------


@theme.probe("64 header lines pass, and {} get 431", [65, 100, 1000, 4000])
def header_lines(server: Target, count: int) -> None:
    server.open(**{f"a{n}": "" for n in range(64 - len(HEADERS))}).socket.close()
    refused(server, head(extra="a:\r\n" * (count - len(HEADERS))), 431)


@theme.probe("a head of 16 KiB passes, and one byte more gets 431")
def long_head(server: Target) -> None:
    room = 16 * KIB - len(head(x=""))
    with server.open(x="y" * room) as client:
        client.echoes()
    refused(server, head(x="y" * (room + 1)), 431)


@theme.probe(
    "a head of {0} that never ends gets 431",
    [("one line", b"X: " + b"y" * 2_000_000), ("one name", b"X" * 2_000_000), ("short lines", b"a: b\r\n" * 300_000)],
)
def endless_head(server: Target, _: str, flood: bytes) -> None:
    with server.connect() as client:
        client.attempt(b"GET / HTTP/1.1\r\nHost: h\r\n", flood)
        assert client.response()[0] == 431


@theme.probe("a thousand endless heads leave no memory behind", alone=True)
def endless_heads(server: Target) -> None:
    before = server.forget_peak()
    for _ in range(1000):
        with server.connect() as client:
            client.attempt(b"GET / HTTP/1.1\r\nX: ", b"y" * 17_000)
            assert client.response()[0] == 431
    grown = server.peak() - before
    assert grown < 8 << 20, f"{grown} bytes"


@theme.probe(
    "an extension header of {0} gets {2} at once",
    [
        ("parameters", "permessage-deflate" + "; a" * 5000, 101),
        ("offers", "a," * 7500, 101),
        ("quotes", 'a;b="' + "\\c" * 7400 + '"', 101),
        ("an open quote", 'a;b="' + "c" * 15_000, 400),
        ("backslashes", 'a;b="' + "\\" * 15_000, 400),
        ("semicolons", ";" * 15_000, 400),
        ("spaces", "a" + " " * 14_900 + "b", 400),
        ("commas", "," * 15_000, 101),
        ("names that mean something elsewhere", "constructor, __proto__; hasOwnProperty=1, toString", 101),
        ("one parameter again and again", "permessage-deflate" + "; client_max_window_bits" * 600, 101),
    ],
    options=DEFLATE,
)
def extensions(server: Target, _: str, value: str, status: int) -> None:
    begun = time.monotonic()
    for _ in range(20):
        with server.connect() as client:
            client.send(head(sec_websocket_extensions=value))
            got, headers = client.response()
            assert got == status and "sec-websocket-extensions" not in headers, f"{got} {headers}"
    # Twenty of a quadratic reader would take seconds.
    assert time.monotonic() - begun < 1, f"{time.monotonic() - begun:.2f} s"


@theme.probe("a thousand subprotocols are read, and none is agreed on")
def protocols(server: Target) -> None:
    with server.connect() as client:
        client.send(head(sec_websocket_protocol=", ".join(f"p{n}" for n in range(1000))))
        assert "sec-websocket-protocol" not in client.expect_upgrade()


# ---- When what comes ------------------------------------------------------------------------------


@theme.probe("frames that come with the request are served after it")
def pipelined_frames(server: Target) -> None:
    with server.connect() as client:
        client.send(head(), frame(TEXT, b"early"), frame(TEXT, b"bird"))
        client.expect_upgrade()
        client.expect_frame(TEXT, b"early")
        client.expect_frame(TEXT, b"bird")
        client.send(close_frame(1000))
        client.expect_close(1000)


@theme.probe("a megabyte of frames that comes with the request loses nothing")
def pipelined_flood(server: Target) -> None:
    with server.connect() as client:
        client.send(head(), frame(0x2, b"z" * 1000) * 50)
        client.expect_upgrade()
        for _ in range(50):
            client.expect_frame(0x2, b"z" * 1000)


@theme.probe("a request byte by byte is taken")
def byte_by_byte(server: Target) -> None:
    with server.connect() as client:
        client.dribble(head())
        client.expect_upgrade()
        client.echoes()


@theme.probe("{0} at every byte of a request harms nobody", [("RST", True), ("FIN", False)])
def away(server: Target, _: str, reset: bool) -> None:
    whole = head() + frame(TEXT, b"hello")
    for length in range(0, len(whole), 3):
        with server.connect() as client:
            client.send(whole[:length])
            if reset:
                client.reset()
            else:
                client.finish()
                client.drain()
    eventually("all to be gone", lambda: server.figure("connections") <= 2)


@theme.probe("a client that connects and says nothing more than FIN is let go")
def silent(server: Target) -> None:
    for _ in range(100):
        with server.connect() as client:
            client.finish()
            client.expect_cut()
