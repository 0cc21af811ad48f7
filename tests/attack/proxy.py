"""PROXY headers that are none, and forwarded headers of those who are no proxy."""

import json
import struct
import time

from client import TEXT, Client, frame, head
from suite import Theme
from target import Target

PROXIED = {"listen": "127.0.0.1:0?proxy_protocol"}
TRUSTING = {"trustedProxies": ["127.0.0.1", "10.0.0.0/8"]}
theme = Theme("proxy", "only who may says who a client is", PROXIED)

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
V4 = bytes([203, 0, 113, 9, 10, 0, 0, 1]) + struct.pack("!HH", 56324, 443)
V6 = bytes.fromhex("20010db8000000000000000000000009") + bytes(15) + b"\1" + struct.pack("!HH", 1, 2)


def v2(body: bytes, command: int = 0x21, family: int = 0x11, length: int | None = None) -> bytes:
    return SIGNATURE + struct.pack("!BBH", command, family, len(body) if length is None else length) + body


def described(client: Client) -> dict:
    client.send(frame(TEXT, b"?"))
    return json.loads(client.read_frame()[1])


@theme.probe(
    "the header {0} is taken",
    [
        ("of version 1", b"PROXY TCP4 203.0.113.9 10.0.0.1 56324 443\r\n", "203.0.113.9"),
        ("of version 1 with IPv6", b"PROXY TCP6 2001:db8::9 ::1 1 2\r\n", "2001:db8::9"),
        ("of a proxy that does not know", b"PROXY UNKNOWN\r\n", "127.0.0.1"),
        ("of version 2", v2(V4), "203.0.113.9"),
        ("of version 2 with IPv6", v2(V6, family=0x21), "2001:db8::9"),
        ("of a proxy's own", v2(b"", command=0x20, family=0), "127.0.0.1"),
        ("of 536 bytes", v2(V4 + struct.pack("!BH", 0xE0, 505) + bytes(505)), "203.0.113.9"),
        ("of 65551 bytes", v2(V4 + struct.pack("!BH", 0xE0, 65520) + bytes(65520)), "203.0.113.9"),
    ],
)
def right(server: Target, _: str, header: bytes, address: str) -> None:
    with server.connect() as client:
        client.send(header)
        client.upgrade("/describe")
        assert described(client)["address"] == address


@theme.probe(
    "a header of version {0}, a byte in each segment, is taken",
    [(1, b"PROXY TCP4 203.0.113.9 10.0.0.1 56324 443\r\n"), (2, v2(V4))],
)
def dribbled(server: Target, _: int, header: bytes) -> None:
    with server.connect() as client:
        client.dribble(header + head("/describe"))
        client.expect_upgrade()
        assert described(client)["address"] == "203.0.113.9"


@theme.probe(
    "a header of version {0} cut in two at every byte is taken",
    [(1, b"PROXY TCP4 203.0.113.9 10.0.0.1 1 2\r\n"), (2, v2(V4))],
)
def split(server: Target, _: int, header: bytes) -> None:
    for at in range(1, len(header)):
        with server.connect() as client:
            client.send(header[:at])
            time.sleep(0.0005)
            client.send(header[at:], head())
            client.expect_upgrade()


@theme.probe(
    "{0} is closed without an answer",
    [
        ("a request without a header", head()),
        ("a TLS hello", b"\x16\x03\x01\x02\x00"),
        ("small letters", b"proxy TCP4 1.2.3.4 1.2.3.4 1 2\r\n"),
        ("an unknown family", b"PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n"),
        ("UDP", b"PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n"),
        ("two spaces", b"PROXY  TCP4 1.2.3.4 1.2.3.4 1 2\r\n"),
        ("a space at the end", b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n"),
        ("a missing port", b"PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n"),
        ("a port too many", b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n"),
        ("a port of 65536", b"PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n"),
        ("a signed port", b"PROXY TCP4 1.2.3.4 1.2.3.4 +1 2\r\n"),
        ("a port with a zero before it", b"PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n"),
        ("an octal address", b"PROXY TCP4 1.2.3.04 1.2.3.4 1 2\r\n"),
        ("half an address", b"PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n"),
        ("a name", b"PROXY TCP4 localhost 1.2.3.4 1 2\r\n"),
        ("IPv6 as IPv4", b"PROXY TCP4 ::1 1.2.3.4 1 2\r\n"),
        ("a zone", b"PROXY TCP6 fe80::1%lo ::1 1 2\r\n"),
        ("a bare LF", b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n"),
        ("a bare CR", b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\rx"),
        ("a line of 108 bytes", b"PROXY UNKNOWN " + b"f" * 92 + b"\r\n"),
        ("a line without an end", b"PROXY UNKNOWN " + b"f" * 100_000),
        ("bytes beyond ASCII", b"PROXY TCP4 \xff 1.2.3.4 1 2\r\n"),
        ("a signature with a wrong byte", SIGNATURE[:-1] + b"\r"),
        ("version 1 in binary", v2(V4, command=0x11)),
        ("version 3", v2(V4, command=0x31)),
        ("an unknown command", v2(V4, command=0x22)),
        ("a family that is none", v2(bytes(216), family=0x41)),
        ("a transport that is none", v2(V4, family=0x13)),
        ("no addresses", v2(b"")),
        ("half the addresses", v2(V4[:11])),
        ("IPv4 addresses as IPv6", v2(V4, family=0x21)),
        ("a whole header whose addresses are zeroes of no family", v2(bytes(65_535), family=0x41)),
        ("a field that is cut off", v2(V4 + b"\x04\x00\x10")),
        ("a field longer than the rest", v2(V4 + b"\x04\xff\xff")),
        ("a wrong checksum", v2(V4 + b"\x03\x00\x04\0\0\0\0")),
        ("a TLS field too short", v2(V4 + b"\x20\x00\x01\x01")),
    ],
)
def wrong(server: Target, _: str, header: bytes) -> None:
    with server.connect() as client:
        client.attempt(header)
        client.expect_cut()


@theme.probe("a second header is no request")
def twice(server: Target) -> None:
    with server.connect() as client:
        client.send(b"PROXY UNKNOWN\r\n" * 2)
        client.expect_status(405)


@theme.probe(
    "a header that stalls after {0} is cut off at handshakeTimeout",
    [
        ("nothing", b""),
        ("version 1's first word", b"PROXY "),
        ("version 2's signature", SIGNATURE),
        ("half the addresses", v2(V4)[:20]),
    ],
    waits=True,
)
def stalled(server: Target, _: str, header: bytes) -> None:
    with server.connect(limit=10) as client:
        begun = time.monotonic()
        client.send(header)
        client.expect_cut()
        assert abs(time.monotonic() - begun - 5) <= 1, f"after {time.monotonic() - begun:.2f} s"


@theme.probe("RST at every byte of a header harms nobody")
def away(server: Target) -> None:
    for header in (b"PROXY TCP4 203.0.113.9 10.0.0.1 56324 443\r\n", v2(V4)):
        for length in range(len(header) + 1):
            with server.connect() as client:
                client.send(header[:length])
                client.reset()


@theme.probe(
    "a PROXY header of version {0} where none is demanded gets {2}",
    [(1, b"PROXY UNKNOWN\r\n", 405), (2, v2(V4), 400)],
    options={},
)
def undemanded(server: Target, _: int, header: bytes, status: int) -> None:
    with server.connect() as client:
        client.send(header, head())
        client.expect_status(status)


SPOOFS = [
    ("X-Forwarded-For", {"X-Forwarded-For": "198.51.100.7"}),
    ("X-Forwarded-Proto", {"X-Forwarded-Proto": "https"}),
    ("Forwarded", {"Forwarded": "for=198.51.100.7;proto=https"}),
    ("X-Real-IP", {"X-Real-IP": "198.51.100.7"}),
    ("all of them", {"X-Forwarded-For": "198.51.100.7", "Forwarded": "for=198.51.100.7", "X-Forwarded-Proto": "https"}),
]


@theme.probe("{0} from somebody who is no trusted proxy is not believed", SPOOFS, options={})
def spoofed(server: Target, _: str, headers: dict[str, str]) -> None:
    with server.open("/describe", **headers) as client:
        seen = described(client)
        assert (seen["address"], seen["secure"]) == ("127.0.0.1", False), seen


@theme.probe(
    "X-Forwarded-For {0!r} from a trusted proxy names {1}",
    [
        ("198.51.100.7", "198.51.100.7"),
        ("6.6.6.6, 198.51.100.7", "198.51.100.7"),
        ("6.6.6.6, 198.51.100.7, 10.0.0.3", "198.51.100.7"),
        ("127.0.0.1, 198.51.100.7", "198.51.100.7"),
        ("198.51.100.7, unknown", "127.0.0.1"),
        ("198.51.100.7:8080", "198.51.100.7"),
        ("[2001:db8::9]:1", "2001:db8::9"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("1.2.3.4.5", "127.0.0.1"),
        ('"198.51.100.7', "127.0.0.1"),
        ("", "127.0.0.1"),
        (",,,", "127.0.0.1"),
        ("198.51.100.7, " * 700 + "10.0.0.3", "198.51.100.7"),
        ("10.0.0.3, " * 1000 + "10.0.0.4", "10.0.0.3"),
        ("\xff\xfe", "127.0.0.1"),
        ("256.1.1.1", "127.0.0.1"),
        ("198.51.100.7%00", "127.0.0.1"),
    ],
    options=TRUSTING,
)
def forwarded(server: Target, value: str, address: str) -> None:
    with server.open("/describe", x_forwarded_for=value) as client:
        assert described(client)["address"] == address


@theme.probe(
    "Forwarded {0!r} from a trusted proxy names {1}",
    [
        ("for=198.51.100.7", "198.51.100.7"),
        ('for="[2001:db8::9]:1"', "2001:db8::9"),
        ("for=6.6.6.6, for=198.51.100.7", "198.51.100.7"),
        ('for="6.6.6.6, for=198.51.100.7', "198.51.100.7"),
        ("for=6.6.6.6;for=198.51.100.7", "127.0.0.1"),
        ("for=_hidden", "127.0.0.1"),
        (";" * 8000, "127.0.0.1"),
        ('"' * 8000, "127.0.0.1"),
        ('for="198.51.100.7\\"', "127.0.0.1"),
    ],
    options=TRUSTING,
)
def forwarded_too(server: Target, value: str, address: str) -> None:
    with server.open("/describe", forwarded=value) as client:
        assert described(client)["address"] == address
