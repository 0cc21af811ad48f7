"""Who is in a topic, with several tabs of one user."""

import asyncio
import json
import unittest

from websockets.asyncio.client import ClientConnection, connect

from php_server import PhpServer, seconds


def told(event: str, user: str) -> dict[str, str]:
    return {"event": event, "topic": "room", "user": user}


class PresenceTest(unittest.IsolatedAsyncioTestCase):
    def serve(self, grace: float = 0.0) -> PhpServer:
        server = PhpServer("tests/clients/presence.php", "127.0.0.1:0", str(grace))
        self.addCleanup(lambda: self.assertEqual(server.stop(), 0))
        self.url = server.url().rstrip("/")
        return server

    async def enter(self, name: str) -> ClientConnection:
        client = await connect(f"{self.url}/{name}", open_timeout=seconds(10), close_timeout=seconds(10))
        self.addAsyncCleanup(client.close)
        return client

    async def hear(self, client: ClientConnection):
        return json.loads(await asyncio.wait_for(client.recv(), seconds(10)))

    async def who(self, client: ClientConnection):
        await client.send("who")
        return await self.hear(client)

    async def test_two_tabs_are_one_user(self) -> None:
        self.serve()
        guest = await self.enter("-guest")
        first = await self.enter("ann")
        second = await self.enter("ann")
        self.assertEqual(await self.hear(guest), told("join", "ann"))
        self.assertEqual(await self.who(guest), ["ann"])
        await first.close()
        self.assertEqual(await self.who(guest), ["ann"], "the other tab is still there")
        await second.send("out")
        self.assertEqual(await self.hear(guest), told("leave", "ann"))
        await second.send("in")
        self.assertEqual(await self.hear(guest), told("join", "ann"))
        self.assertEqual(await self.hear(second), told("join", "ann"), "it hears what all hear")
        second.transport.abort()
        self.assertEqual(await self.hear(guest), told("leave", "ann"))
        self.assertEqual(await self.who(guest), [])

    async def test_who_goes_while_php_is_busy_is_told_once_when_it_no_longer_is(self) -> None:
        server = self.serve()
        guest = await self.enter("-guest")
        tabs = [await self.enter("ann"), await self.enter("ann"), await self.enter("bob")]
        self.assertEqual([await self.hear(guest), await self.hear(guest)], [told("join", "ann"), told("join", "bob")])
        await guest.send("block")
        await asyncio.to_thread(server.line, "^blocked$")
        for tab in tabs:
            await tab.close()
        server.type("")
        left = [await self.hear(guest), await self.hear(guest)]
        self.assertCountEqual(left, [told("leave", "ann"), told("leave", "bob")])
        self.assertEqual(await self.who(guest), [])

    async def test_a_reload_within_the_grace_is_no_news_and_a_leave_comes_by_itself(self) -> None:
        server = self.serve(seconds(0.5))
        guest = await self.enter("-guest")
        first = await self.enter("ann")
        first.transport.abort()
        await first.wait_closed()
        second = await self.enter("ann")
        self.assertEqual(await self.hear(guest), told("join", "ann"))
        self.assertEqual(await self.who(guest), ["ann"])
        second.transport.abort()
        # Nobody says anything: the server wakes up for this.
        self.assertEqual(await self.hear(guest), told("leave", "ann"))
        await asyncio.to_thread(server.line, "^leave room ann$")
        self.assertEqual([line for line in server.said() if "ann" in line], ["join room ann", "leave room ann"])
