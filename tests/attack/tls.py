"""TLS handshakes that are rubbish, cut, slow or many, and records that are not what they should be."""

import contextlib
import ssl
import struct
import subprocess
import time

from client import BINARY, MASK, TEXT, Client, frame, head
from suite import Theme
from target import KIB, MIB, Target, eventually, seconds

theme = Theme("tls", "a handshake is bounded in time and size, and costs nobody else their turn", {"tls": True})


class Secure:
    """A TLS client without a socket: what it would send is handed over, to be cut and changed."""

    def __init__(self, server: Target, *, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3):
        context = ssl.create_default_context(cafile=server.ca)
        context.minimum_version = context.maximum_version = version
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.session = context.wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")

    def hello(self) -> bytes:
        with contextlib.suppress(ssl.SSLWantReadError):
            self.session.do_handshake()
        return self.outgoing.read()

    def shake_hands(self, client: Client, first: bytes | None = None, send=None) -> None:
        """The handshake over that socket; `send` says how bytes leave."""
        send = send or client.send
        send(self.hello() if first is None else first)
        while True:
            try:
                self.session.do_handshake()
                break
            except ssl.SSLWantReadError:
                if waiting := self.outgoing.read():
                    send(waiting)
                piece = client.socket.recv(1 << 16)
                assert piece, "the server ended the handshake"
                self.incoming.write(piece)
        if waiting := self.outgoing.read():
            send(waiting)

    def seal(self, data: bytes) -> bytes:
        """As one record, or as many as it takes."""
        self.session.write(data)
        return self.outgoing.read()

    def read(self, client: Client, count: int) -> bytes:
        data = b""
        while len(data) < count:
            try:
                data += self.session.read(count - len(data))
            except ssl.SSLWantReadError:
                piece = client.socket.recv(1 << 16)
                assert piece, f"the end after {data!r}"
                self.incoming.write(piece)
        return data

    def upgrade(self, client: Client) -> None:
        client.send(self.seal(head()))
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += self.read(client, 1)
        assert answer.startswith(b"HTTP/1.1 101"), answer


def alert_or_end(client: Client) -> None:
    """Records of TLS, an alert or the server's part of the handshake, and the end; or nothing at all."""
    data = b""
    try:
        while piece := client.socket.recv(4096):
            data += piece
    except ConnectionResetError:
        pass
    while data:
        kind, _, length = struct.unpack("!BHH", data[:5])
        assert kind in (20, 21, 22, 23), f"no record of TLS: {data[:40]!r}"
        data = data[5 + length :]


def record(kind: int, body: bytes, length: int | None = None) -> bytes:
    return struct.pack("!BHH", kind, 0x0303, len(body) if length is None else length) + body


@theme.probe(
    "plain HTTP ({}) gets a 400 that says so", ["GET / HTTP/1.1\r\n\r\n", "POST / HTTP/1.1\r\n\r\n", head().decode()]
)
def plain(server: Target, request: str) -> None:
    with server.connect() as client:
        client.send(request.encode())
        client.expect_status(400)


@theme.probe(
    "{0} in place of a handshake ends with an alert",
    [
        ("zeroes", b"\0" * 100),
        ("ones", b"\xff" * 100),
        ("a hello of SSL 2", b"\x80\x2e\x01\x03\x01\x00\x15\x00\x00\x00\x10" + b"\x01" * 40),
        ("application data", record(23, b"x" * 50)),
        ("an alert", record(21, b"\x02\x28")),
        ("a change of ciphers", record(20, b"\x01")),
        ("a heartbeat", record(24, b"\x01\x40\x00")),
        ("an empty record", record(22, b"")),
        ("a record of an unknown kind", record(99, b"x")),
        ("a record of 65 535 bytes", record(22, b"x" * 65_535)),
        ("a handshake message of 16 MiB", record(22, b"\x01\xff\xff\xff" + b"x" * 16_000) * 10),
        (
            "a hello without extensions",
            record(22, b"\x01\x00\x00\x29\x03\x03" + b"r" * 32 + b"\x00\x00\x02\x13\x01\x01\x00"),
        ),
        ("a finished message first", record(22, b"\x14\x00\x00\x0c" + b"f" * 12)),
        ("text in small letters", b"hello, server\r\n\r\n"),
    ],
)
def rubbish(server: Target, _: str, data: bytes) -> None:
    with server.connect(limit=8) as client:
        client.attempt(data)
        client.finish()
        alert_or_end(client)


@theme.probe(
    "a hello whose byte {} is changed ends with an alert or a handshake, never without an end", range(0, 80, 4)
)
def changed(server: Target, at: int) -> None:
    hello = bytearray(Secure(server).hello())
    hello[at] ^= 0xFF
    with server.connect(limit=8) as client:
        client.attempt(bytes(hello))
        client.finish()
        alert_or_end(client)


@theme.probe("{0} at every sixteenth byte of a hello harms nobody", [("RST", True), ("FIN", False)])
def cut_hello(server: Target, _: str, reset: bool) -> None:
    hello = Secure(server).hello()
    for length in range(0, len(hello), 16):
        with server.connect() as client:
            client.send(hello[:length])
            if reset:
                client.reset()
            else:
                client.finish()
                alert_or_end(client)


@theme.probe(
    "RST after each record of a handshake harms nobody ({0})",
    [("TLS 1.2", ssl.TLSVersion.TLSv1_2), ("TLS 1.3", ssl.TLSVersion.TLSv1_3)],
)
def cut_handshake(server: Target, _: str, version: ssl.TLSVersion) -> None:
    for allowed in range(1, 5):
        with server.connect() as client:
            with contextlib.suppress(EndOfPatience):
                Secure(server, version=version).shake_hands(client, send=Sparing(client, allowed).send)
            client.reset()


class EndOfPatience(Exception):
    pass


class Sparing:
    """Sends so many records and no more."""

    def __init__(self, client: Client, records: int):
        self._client, self._left = client, records

    def send(self, data: bytes) -> None:
        while data:
            if self._left == 0:
                raise EndOfPatience
            length = 5 + int.from_bytes(data[3:5], "big")
            self._client.send(data[:length])
            data, self._left = data[length:], self._left - 1


@theme.probe("{0} is refused", [("TLS 1.0", ssl.TLSVersion.TLSv1), ("TLS 1.1", ssl.TLSVersion.TLSv1_1)])
def old(server: Target, _: str, version: ssl.TLSVersion) -> None:
    secure = Secure(server)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    secure.session = context.wrap_bio(secure.incoming, secure.outgoing, server_hostname="localhost")
    with server.connect() as client:
        client.send(secure.hello())
        # A fatal alert: protocol_version or handshake_failure.
        answer = client.read(7)
        assert answer[0] == 21 and answer[5] == 2 and answer[6] in (70, 40), answer


@theme.probe(
    "a handshake byte by byte is taken ({0})",
    [("TLS 1.2", ssl.TLSVersion.TLSv1_2), ("TLS 1.3", ssl.TLSVersion.TLSv1_3)],
)
def byte_by_byte(server: Target, _: str, version: ssl.TLSVersion) -> None:
    secure = Secure(server, version=version)
    with server.connect() as client:
        secure.shake_hands(client, send=client.dribble)
        secure.upgrade(client)


@theme.probe("a hello in records of one byte is taken or ends with an alert")
def tiny_records(server: Target) -> None:
    hello = Secure(server).hello()[5:]
    with server.connect() as client:
        client.attempt(b"".join(record(22, bytes([byte])) for byte in hello))
        client.finish()
        alert_or_end(client)


@theme.probe("a request and frames in records of one byte are served")
def tiny_data(server: Target) -> None:
    secure = Secure(server)
    with server.connect() as client:
        secure.shake_hands(client)
        client.send(b"".join(secure.seal(bytes([byte])) for byte in head()))
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += secure.read(client, 1)
        client.send(b"".join(secure.seal(bytes([byte])) for byte in frame(TEXT, b"in small pieces")))
        assert secure.read(client, 17) == b"\x81\x0fin small pieces"


@theme.probe(
    "a handshake that stalls after {0} is cut off at handshakeTimeout",
    [("nothing", 0), ("a byte", 1), ("half a hello", 200), ("the whole hello", 100_000)],
    waits=True,
)
def stalled(server: Target, _: str, length: int) -> None:
    with server.connect(limit=10) as client:
        begun = time.monotonic()
        client.send(Secure(server).hello()[:length])
        alert_or_end(client)
        assert abs(time.monotonic() - begun - 5) <= 1, f"after {time.monotonic() - begun:.2f} s"


@theme.probe("a handshake that dribbles is cut off at handshakeTimeout", waits=True)
def dribbled(server: Target) -> None:
    with server.connect(limit=10) as client:
        begun = time.monotonic()
        for byte in Secure(server).hello():
            if not client.attempt(bytes([byte])) or time.monotonic() - begun > 8:
                break
            time.sleep(0.05)
        client.expect_cut()
        assert abs(time.monotonic() - begun - 5) <= 1, f"after {time.monotonic() - begun:.2f} s"


@theme.probe("a request that never comes after the handshake is cut off at handshakeTimeout", waits=True)
def no_request(server: Target) -> None:
    secure = Secure(server)
    with server.connect(limit=10) as client:
        begun = time.monotonic()
        secure.shake_hands(client)
        alert_or_end_of_session(client)
        assert abs(time.monotonic() - begun - 5) <= 1, f"after {time.monotonic() - begun:.2f} s"


def alert_or_end_of_session(client: Client) -> None:
    """The tickets of the session, sealed, and the end."""
    try:
        while client.socket.recv(4096):
            pass
    except ConnectionResetError:
        pass


@theme.probe(
    "after the handshake {0} ends that connection",
    [
        ("a record that was changed", lambda secure: secure.seal(b"x" * 100)[:-1] + b"\0"),
        ("plain text", lambda _: b"GET / HTTP/1.1\r\n\r\n"),
        ("a record from before", lambda _: record(22, b"\x01\x00\x00\x00")),
        ("a record too long", lambda _: record(23, b"x" * 20_000)),
        ("a record that was sent twice", lambda secure: secure.seal(b"x") * 2),
        ("an empty record", lambda _: record(23, b"")),
    ],
)
def wrong_record(server: Target, _: str, make) -> None:
    secure = Secure(server)
    with server.connect() as client:
        secure.shake_hands(client)
        secure.upgrade(client)
        client.attempt(make(secure))
        alert_or_end_of_session(client)


@theme.probe("the end of TCP without the end of TLS ends a connection")
def truncated(server: Target) -> None:
    secure = Secure(server)
    with server.connect() as client:
        secure.shake_hands(client)
        secure.upgrade(client)
        client.send(secure.seal(frame(TEXT, b"half"))[:10])
        client.finish()
        alert_or_end_of_session(client)


@theme.probe("renegotiation, which TLS 1.2 has, is refused")
def renegotiation(server: Target) -> None:
    said = s_client(server, b"R\n", "-tls1_2")
    assert "RENEGOTIATING" in said and "no renegotiation" in said, said[-300:]


@theme.probe("a flood of key updates, which TLS 1.3 has, costs nobody else time")
def key_updates(server: Target) -> None:
    s_client(server, b"K\n" * 200, "-tls1_3")


def s_client(server: Target, commands: bytes, version: str) -> str:
    """What openssl's client says when it is told to do these."""
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{server.address[1]}", version, "-CAfile", server.ca]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        # Commands count only once the handshake is over.
        time.sleep(0.3)
        return process.communicate(commands, timeout=seconds(10))[0].decode(errors="replace")
    finally:
        process.kill()
        process.wait()


@theme.probe("two hundred hellos that are left alone with a signature each cost nobody else time")
def hellos(server: Target) -> None:
    hello = Secure(server).hello()
    clients = [server.connect() for _ in range(200)]
    for client in clients:
        client.send(hello)
    for client in clients:
        client.read(100)
        client.reset()
    eventually("all to be gone", lambda: server.figure("connections") <= 2)


@theme.probe("a storm of a thousand hellos with RST costs nobody else time")
def storm(server: Target) -> None:
    hello = Secure(server).hello()
    for _ in range(1000):
        with server.connect() as client:
            client.send(hello)
            client.reset()


@theme.probe("two hundred unfinished handshakes cost at most 64 KiB each", alone=True)
def unfinished(server: Target) -> None:
    hello = Secure(server).hello()
    before = server.forget_peak()
    clients = [server.connect() for _ in range(200)]
    for client in clients:
        client.send(hello)
    for client in clients:
        client.read(100)
    grown = server.peak() - before
    for client in clients:
        client.reset()
    assert grown <= 200 * 64 * KIB, f"{grown} bytes"


@theme.probe("a declared length over the limit is 1009 over TLS too, and a forbidden frame 1002")
def frames(server: Target) -> None:
    for data, code in (
        (struct.pack("!BBQ", 0x82, 0xFF, MIB + 1) + MASK, 1009),
        (frame(0x3), 1002),
        (frame(BINARY, b"x", masked=False), 1002),
    ):
        with server.open() as client:
            client.send(data)
            client.expect_close(code, until_end=False)
