"""What a panic of ours and a process without descriptors cost: never more than the one who met it."""

import asyncio
import os
import unittest
import unittest.mock

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from php_server import PhpServer, seconds


class FaultsTest(unittest.IsolatedAsyncioTestCase):
    def connect(self, url: str):
        return connect(url, open_timeout=seconds(10), close_timeout=seconds(10))

    async def echo(self, client, text: str) -> str:
        await client.send(text)
        return await asyncio.wait_for(client.recv(), seconds(10))

    def faulty(self) -> dict[str, str]:
        """The build that panics when a message asks for it."""
        return {"FERRITE_EXT": os.environ["FERRITE_EXT_FAULTS"]}

    async def test_a_panic_in_a_shard_closes_one_connection_with_1011_and_is_counted_and_logged(self) -> None:
        with unittest.mock.patch.dict(os.environ, self.faulty()), PhpServer("tests/clients/faults.php") as server:
            url = server.url()
            async with self.connect(url) as bystander, self.connect(url) as victim:
                with self.assertRaises(ConnectionClosed) as closed:
                    await self.echo(victim, "ferrite: panic in the shard")
                self.assertEqual(closed.exception.rcvd.code, 1011)
                self.assertEqual(await self.echo(bystander, "still here"), "still here")
                self.assertEqual(await self.echo(bystander, "panics"), "1")
            async with self.connect(url) as later:
                self.assertEqual(await self.echo(later, "welcome"), "welcome")
            server.line("error.*panicked")
            server.line("closed 1011")
            self.assertEqual(server.stop(), 0)

    async def test_the_end_of_a_shard_ends_run_with_an_error_instead_of_a_hang(self) -> None:
        for shards in ["1", "3"]:
            with (
                unittest.mock.patch.dict(os.environ, self.faulty()),
                PhpServer("tests/clients/faults.php", shards) as server,
            ):
                async with self.connect(server.url()) as client:
                    with self.assertRaises(ConnectionClosed):
                        await self.echo(client, "ferrite: panic of the shard")
                        await self.echo(client, "anybody there?")
                server.line("Error: A network thread has panicked: a test asked for the end")
                self.assertEqual(server.process.wait(seconds(10)), 0)
                self.assertEqual(sum(line.startswith("closed ") for line in server.lines), 1)

    async def test_a_process_without_descriptors_answers_503_and_recovers(self) -> None:
        with PhpServer("tests/clients/faults.php", descriptors=200) as server:
            url = server.url()
            async with self.connect(url) as client:
                self.assertEqual(await self.echo(client, "descriptors"), "descriptors")
                for _ in range(3):
                    with self.assertRaises(InvalidStatus) as refused:
                        async with self.connect(url):
                            pass
                    self.assertEqual(refused.exception.response.status_code, 503)
                self.assertEqual(await self.echo(client, "undisturbed"), "undisturbed")
                self.assertEqual(await self.echo(client, "free"), "free")
                async with self.connect(url) as later:
                    self.assertEqual(await self.echo(later, "welcome"), "welcome")
            self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    unittest.main()
