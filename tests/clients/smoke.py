"""One short session, for `./dev valgrind-smoke` and `./dev asan-smoke`: handshakes, echo, fan-out, refusals, an end."""

import asyncio
import unittest

from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from php_server import PhpServer, seconds


class SmokeTest(unittest.IsolatedAsyncioTestCase):
    async def test_a_short_session_and_an_orderly_end(self) -> None:
        with PhpServer("tests/clients/server.php", "127.0.0.1:0") as server:
            url = server.url().rstrip("/")
            options = {"open_timeout": seconds(10), "close_timeout": seconds(10)}
            for status in [400, 503]:
                with self.assertRaises(InvalidStatus):
                    async with connect(f"{url}/reject?status={status}", **options):
                        pass
            clients = [await connect(f"{url}/topic?name=t", **options) for _ in range(5)]
            async with connect(url, **options) as client:
                for number in range(200):
                    await client.send(f"message {number}")
                    self.assertEqual(await asyncio.wait_for(client.recv(), seconds(10)), f"message {number}")
            for number in range(50):
                await clients[0].send(f"news {number}")
            for reader in clients[1:]:
                for number in range(50):
                    self.assertEqual(await asyncio.wait_for(reader.recv(), seconds(10)), f"news {number}")
            clients[1].transport.abort()
            await clients[2].close(4000, "enough")
            # Three clients are still there: stopping has to close them, and they have to answer.
            self.assertEqual(await asyncio.to_thread(server.stop), 0)
            for client in clients:
                await client.close()


if __name__ == "__main__":
    unittest.main()
