"""A WebSocket client that says what it is told to, right or wrong, byte by byte if it must be."""

import contextlib
import socket
import struct
import time

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
MASK = b"\x37\xfa\x21\x3d"
# What a right request has; a probe replaces, drops or adds.
HEADERS = {
    "Host": "127.0.0.1",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": KEY,
    "Sec-WebSocket-Version": "13",
}
Address = tuple[str, int]


def head(
    target: str = "/", *, method: str = "GET", version: str = "HTTP/1.1", extra: str = "", **changed: str | None
) -> bytes:
    """A request head. `changed` replaces headers by name (`_` for `-`); None leaves one out. `extra`: whole lines."""
    headers = dict(HEADERS)
    for name, value in changed.items():
        known = next((key for key in headers if key.lower() == name.replace("_", "-").lower()), name.replace("_", "-"))
        headers[known] = value
    lines = [f"{name}: {value}\r\n" for name, value in headers.items() if value is not None]
    return f"{method} {target} {version}\r\n{''.join(lines)}{extra}\r\n".encode("latin-1")


def mask(payload: bytes, key: bytes = MASK) -> bytes:
    """The payload under the key."""
    if not payload:
        return b""
    stream = (key * (len(payload) // 4 + 1))[: len(payload)]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(stream, "big")).to_bytes(len(payload), "big")


def frame_head(
    opcode: int, length: int, *, fin: bool = True, rsv: int = 0, masked: bool = True, form: int | None = None
) -> bytes:
    """A frame's first bytes, with the mask. `form`: 7, 16 or 64 bits of length, whatever would be right."""
    form = form or (7 if length < 126 else 16 if length < 1 << 16 else 64)
    bit = 0x80 if masked else 0
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    body = {
        7: lambda: bytes([first, bit | length]),
        16: lambda: struct.pack("!BBH", first, bit | 126, length),
        64: lambda: struct.pack("!BBQ", first, bit | 127, length),
    }[form]()
    return body + (MASK if masked else b"")


def frame(opcode: int, payload: bytes = b"", **how) -> bytes:
    """A whole frame of a client; `how` as for `frame_head`."""
    masked = how.get("masked", True)
    return frame_head(opcode, len(payload), **how) + (mask(payload) if masked else payload)


def close_frame(code: int, reason: bytes = b"") -> bytes:
    return frame(CLOSE, struct.pack("!H", code) + reason)


class Client:
    """One socket to the server under attack."""

    def __init__(
        self, address: Address, *, limit: float = 5, receive_buffer: int | None = None, source: str | None = None
    ):
        self.socket = socket.socket()
        if source:
            self.socket.bind((source, 0))
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(limit)
        self.socket.connect(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._read = b""

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    # ---- Sending --------------------------------------------------------------------------------

    def send(self, *pieces: bytes) -> None:
        """All of it at once."""
        self.socket.sendall(b"".join(pieces))

    def attempt(self, *pieces: bytes) -> bool:
        """As `send`, to a server that may have had enough by now. False if it has."""
        try:
            self.send(*pieces)
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def dribble(self, data: bytes, pause: float = 0) -> None:
        """One byte in each segment."""
        for at in range(len(data)):
            if not self.attempt(data[at : at + 1]):
                return
            if pause:
                time.sleep(pause)

    def upgrade(self, target: str = "/", **changed: str | None) -> "Client":
        """The whole handshake, done right."""
        self.send(head(target, **changed))
        self.expect_upgrade()
        return self

    def finish(self) -> None:
        """Sends FIN; what the server says can still be read."""
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Goes away with RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    # ---- Receiving ------------------------------------------------------------------------------

    def read(self, count: int) -> bytes:
        """So many bytes; EOFError at an earlier end."""
        while len(self._read) < count:
            piece = self.socket.recv(max(65536, count - len(self._read)))
            if not piece:
                raise EOFError(f"the server ended after {self._read!r}")
            self._read += piece
        taken, self._read = self._read[:count], self._read[count:]
        return taken

    def response(self) -> tuple[int, dict[str, str]]:
        """Status and headers of an HTTP answer; its body stays unread."""
        while b"\r\n\r\n" not in self._read:
            piece = self.socket.recv(65536)
            if not piece:
                raise AssertionError(f"no HTTP answer, but {self._read!r} and the end")
            self._read += piece
        text, self._read = self._read.split(b"\r\n\r\n", 1)
        status, *lines = text.decode("latin-1").split("\r\n")
        assert status.startswith("HTTP/1.1 "), f"no status line: {status!r}"
        return int(status.split(" ")[1]), {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
        }

    def expect_upgrade(self) -> dict[str, str]:
        status, headers = self.response()
        assert status == 101, f"status {status} instead of 101"
        assert headers.get("sec-websocket-accept") == ACCEPT, f"wrong accept key: {headers}"
        return headers

    def expect_status(self, expected: int, *, to_head: bool = False) -> dict[str, str]:
        """That answer, a body as long as it says (`to_head`: none), and the end."""
        status, headers = self.response()
        assert status == expected, f"status {status} instead of {expected}"
        if not to_head:
            self.read(int(headers.get("content-length", 0)))
        self.expect_end()
        return headers

    def read_frame(self) -> tuple[int, bytes]:
        """The first byte and the payload of a server's frame."""
        first, second = self.read(2)
        assert not second & 0x80, "the server masks"
        length = second
        if second == 126:
            (length,) = struct.unpack("!H", self.read(2))
        elif second == 127:
            (length,) = struct.unpack("!Q", self.read(8))
        return first, self.read(length)

    def expect_frame(self, opcode: int, payload: bytes) -> None:
        first, got = self.read_frame()
        assert (first, got) == (0x80 | opcode, payload), (
            f"frame {first:#x} {got[:80]!r} instead of {0x80 | opcode:#x} {payload[:80]!r}"
        )

    def expect_close(self, code: int | None, *, until_end: bool = True) -> bytes:
        """A close frame with that code (None: with none), whatever messages come before it, and the end. Its reason."""
        while True:
            try:
                first, payload = self.read_frame()
            except (EOFError, ConnectionResetError) as end:
                raise AssertionError(f"no close frame {code}, but {end!r}") from None
            if first == 0x80 | CLOSE:
                break
            assert first & 0x0F != CLOSE, f"a close frame with the first byte {first:#x}"
        got = struct.unpack("!H", payload[:2])[0] if payload else None
        assert got == code, f"close code {got} ({payload[2:].decode()!r}) instead of {code}"
        if until_end:
            self.expect_end()
        return payload[2:]

    def expect_end(self) -> None:
        """FIN, and not one byte before it."""
        rest = self._read or self.socket.recv(4096)
        assert rest == b"", f"more bytes where the end was expected: {rest[:80]!r}"

    def expect_cut(self) -> None:
        """FIN or RST, and not one byte before it."""
        with contextlib.suppress(ConnectionResetError):
            self.expect_end()

    def drain(self) -> None:
        """Reads whatever comes until the end."""
        self._read = b""
        with contextlib.suppress(ConnectionResetError):
            while self.socket.recv(1 << 20):
                pass

    def echoes(self, payload: bytes = b"still here", opcode: int = TEXT) -> None:
        """The connection still serves."""
        self.send(frame(opcode, payload))
        self.expect_frame(opcode, payload)
