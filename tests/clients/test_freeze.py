"""A server that stands still for a while, as in a paused container: nobody is lost for what came meanwhile."""

import signal
import socket
import struct
import tempfile
import time
import unittest
from pathlib import Path

from frames import frame, handshake
from php_server import PhpServer, seconds

# Longer than each time that the server would wait, had it looked.
FREEZE = 12
LARGE = 6 << 20
UPGRADE = handshake("here")
TEXT, CLOSE, PING, PONG = 0x81, 0x88, 0x89, 0x8A


class Peer:
    def __init__(self, address: tuple[str, int], receive_buffer: int | None = None):
        self.socket = socket.socket()
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(seconds(30))
        self.socket.connect(address)
        self.ping: bytes | None = None

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def read(self, length: int) -> bytes:
        came = bytearray()
        while len(came) < length:
            piece = self.socket.recv(length - len(came))
            if not piece:
                raise AssertionError(f"the server ended after {bytes(came[:80])!r}")
            came += piece
        return bytes(came)

    def head(self) -> str:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self.read(1)
        return head.decode()

    def open(self) -> "Peer":
        self.send(UPGRADE)
        return self.opened()

    def opened(self) -> "Peer":
        head = self.head()
        assert head.startswith("HTTP/1.1 101 "), head
        return self

    def frame(self) -> tuple[int, bytes]:
        first, length = self.read(2)
        if length == 126:
            (length,) = struct.unpack("!H", self.read(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", self.read(8))
        return first, self.read(length)

    def expect(self, payload: bytes) -> None:
        """That message, whatever pings come before it."""
        while True:
            first, got = self.frame()
            if first == PING:
                self.send(frame(PONG, got))
                continue
            assert (first, got) == (TEXT, payload), f"{first:#x} {got[:80]!r} instead of {payload[:80]!r}"
            return

    def await_ping(self) -> "Peer":
        first, self.ping = self.frame()
        assert first == PING, f"{first:#x} instead of a ping"
        return self

    def answer_ping(self) -> None:
        self.send(frame(PONG, self.ping))


class Frozen:
    """One server and those who wait for it. What is named `before` and `during` the freeze is looked at `after` it."""

    def __init__(self, case: unittest.TestCase, threads: int, loop: str):
        folder = Path(case.enterContext(tempfile.TemporaryDirectory()))
        self.control = folder / "control"
        self.server = case.enterContext(
            PhpServer("tests/clients/freeze.php", str(threads), loop, env={"CONTROL": f"unix://{self.control}"})
        )
        host, _, port = self.server.url().removeprefix("ws://").rstrip("/").rpartition(":")
        self.address = (host, int(port))
        self.case = case

    def peer(self, receive_buffer: int | None = None) -> Peer:
        peer = Peer(self.address, receive_buffer)
        self.case.addCleanup(peer.socket.close)
        return peer

    def before(self) -> None:
        self.idle = [self.peer().open() for _ in range(20)]
        for peer in self.idle:
            peer.await_ping()
        # These answer as late as can be.
        self.late = [self.peer().open() for _ in range(5)]
        for peer in self.late:
            peer.await_ping()
        self.slow = [self.peer(receive_buffer=4096).open() for _ in range(3)]
        for peer in self.slow:
            peer.send(frame(TEXT, b"%d" % LARGE))
            first, _ = peer.read(2)
            assert first == TEXT
        self.half = [self.peer() for _ in range(5)]
        for peer in self.half:
            peer.send(UPGRADE[:40])
        self.posting = self.peer()
        self.posting.send(b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 2000000\r\n\r\n" + b"x" * 1000)
        self.writing = self.peer().open()
        # The first bytes of a message of 2000.
        self.writing.send(b"\x81\xfe\x07\xd0\0\0\0\0" + b"y" * 10)
        self.publisher = socket.socket(socket.AF_UNIX)
        self.case.addCleanup(self.publisher.close)
        self.publisher.settimeout(seconds(30))
        self.publisher.connect(str(self.control))
        self.body = b'{"topic":"nobodys","data":"' + b"z" * 900_000 + b'"}'
        self.publisher.sendall(
            b"POST /v1/publish HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n" % len(self.body) + self.body[:1000]
        )
        # Last, for this does not wait: over the rate for two seconds and more.
        self.throttled = [self.peer().open() for _ in range(3)]
        for peer in self.throttled:
            peer.send(b"".join(frame(TEXT, b"message %d." % n) for n in range(16)))
            peer.expect(b"message 0.")

    def during(self) -> None:
        for peer in self.idle:
            peer.answer_ping()
        for peer in self.half:
            peer.send(UPGRADE[40:])
        self.new = [self.peer() for _ in range(10)]
        for peer in self.new:
            peer.send(UPGRADE)

    def after(self) -> None:
        for peer in self.late:
            peer.answer_ping()
        for peer in self.half + self.new:
            peer.opened()
        for peer in self.throttled:
            for n in range(1, 16):
                peer.expect(b"message %d." % n)
        self.writing.send(b"y" * 1990)
        self.writing.expect(b"y" * 2000)
        self.posting.send(b"x" * 1_999_000)
        head = self.posting.head()
        assert head.startswith("HTTP/1.1 200 "), head
        # In two steps: it has to have time for the second.
        self.publisher.sendall(self.body[1000:500_000])
        self.publisher.sendall(self.body[500_000:])
        answer = self.publisher.recv(4096)
        assert answer.startswith(b"HTTP/1.1 200 "), answer
        for peer in self.slow:
            # The head of the frame was read up to the length.
            assert struct.unpack("!Q", peer.read(8)) == (LARGE,)
            assert peer.read(LARGE) == b"x" * LARGE
        for peer in self.idle + self.late + self.slow + self.half + self.new:
            peer.send(frame(TEXT, b"still here"))
            peer.expect(b"still here")
        closed = [line for line in self.server.said() if line.startswith("closed ")]
        assert not closed, closed


class FreezeTest(unittest.TestCase):
    def test_nobody_is_lost_while_the_server_stands_still(self) -> None:
        servers = [Frozen(self, threads, loop) for threads in (1, 2) for loop in ("run", "poll")]
        for frozen in servers:
            frozen.before()
            # At once: what waits must not be overdue before.
            frozen.server.process.send_signal(signal.SIGSTOP)
        try:
            for frozen in servers:
                frozen.during()
            # Not to wait for something, but for something not to happen.
            time.sleep(FREEZE)
        finally:
            for frozen in servers:
                frozen.server.process.send_signal(signal.SIGCONT)
        for frozen in servers:
            frozen.after()


if __name__ == "__main__":
    unittest.main()
