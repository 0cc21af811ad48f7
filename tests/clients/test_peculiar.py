"""What docs/clients.md says of clients that are peculiar, without their libraries."""

import re
import socket
import struct
import subprocess
import tempfile
import unittest
import zlib
from pathlib import Path

from frames import frame, handshake
from php_server import ROOT, PhpServer, php, seconds

PAGE = (ROOT / "docs/clients.md").read_text()


class PeculiarTest(unittest.TestCase):
    def serve(self, **environment: str) -> str:
        self.server = self.enterContext(PhpServer("tests/clients/server.php", env=environment))
        return self.server.url().removeprefix("ws://").rstrip("/")

    def open(self, address: str, lines: str = "") -> tuple[socket.socket, str]:
        name, port = address.split(":")
        client = socket.create_connection((name, int(port)), seconds(10))
        self.addCleanup(client.close)
        client.sendall(handshake(address, lines))
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = client.recv(1)
            self.assertTrue(byte, head)
            head += byte
        return client, head.decode()

    def frame(self, client: socket.socket) -> tuple[int, bytes]:
        first, length = self.exactly(client, 2)
        if length == 126:
            (length,) = struct.unpack("!H", self.exactly(client, 2))
        return first, self.exactly(client, length)

    def exactly(self, client: socket.socket, length: int) -> bytes:
        came = b""
        while len(came) < length:
            piece = client.recv(length - len(came))
            self.assertTrue(piece, "the server closed without a word")
            came += piece
        return came

    def closed(self, client: socket.socket) -> tuple[int, str]:
        first, payload = self.frame(client)
        self.assertEqual(first, 0x88)
        return struct.unpack("!H", payload[:2])[0], payload[2:].decode()

    def test_an_origin_of_another_port_is_refused_and_named_in_the_log_and_none_is_let_in(self) -> None:
        server = self.serve()
        for origin, status in [("http://127.0.0.1", 403), ("http://localhost/", 403), (None, 101)]:
            _, head = self.open(server, f"Origin: {origin}\r\n" if origin else "")
            self.assertTrue(head.startswith(f"HTTP/1.1 {status} "), head)
        self.server.line("Origin is not the Host it connects to.*origin: http://127.0.0.1, host: 127.0.0.1:")
        own = f"http://{server}"
        for origin in (own, own + "/"):
            self.assertIn(" 101 ", self.open(server, f"Origin: {origin}\r\n")[1], origin)

    def test_a_subprotocol_that_is_not_spoken_is_not_agreed_on(self) -> None:
        server = self.serve()
        _, head = self.open(server, "Sec-WebSocket-Protocol: soap\r\n")
        self.assertIn(" 101 ", head)
        self.assertNotIn("sec-websocket-protocol", head.lower())

    def test_a_pong_without_a_mask_is_1002(self) -> None:
        server = self.serve(HEARTBEAT="0.2")
        client, _ = self.open(server)
        self.assertEqual(self.frame(client)[0], 0x89)
        client.sendall(b"\x8a\x00")
        code, reason = self.closed(client)
        self.assertIn(f"{code}, `{reason}`", PAGE)
        self.assertEqual(code, 1002)

    def test_a_client_that_keeps_its_context_needs_takeover(self) -> None:
        for options, ending in [("{}", 1007), ('{"contextTakeover": true}', None)]:
            with self.subTest(options):
                server = self.serve(COMPRESSION=options)
                client, head = self.open(server, "Sec-WebSocket-Extensions: permessage-deflate\r\n")
                self.assertEqual("client_no_context_takeover" in head, ending is not None)
                packer = zlib.compressobj(wbits=-15)
                for _ in range(2):
                    text = b"the same sentence again and again"
                    packed = (packer.compress(text) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]
                    client.sendall(frame(0xC1, packed))
                self.assertEqual(self.frame(client)[0] & 0x8F, 0x81)
                if ending is None:
                    self.assertEqual(self.frame(client)[0] & 0x8F, 0x81)
                else:
                    code, reason = self.closed(client)
                    self.assertEqual(code, ending)
                    self.assertIn(f"{code}, `{reason}`", PAGE)


class DatabaseTest(unittest.TestCase):
    def test_the_class_of_the_page_connects_again_and_does_nothing_twice(self) -> None:
        source = re.search(r"^```php\n(<\?php\n// Database\.php\n.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)[1]
        script = (
            source
            + """
            function gone(int $code, string $state = 'HY000'): PDOException {
                $e = new PDOException("$state $code");
                $e->errorInfo = [$state, $code, ''];
                return $e;
            }
            if (!class_exists('PDO')) { class PDO {} }
            if (!class_exists('PDOException')) {
                class PDOException extends RuntimeException { public ?array $errorInfo = null; }
            }
            $connects = 0;
            $database = new Database(function () use (&$connects): PDO {
                ++$connects;
                return (new ReflectionClass(PDO::class))->newInstanceWithoutConstructor();
            });
            $try = function (?PDOException ...$thrown) use ($database, &$connects): void {
                $runs = 0;
                try {
                    $told = $database->run(function () use (&$runs, $thrown): string {
                        $e = $thrown[$runs++] ?? null;
                        return $e === null ? 'done' : throw $e;
                    });
                } catch (PDOException $e) {
                    $told = $e->getMessage();
                }
                echo "$told, $runs runs, $connects connects\\n";
            };
            $try(null);
            $try(gone(2006));
            $try(gone(4031));
            $try(gone(7));
            $try(gone(2013));
            $try(gone(2006));
            $try(gone(1062, '23000'));
            $try(gone(2006), gone(2006));
        """
        )
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "database.php")
            path.write_text(script)
            told = subprocess.run(php(str(path), extension=False), capture_output=True, text=True, timeout=seconds(20))
        self.assertEqual(
            told.stdout.splitlines(),
            [
                "done, 1 runs, 1 connects",
                "done, 2 runs, 2 connects",
                "done, 2 runs, 3 connects",
                "done, 2 runs, 4 connects",
                "HY000 2013, 1 runs, 4 connects",
                # The connection was new, so it is the database that is away.
                "HY000 2006, 1 runs, 5 connects",
                "23000 1062, 1 runs, 6 connects",
                "HY000 2006, 2 runs, 7 connects",
            ],
            told.stderr,
        )


if __name__ == "__main__":
    unittest.main()
