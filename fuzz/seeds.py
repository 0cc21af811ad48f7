#!/usr/bin/env python3
"""Writes seeds/: valid and edge inputs of every target, from which fuzzing starts.

The layout of an input is in the first lines of its target. The files are committed; whoever changes an
input's layout or adds a seed runs this again.
"""

import pathlib
import shutil
import struct
import zlib

HERE = pathlib.Path(__file__).parent
KEY = bytes([0x37, 0xFA, 0x21, 0x3D])
WHOLE = bytes([0, 0])
BY_BYTE = bytes([0, 1])
TEXT, BINARY, MORE, CLOSE, PING, PONG = 0x81, 0x82, 0x80, 0x88, 0x89, 0x8A
OPEN, RSV1 = 0x7F, 0x40  # `& OPEN`: not the last fragment

REQUEST = {
    "Host": "h",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def frame(first, payload=b"", key=KEY):
    length = len(payload)
    if length < 126:
        head = bytes([first, 0x80 | length])
    elif length < 65536:
        head = bytes([first, 0xFE]) + struct.pack(">H", length)
    else:
        head = bytes([first, 0xFF]) + struct.pack(">Q", length)
    return head + key + bytes(byte ^ key[i % 4] for i, byte in enumerate(payload))


def close(code, reason=b""):
    return frame(CLOSE, struct.pack(">H", code) + reason)


def request(target="/chat?a=b", without=(), **fields):
    headers = dict(REQUEST)
    headers.update({name.replace("_", "-"): value for name, value in fields.items()})
    lines = [f"GET {target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers.items() if name not in without]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def deflate(payload, bits=15, dictionary=b""):
    made = (
        zlib.compressobj(9, zlib.DEFLATED, -bits, zdict=dictionary)
        if dictionary
        else zlib.compressobj(9, zlib.DEFLATED, -bits)
    )
    return (made.compress(payload) + made.flush(zlib.Z_SYNC_FLUSH)).removesuffix(b"\0\0\xff\xff")


def v2(command, family, body):
    return b"\r\n\r\n\0\r\nQUIT\n" + bytes([command, family]) + struct.pack(">H", len(body)) + body


def field(kind, value):
    return bytes([kind]) + struct.pack(">H", len(value)) + value


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


STREAMS = {
    "messages": frame(TEXT, "aé€𝄞".encode()) + frame(BINARY, b"\xff\x00") + frame(TEXT),
    "fragments": frame(TEXT & OPEN, b"\xe2")
    + frame(PING, b"between")
    + frame(MORE & OPEN, b"\x82")
    + frame(MORE & OPEN)
    + frame(PONG)
    + frame(MORE, b"\xac")
    + frame(TEXT, b"after"),
    "lengths": frame(BINARY, b"a" * 125) + frame(BINARY, b"b" * 126) + frame(TEXT, b"c" * 300),
    "close": frame(TEXT, b"last") + close(1000, "bye €".encode()) + frame(TEXT, b"unread"),
    "close-without-code": frame(PING) + frame(CLOSE),
    "close-code-1005": close(1005),
    "close-code-1014": close(1014, b"gateway"),
    "close-one-byte": frame(CLOSE, b"\x03"),
    "unmasked": b"\x81\x05hello",
    "reserved-bits": b"\xb1\x85" + KEY + b"hello",
    "reserved-opcode": frame(0x83, b"x"),
    "long-ping": frame(PING, b"p" * 125) + frame(PING, b"p" * 126),
    "not-minimal": b"\x82\xfe\x00\x05" + KEY + b"hello",
    "top-bit": b"\x82\xff\x80\0\0\0\0\0\0\x01" + KEY,
    "declared-only": b"\x82\xff\0\0\0\0\0\x0f\0\0" + KEY + b"few",
    "too-big": frame(BINARY, b"x" * 1100),
    "interrupted": frame(TEXT & OPEN, b"open") + frame(TEXT, b"again"),
    "stray-continuation": frame(MORE, b"of nothing"),
    "no-text": frame(TEXT, b"a\xed\xa0\x80b"),
    "many-fragments": frame(BINARY & OPEN) + frame(MORE & OPEN, b"x") * 70,
    "pings": frame(PING, b"1") * 40 + frame(TEXT, b"x"),
    "half": frame(TEXT, b"half a frame")[:-4],
}

# More than is put together before it is inflated.
NUMBERS = b"".join(b"%d, " % (number * number) for number in range(150))

COMPRESSED = {
    "compressed": frame(TEXT | RSV1, deflate(b"hello, hello, hello")) + frame(TEXT, b"plain"),
    "compressed-fragments": frame((TEXT | RSV1) & OPEN, deflate(b"abcabcabc")[:3])
    + frame(MORE, deflate(b"abcabcabc")[3:]),
    "compressed-bomb": frame(BINARY | RSV1, deflate(bytes(100_000))),
    "compressed-corrupt": frame(TEXT | RSV1, b"\xff\xff\xff"),
    "compressed-large": frame(TEXT | RSV1, deflate(NUMBERS)) + frame(TEXT | RSV1, deflate(NUMBERS[:300])),
    "compressed-large-fragments": frame((TEXT | RSV1) & OPEN, deflate(NUMBERS)[:99])
    + frame(MORE & OPEN, deflate(NUMBERS)[99:330])
    + frame(PING, b"between")
    + frame(MORE, deflate(NUMBERS)[330:]),
    "compressed-large-corrupt": frame(BINARY | RSV1, deflate(NUMBERS)[:250] + b"\xff" * 200),
    "compressed-no-text": frame(TEXT | RSV1, deflate(b"\xff\xfe")),
    "compressed-ping": frame(PING | RSV1, b"x"),
    "compressed-context": frame(TEXT | RSV1, deflate(b"context context"))
    + frame(TEXT | RSV1, deflate(b"context context", dictionary=b"context context")),
}

OFFERS = {
    "plain": "permessage-deflate",
    "all": "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
    "; server_max_window_bits=10; client_max_window_bits=12",
    "quoted": 'permessage-deflate; client_max_window_bits="1\\0"',
    "second": "permessage-deflate; server_max_window_bits=8, permessage-deflate; client_max_window_bits",
    "unknown": "permessage-deflate; what=ever\nx-webkit-deflate-frame, ,permessage-deflate",
    "repeated": "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
    "malformed": "permessage-deflate; server_max_window_bits=",
    "case": 'PerMessage-Deflate ;\tclient_max_window_bits = 15 , a;b="c"',
}

V4 = bytes([203, 0, 113, 9, 10, 0, 0, 1, 0xDC, 0x04, 0x01, 0xBB])
V6 = bytes(range(32)) + bytes([0, 1, 0, 2])
MAPPED = bytes(10) + b"\xff\xff\xcb\x00\x71\x09" + bytes(16) + bytes(4)
TLS = field(0x20, b"\x01\0\0\0\0" + field(0x21, b"TLSv1.3"))


HS256 = b'{"alg":"HS256"}\n'
SIGNED, IN_QUERY, IN_COOKIE, RAW = 1, 2, 4, 8
CREDENTIALS = {
    "good": (SIGNED, HS256 + b'{"sub":"ann","exp":1800000060,"topics":["a"],"tags":{"a":1,"b":"x"}}'),
    "query": (SIGNED | IN_QUERY, HS256 + b'{"sub":7,"exp":1800000060.5,"iat":1800000000,"nbf":1800000000}'),
    "cookie": (SIGNED | IN_COOKIE, HS256 + b'{"sub":null,"exp":1e300,"aud":[]}'),
    "expired": (SIGNED, HS256 + b'{"exp":1799999970}'),
    "future": (SIGNED, HS256 + b'{"exp":1800000060,"nbf":1800000031}'),
    "others": (SIGNED, HS256 + b'{"exp":1800000060,"aud":"x"}'),
    "none": (SIGNED, b'{"alg":"none"}\n{"exp":1800000060}'),
    "crit": (SIGNED, b'{"alg":"HS256","crit":["b64"],"b64":false,"kid":"a"}\n{"exp":1800000060}'),
    "nested": (SIGNED, HS256 + b'{"exp":1800000060,"a":' + b"[" * 200 + b"]" * 200 + b"}"),
    "unsigned": (0, b"eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjE4MDAwMDAwNjB9.AAAA"),
    "basic": (RAW, b"Basic YXBwOnNlY3JldA=="),
    "wrong-basic": (RAW, b"basic YXBwOnNlY3JlZA=="),
}


def with_checksum():
    blank = v2(0x21, 0x11, V4 + field(0x04, b"noop") + field(0x03, bytes(4)))
    return blank[:-4] + struct.pack(">I", crc32c(blank))


PROXY = {
    "v1-tcp4": b"PROXY TCP4 203.0.113.9 10.0.0.1 56324 443\r\nGET",
    "v1-tcp6": b"PROXY TCP6 2001:db8::9 ::ffff:10.0.0.1 0 65535\r\n",
    "v1-unknown": b"PROXY UNKNOWN ffff::1 and more\r\n",
    "v1-too-long": b"PROXY UNKNOWN " + b"f" * 93 + b"\r\n",
    "v1-port": b"PROXY TCP4 203.0.113.9 10.0.0.1 056324 443\r\n",
    "v2-local": v2(0x20, 0x00, b"ignored"),
    "v2-tcp4": v2(0x21, 0x11, V4) + b"\x16\x03\x01",
    "v2-tcp6": v2(0x21, 0x21, V6),
    "v2-mapped": v2(0x21, 0x21, MAPPED),
    "v2-unix": v2(0x21, 0x31, bytes(216)),
    "v2-tls": v2(0x21, 0x11, V4 + field(0x04, b"") + TLS),
    "v2-checksum": with_checksum(),
    "v2-cut-field": v2(0x21, 0x11, V4 + b"\x04\x00\x09"),
    "tls-hello": b"\x16\x03\x01\x02\x00",
}

HEADS = {
    "plain": (0, WHOLE, request()),
    "by-byte": (0, BY_BYTE, request() + frame(TEXT, b"early")),
    "listed-origin": (1, WHOLE, request(Origin="https://a.example")),
    "foreign-origin": (0, WHOLE, request(Origin="https://evil.example")),
    "own-origin": (16, WHOLE, request(Host="a.example:443", Origin="https://a.example")),
    "forwarded": (2, WHOLE, request(X_Forwarded_For="203.0.113.9, 10.0.0.2", X_Forwarded_Proto="https")),
    "forwarded-rfc": (2, WHOLE, request(Forwarded='for="[2001:db8::9]:47";proto=https, for=10.0.0.3')),
    "extensions": (4, WHOLE, request(Sec_WebSocket_Extensions=OFFERS["all"], Sec_WebSocket_Protocol="x, chat")),
    "absolute": (0, WHOLE, request("ws://h/x?y")),
    "small": (8, bytes([30, 7]), request("/", Connection="keep-alive, upgrade")),
    "no-key": (0, WHOLE, request(without=["Sec-WebSocket-Key"])),
    "post": (0, WHOLE, request().replace(b"GET", b"POST")),
    "bare-lf": (0, WHOLE, request().replace(b"\r\n", b"\n")),
    "body": (0, WHOLE, request(Content_Length="5") + b"hello"),
    "folded": (0, WHOLE, request().replace(b"Host: h", b"Host: h\r\n x")),
}

DEFLATED = {
    "hello": (0, deflate(b"Hello")),
    "stored": (0, b"\x00\x05\x00\xfa\xffHello\x00"),
    "final": (0, b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00"),
    "two-blocks": (0, b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"),
    "ends-of-streams": (0, b"\x03\x00" * 40),
    "bomb": (0, deflate(bytes(1 << 20))),
    "dynamic": (6, deflate(bytes(range(64)) * 3 + b"the quick brown fox " * 20)),
    "takeover": (8 | 6, deflate(b"first message") + deflate(b"first message", dictionary=b"first message")),
    "small-window": (8, deflate(b"abcdefgh" * 200, 9)),
    "corrupt": (0, b"\xff\xff\xff\xff"),
}

PLAIN, DEFLATE, TAKEOVER, PROXIED = range(4)
ASKED, DECIDES, REJECTS, PAUSES, CLOSES, VANISHES = 4, 8, 16, 32, 64, 128

CONNECTIONS = {
    "request": (PLAIN, WHOLE, request() + STREAMS["messages"]),
    "refused": (PLAIN, WHOLE, request(without=["Upgrade"]) + b"ignored"),
    "half-a-request": (PLAIN, BY_BYTE, request()[:60]),
    "decided": (ASKED | DECIDES, WHOLE, STREAMS["close"]),
    "rejected": (ASKED | DECIDES | REJECTS, WHOLE, STREAMS["messages"]),
    "paused": (ASKED | PAUSES, bytes([0, 20]), STREAMS["fragments"] + STREAMS["messages"]),
    "closed-by-the-application": (ASKED | CLOSES, bytes([0, 9]), STREAMS["messages"] + close(4000)),
    "ping-after-the-close": (ASKED | CLOSES, bytes([7, 0]), frame(TEXT, b"x") + frame(PING, b"still there?")),
    "vanished": (ASKED | VANISHES, WHOLE, STREAMS["lengths"]),
    "credit": (ASKED, WHOLE, frame(TEXT, b"x" * 600) * 12),
    "proxied": (PROXIED, bytes([3, 0]), PROXY["v1-tcp4"][:-3] + request() + STREAMS["messages"]),
    "proxied-tls": (PROXIED, WHOLE, PROXY["v2-tls"] + request(X_Forwarded_For="10.0.0.4")),
    "proxied-not": (PROXIED, WHOLE, request()),
}


def seeds():
    for name in (
        "messages",
        "fragments",
        "lengths",
        "close",
        "not-minimal",
        "declared-only",
        "interrupted",
        "no-text",
        "many-fragments",
    ):
        yield "frames", name, bytes([1]) + BY_BYTE + STREAMS[name]
    yield "frames", "too-big", bytes([0]) + WHOLE + STREAMS["too-big"]
    for name in ("compressed", "compressed-fragments"):
        yield "frames", name, bytes([5]) + bytes([5, 0]) + COMPRESSED[name]
        yield "frames", f"{name}-in-parts", bytes([5 | 64]) + bytes([5, 0]) + COMPRESSED[name] * 5
    for name, kind in (("large", 8 | 2), ("large-text", 8 | 16 | 2), ("large-compressed", 128 | 64 | 32 | 8 | 4 | 2)):
        yield "frames", name, bytes([kind, 0, 0]) + b"i" * 32 + STREAMS["messages"]

    for name in (
        "messages",
        "fragments",
        "close",
        "close-code-1005",
        "close-code-1014",
        "close-one-byte",
        "unmasked",
        "reserved-bits",
        "reserved-opcode",
        "long-ping",
        "not-minimal",
        "top-bit",
        "stray-continuation",
        "half",
    ):
        yield "differential", name, bytes([0]) + STREAMS[name]
    yield "differential", "too-big", bytes([1]) + STREAMS["too-big"]

    for name, (options, cuts, data) in HEADS.items():
        yield "request_head", name, bytes([options]) + cuts + data
    for name, value in OFFERS.items():
        yield "extension_header", name, bytes([15 if name == "plain" else 6]) + value.encode()
    for name, data in PROXY.items():
        yield "proxy_header", name, bytes([5, 3]) + data
    for name, (options, data) in DEFLATED.items():
        cut = len(deflate(b"first message")) if name == "takeover" else 0
        yield "inflate", name, bytes([options, 0x10, 0, cut, 0]) + data
        yield "inflate", f"{name}-in-parts", bytes([options | 64, 0x10, 0, cut, 0]) + data
    # It ends in a block whose table of codes is not whole, which not everybody calls corrupt.
    yield (
        "inflate",
        "unused-table",
        bytes.fromhex(
            "00f8000000ecc13101000000c2a0f54f6d085fa000000000000000000000000000000000000000000000ff0900"
            "00000000000000230000000000000000000000000000000000000000000000001500"
        ),
    )

    pings = b"".join(frame(PING, b"%d" % number) for number in range(80))
    yield "connection", "more-pings-than-wait", bytes([ASKED]) + WHOLE + pings
    yield "connection", "more-pings-than-wait-and-the-end", bytes([ASKED]) + WHOLE + pings + frame(CLOSE, b"")
    for name in ("fragments", "close-without-code", "no-text", "unmasked", "pings"):
        yield "connection", name, bytes([ASKED]) + WHOLE + STREAMS[name]
    for name in (
        "compressed",
        "compressed-bomb",
        "compressed-corrupt",
        "compressed-no-text",
        "compressed-large",
        "compressed-large-fragments",
        "compressed-large-corrupt",
    ):
        yield "connection", name, bytes([ASKED | DEFLATE]) + WHOLE + COMPRESSED[name]
    for name in ("compressed-large", "compressed-large-fragments"):
        yield "connection", f"{name}-takeover", bytes([ASKED | TAKEOVER, 1, 70]) + COMPRESSED[name]
    yield (
        "connection",
        "compressed-large-unfinished",
        bytes([ASKED | DEFLATE]) + WHOLE + COMPRESSED["compressed-large"][:300],
    )
    yield "connection", "compressed-context", bytes([ASKED | TAKEOVER]) + WHOLE + COMPRESSED["compressed-context"]
    for name, (options, data) in CREDENTIALS.items():
        yield "credential", name, bytes([options]) + data
    for name, (options, cuts, data) in CONNECTIONS.items():
        yield "connection", name, bytes([options]) + cuts + data


def main():
    shutil.rmtree(HERE / "seeds", ignore_errors=True)
    for target, name, data in seeds():
        folder = HERE / "seeds" / target
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


if __name__ == "__main__":
    main()
