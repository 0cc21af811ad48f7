"""PyPI `websockets`, a client that nobody here wrote, against a PHP server."""

import asyncio
import json
import tempfile
import unittest
from pathlib import Path

from websockets.asyncio.client import connect, unix_connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from php_server import PhpServer, seconds

MIB = 1024 * 1024


class WebsocketsTest(unittest.IsolatedAsyncioTestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.server = PhpServer("tests/clients/server.php", "127.0.0.1:0")
        cls.addClassCleanup(cls.stop)
        cls.url = cls.server.url().rstrip("/")

    @classmethod
    def stop(cls) -> None:
        if (code := cls.server.stop()) != 0:
            raise AssertionError(f"the server ended with status {code}")

    def connect(self, path: str = "/", **options):
        return connect(self.url + path, open_timeout=seconds(10), close_timeout=seconds(10), **options)

    async def receive(self, client):
        return await asyncio.wait_for(client.recv(), seconds(10))

    async def test_text_and_binary_come_back_unchanged(self) -> None:
        async with self.connect() as client:
            for message in ["", "plain", "Grüße, 世界 👋", b"", bytes(range(256)), b"\0" * 70_000, "y" * 70_000]:
                await client.send(message)
                self.assertEqual(await self.receive(client), message)

    async def test_a_fragmented_message_arrives_as_one(self) -> None:
        async with self.connect() as client:
            await client.send(["frag", "men", "", "ted"])
            self.assertEqual(await self.receive(client), "fragmented")
            await client.send([bytes([byte]) for byte in range(60)])
            self.assertEqual(await self.receive(client), bytes(range(60)))

    async def test_pings_are_answered_in_order(self) -> None:
        async with self.connect() as client:
            for payload in [b"", b"a", b"x" * 125]:
                pong = await client.ping(payload)
                await asyncio.wait_for(pong, seconds(10))

    async def test_an_offer_of_compression_is_declined(self) -> None:
        async with self.connect(compression="deflate") as client:
            self.assertNotIn("Sec-WebSocket-Extensions", client.response.headers)

    async def test_close_codes_of_the_client_reach_php(self) -> None:
        for code, reason in [(1000, ""), (1001, "going"), (3999, "own"), (4000, "ü" * 61)]:
            async with self.connect() as client:
                await client.close(code, reason)
                self.assertEqual((client.close_code, client.protocol.close_rcvd.code), (code, code))
            self.assertTrue(self.server.line(rf"^closed {code} {reason}$"))

    async def test_close_codes_of_php_reach_the_client(self) -> None:
        for code, reason in [(1000, ""), (1011, "sorry"), (4321, "x" * 123)]:
            async with self.connect(f"/close?code={code}&reason={reason}") as client:
                await client.send("go")
                with self.assertRaises(ConnectionClosed) as closed:
                    await self.receive(client)
                self.assertEqual((closed.exception.rcvd.code, closed.exception.rcvd.reason), (code, reason))

    async def test_1_mib_passes_and_one_byte_more_is_1009(self) -> None:
        async with self.connect(max_size=None) as client:
            await client.send(b"m" * MIB)
            self.assertEqual(await self.receive(client), b"m" * MIB)
        async with self.connect(max_size=None) as client:
            with self.assertRaises(ConnectionClosed) as closed:
                await client.send(b"m" * (MIB + 1))
                await self.receive(client)
            self.assertEqual(closed.exception.rcvd.code, 1009)

    async def test_a_rejected_handshake_has_phps_status_body_and_headers(self) -> None:
        with self.assertRaises(InvalidStatus) as refused:
            async with self.connect("/reject?status=418"):
                pass
        response = refused.exception.response
        self.assertEqual((response.status_code, response.body), (418, b"not today"))
        self.assertEqual(response.headers["X-Reason"], "a test")

    async def test_an_exception_in_the_handshake_is_500(self) -> None:
        with self.assertRaises(InvalidStatus) as refused:
            async with self.connect("/throw"):
                pass
        self.assertEqual(refused.exception.response.status_code, 500)

    async def test_the_subprotocol_is_agreed_on(self) -> None:
        async with self.connect("/describe", subprotocols=["nothing", "chat.v1"]) as client:
            self.assertEqual(client.subprotocol, "chat.v1")
            await client.send("?")
            self.assertEqual(json.loads(await self.receive(client))["protocol"], "chat.v1")

    async def test_no_common_subprotocol_is_none(self) -> None:
        async with self.connect("/describe", subprotocols=["nothing"]) as client:
            self.assertIsNone(client.subprotocol)

    async def test_10_000_pipelined_messages_come_back_in_order(self) -> None:
        count = 10_000
        async with self.connect(max_queue=None) as client:

            async def send() -> None:
                for number in range(count):
                    await client.send(f"message {number}")
                    if number % 100 == 0:
                        await asyncio.sleep(0)  # send() gives way only when the socket is full

            sending = asyncio.create_task(send())
            for number in range(count):
                self.assertEqual(await self.receive(client), f"message {number}")
            await sending

    async def test_publishing_keeps_the_order_of_one_sender(self) -> None:
        async with self.connect("/topic?name=t1") as sender, self.connect("/topic?name=t1") as reader:
            for number in range(1000):
                await sender.send(str(number))
            for number in range(1000):
                self.assertEqual(await self.receive(reader), str(number))


class ListenersTest(unittest.IsolatedAsyncioTestCase):
    async def test_a_unix_socket_and_a_port_serve_side_by_side(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "ferrite.sock"
            with PhpServer("tests/clients/server.php", "127.0.0.1:0", f"unix://{path}") as server:
                by_port, by_path = sorted((server.url(), server.url()), key=lambda url: "unix" in url)
                self.assertIn(str(path), by_path)
                async with (
                    connect(by_port.rstrip("/") + "/topic?name=both", open_timeout=seconds(10)) as one,
                    unix_connect(str(path), "ws://localhost/topic?name=both", open_timeout=seconds(10)) as two,
                ):
                    for sender, reader, text in [(one, two, "by port"), (two, one, "by path")]:
                        await sender.send(text)
                        self.assertEqual(await asyncio.wait_for(reader.recv(), seconds(10)), text)
                self.assertEqual(await asyncio.to_thread(server.stop), 0)
            self.assertFalse(path.exists(), "the socket file is removed at the end")


if __name__ == "__main__":
    unittest.main()
