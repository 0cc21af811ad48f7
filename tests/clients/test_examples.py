"""Every example does what its first comment says."""

import asyncio
import json
import os
import signal
import subprocess
import unittest
import urllib.error
import urllib.request
from contextlib import AsyncExitStack
from pathlib import Path

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from php_server import ROOT, PhpServer, php, seconds


class ExamplesTest(unittest.IsolatedAsyncioTestCase):
    def start(self, script: str, *arguments: str, env: dict[str, str] | None = None) -> PhpServer:
        server = PhpServer(script, *arguments, env=env)
        self.addCleanup(server.stop)
        return server

    async def receive(self, client):
        return await asyncio.wait_for(client.recv(), seconds(10))

    async def test_echo_sends_everything_back(self) -> None:
        server = self.start("examples/echo.php", "127.0.0.1:0")
        async with connect(server.url(), open_timeout=seconds(10)) as client:
            for message in ["hello", b"\0\xff"]:
                await client.send(message)
                self.assertEqual(await self.receive(client), message)
        self.assertEqual(server.stop(), 0)

    async def test_handler_class_calculates_for_named_clients(self) -> None:
        server = self.start("examples/handler-class.php", "127.0.0.1:0")
        url = server.url().rstrip("/")
        with self.assertRaises(InvalidStatus) as refused:
            async with connect(f"{url}/", open_timeout=seconds(10)):
                pass
        self.assertEqual(refused.exception.response.status_code, 400)
        async with connect(f"{url}/?name=Ada", open_timeout=seconds(10)) as client:
            self.assertEqual(await self.receive(client), "Hello Ada, what shall I work out?")
            await client.send("6 * 7")
            self.assertEqual(await self.receive(client), "1: 6 * 7 = 42")
            await client.send("7/2")
            self.assertEqual(await self.receive(client), "2: 7/2 = 3.5")

    async def test_handler_class_ends_only_the_connection_that_made_it_throw(self) -> None:
        server = self.start("examples/handler-class.php", "127.0.0.1:0")
        url = server.url().rstrip("/") + "/?name=Ada"
        async with (
            connect(url, open_timeout=seconds(10)) as bystander,
            connect(url, open_timeout=seconds(10)) as client,
        ):
            await self.receive(client)
            await client.send("1 / 0")
            self.assertEqual(await self.receive(client), "Sorry: Division by zero")
            with self.assertRaises(ConnectionClosed) as closed:
                await self.receive(client)
            self.assertEqual(closed.exception.rcvd.code, 1011)
            await self.receive(bystander)
            await bystander.send("1 + 1")
            self.assertEqual(await self.receive(bystander), "1: 1 + 1 = 2")

    async def test_event_loop_serves_clients_keyboard_and_timer(self) -> None:
        server = self.start("examples/event-loop.php", "127.0.0.1:0")
        async with connect(server.url(), open_timeout=seconds(10)) as client:
            await client.send("from the client")
            server.line(r"^client \d+: from the client$")
            server.type("from the keyboard")
            messages = [await self.receive(client)]
            while "from the keyboard" not in messages or not messages[-1].startswith("tick "):
                self.assertLess(len(messages), 50)
                messages.append(await self.receive(client))
            server.process.stdin.close()
            with self.assertRaises(ConnectionClosed) as closed:
                while True:
                    await self.receive(client)
            self.assertEqual(closed.exception.rcvd.code, 1001)
        self.assertEqual(server.wait(), 0)

    async def test_chat_serves_its_page_and_keeps_its_rules(self) -> None:
        server = self.start("examples/chat/server.php", "0")
        page = server.line(r"Open (http://\S+)")[1]
        with urllib.request.urlopen(page, timeout=seconds(10)) as response:
            self.assertIn("<title>Ferrite chat</title>", response.read().decode())
            self.assertEqual(response.headers["Content-Type"], "text/html; charset=utf-8")
        with self.assertRaises(urllib.error.HTTPError) as missing:
            urllib.request.urlopen(f"{page}server.php", timeout=seconds(10))
        self.assertEqual(missing.exception.code, 404)
        missing.exception.close()
        url = page.rstrip("/").replace("http:", "ws:", 1)

        for query in [
            "",
            "?name=",
            "?name=%3Cb%3E",
            "?name=" + "x" * 33,
            "?name[]=x",
            "?name=Ada&room=No%20Room",
            "?name=Ada&room[]=x",
        ]:
            with self.subTest(query), self.assertRaises(InvalidStatus) as refused:
                async with connect(f"{url}/{query}", open_timeout=seconds(10)):
                    pass
            self.assertEqual(refused.exception.response.status_code, 400)
        with self.assertRaises(InvalidStatus) as refused:
            async with connect(f"{url}/?name=Ada", origin="http://elsewhere.example", open_timeout=seconds(10)):
                pass
        self.assertEqual(refused.exception.response.status_code, 403)

        async with connect(f"{url}/?name=Ada&room=1", origin=page.rstrip("/"), open_timeout=seconds(10)) as client:
            joined = json.loads(await self.receive(client))
            self.assertEqual((joined["type"], joined["room"]), ("joined", "1"))
            for junk in ["not json", "[]", '{"type": "say", "text": ["x"]}']:
                async with connect(f"{url}/?name=Eve", open_timeout=seconds(10)) as offender:
                    await offender.send(junk)
                    with self.assertRaises(ConnectionClosed) as closed:
                        while True:
                            await self.receive(offender)
                    self.assertEqual(closed.exception.rcvd.code, 1008)
            await client.send('{"type": "say", "text": " still here "}')
            while (message := json.loads(await self.receive(client)))["type"] != "said":
                pass
            self.assertEqual((message["text"], message["from"]["name"]), ("still here", "Ada"))
        self.assertEqual(server.stop(), 0)
        with self.assertRaises(OSError, msg="the page ends with the chat"):
            urllib.request.urlopen(page, timeout=5)

    async def test_chat_with_workers_keeps_its_lists_over_a_reload_and_a_killed_worker(self) -> None:
        server = self.start("examples/chat/server.php", "0", env={"FERRITE_WORKERS": "2"})
        url = server.line(r"Open http:(//\S+)/")[1]

        async def until(client: ClientConnection, kind: str, expected: object) -> None:
            seen = None
            while seen != expected:
                message = json.loads(await self.receive(client))
                if message["type"] == "people" == kind:
                    seen = [person["name"] for person in message["people"]]
                elif message["type"] == kind:
                    seen = message.get("rooms", message.get("text"))

        async with AsyncExitStack() as stack:

            async def enter(name: str, room: str) -> ClientConnection:
                address = f"ws:{url}/?name={name}&room={room}"
                return await stack.enter_async_context(connect(address, open_timeout=seconds(10)))

            ann, bob, cid = [await enter(name, "php") for name in ["Ann", "Bob", "Bob"]]
            eve = await enter("Eve", "lobby")
            await until(ann, "people", ["Ann", "Bob", "Bob"])
            both = [{"name": "lobby", "people": 1}, {"name": "php", "people": 3}]
            for client in [ann, bob, cid, eve]:
                await until(client, "rooms", both)

            server.process.send_signal(signal.SIGHUP)
            server.line("generation 2 serves")
            children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
            os.kill(int(children.read_text().split()[0]), signal.SIGKILL)
            for speaker in [ann, bob, cid]:
                await speaker.send('{"type": "say", "text": "still here"}')
                for client in [ann, bob, cid]:
                    await until(client, "said", "still here")
            await cid.close()
            await until(ann, "people", ["Ann", "Bob"])
            await until(eve, "rooms", [{"name": "lobby", "people": 1}, {"name": "php", "people": 2}])
        self.assertEqual(server.stop(), 0)

    def test_without_the_extension_each_says_in_one_line_what_to_do(self) -> None:
        for script in ["echo.php", "handler-class.php", "event-loop.php", "chat/server.php"]:
            with self.subTest(script):
                ended = subprocess.run(
                    php(str(ROOT / "examples" / script), extension=False),
                    capture_output=True,
                    text=True,
                    timeout=seconds(20),
                    stdin=subprocess.DEVNULL,
                )
                self.assertEqual(ended.returncode, 1)
                self.assertRegex(
                    ended.stderr, rf"^The ferrite extension is not loaded.*php -d extension=\S+ \S*{script}\n$"
                )


if __name__ == "__main__":
    unittest.main()
