"""wss:// with OpenSSL's clients, through Python, openssl s_client and curl, against a PHP server.

Python's clients with threads lose some handshakes over TLS: 3.11 lets a read and a write of one connection run at
once. So these have none."""

import asyncio
import json
import shutil
import ssl
import subprocess
import time
import unittest
from pathlib import Path

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError, InvalidMessage

from certificates import Authority
from php_server import PhpServer, seconds

MESSAGES = ["", "short", "Grüße, 世界 👋 " * 500, b"\xff\xfe" * 5000, "y" * 900_000]


class TlsTest(unittest.IsolatedAsyncioTestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.authority = Authority()
        cls.addClassCleanup(cls.authority.close)
        cls.own = cls.authority.make("localhost")

    def serve(self, *tls: dict[str, str], listen: str = "127.0.0.1:0", **env: str) -> tuple[PhpServer, str]:
        server = PhpServer("tests/clients/server.php", listen, env={"TLS": json.dumps(tls)} | env)
        self.addCleanup(server.stop)
        return server, server.url().rstrip("/").replace("127.0.0.1", "localhost")

    def connect(self, url: str, path: str = "/", **options):
        options.setdefault("ssl", self.authority.context())
        return connect(url + path, open_timeout=seconds(10), close_timeout=seconds(10), **options)

    async def test_messages_come_back_over_each_version_with_each_kind_of_key(self) -> None:
        for kind in ("ec", "rsa"):
            _, url = self.serve(self.authority.make("localhost", kind), COMPRESSION="{}")
            self.assertTrue(url.startswith("wss://"))
            for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                context = self.authority.context()
                context.minimum_version = context.maximum_version = version
                for compression in ("deflate", None):
                    async with self.connect(url, ssl=context, compression=compression) as client:
                        for message in MESSAGES:
                            self.assertEqual(await self.ask(client, message), message)

    async def ask(self, client, message: str | bytes) -> str | bytes:
        await client.send(message)
        return await asyncio.wait_for(client.recv(), seconds(10))

    def test_older_versions_are_refused(self) -> None:
        _, url = self.serve(self.own)
        for version in ("-tls1", "-tls1_1"):
            shown = self.s_client(url, version, "-cipher", "DEFAULT@SECLEVEL=0")
            self.assertRegex(shown.stderr, "alert (handshake failure|protocol version)")
            self.assertIn("Cipher is (NONE)", shown.stdout)

    def test_sessions_are_resumed(self) -> None:
        _, url = self.serve(self.own)
        for version in ("-tls1_2", "-tls1_3"):
            session = self.authority.folder / "session.pem"
            self.s_client(url, version, "-sess_out", str(session), send="GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            shown = self.s_client(url, version, "-sess_in", str(session))
            self.assertRegex(shown.stdout, r"Reused, TLSv1\.")

    def test_the_certificate_of_the_name_is_shown(self) -> None:
        other = self.authority.make("chat.example")
        _, url = self.serve(self.own, other)
        for name, subject in [("localhost", "localhost"), ("chat.example", "chat.example"), ("none", "localhost")]:
            self.assertRegex(self.s_client(url, "-servername", name).stdout, f"subject=CN ?= ?{subject}\n")

    async def test_a_client_certificate_is_demanded_and_reaches_php(self) -> None:
        device = self.authority.make("device-7")
        _, url = self.serve(self.own | {"clientCa": str(self.authority.root)})
        async with self.connect(url, "/certificate", ssl=self.authority.context(device)) as client:
            shown = await self.ask(client, "who am I?")
            self.assertEqual(shown.strip(), Path(device["certificate"]).read_text().strip())
        # In version 1.3 a client learns of it only when it reads, and this one says so in several ways.
        with self.assertRaises((ssl.SSLError, ConnectionClosedError, InvalidMessage)):
            await self.connect(url)

    async def test_new_files_are_used_without_dropping_a_connection(self) -> None:
        own = self.authority.make("renewed.example")
        server, url = self.serve(own)
        async with self.connect(url, server_hostname="renewed.example") as client:
            before = self.serial(url)
            self.authority.make("renewed.example")
            deadline = time.monotonic() + seconds(30)
            while self.serial(url) == before:
                self.assertLess(time.monotonic(), deadline, "the new certificate is not shown")
                await asyncio.sleep(0.2)
            server.line("The TLS certificates were read again")
            self.assertEqual(await self.ask(client, "still here"), "still here")

    async def test_http_on_a_tls_port_and_a_wrong_authority_are_explained(self) -> None:
        _, url = self.serve(self.own)
        plain = self.curl(url.replace("wss://", "http://"))
        self.assertEqual((plain.returncode, plain.stdout), (0, "This port speaks TLS: write wss:// or https://\n"))
        secure = self.curl(
            url.replace("wss://", "https://"), "--cacert", str(self.authority.root), "-w", "%{http_code}"
        )
        self.assertTrue(secure.stdout.endswith("426"), secure)
        with self.assertRaises(ssl.SSLCertVerificationError):
            await self.connect(url, ssl=ssl.create_default_context())

    def test_a_proxy_header_comes_before_tls(self) -> None:
        _, url = self.serve(self.own, listen="wss://127.0.0.1:0?proxy_protocol")
        shown = self.curl(
            url.replace("wss://", "https://"), "--haproxy-protocol", "--cacert", str(self.authority.root),
            "-w", "%{http_code}",
        )  # fmt: skip
        self.assertTrue(shown.stdout.endswith("426"), shown)

    def serial(self, url: str) -> str:
        return next(line for line in self.s_client(url).stdout.splitlines() if "Serial" in line or "MII" in line)

    def s_client(self, url: str, *arguments: str, send: str = "") -> subprocess.CompletedProcess[str]:
        command = ["openssl", "s_client", "-connect", url.removeprefix("wss://"), *arguments]
        # Without -ign_eof the end of the input ends it, once the handshake is over.
        if send:
            command.append("-ign_eof")
        return subprocess.run(command, input=send, capture_output=True, text=True, timeout=seconds(10), check=False)

    def curl(self, url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [shutil.which("curl") or "curl", "-sS", "--max-time", str(seconds(10)), *arguments, url]
        return subprocess.run(command, capture_output=True, text=True, timeout=seconds(15), check=False)


if __name__ == "__main__":
    unittest.main()
