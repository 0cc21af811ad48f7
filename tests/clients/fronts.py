"""A front of PHP workers for tests, and clients that ask its workers."""

import asyncio
import contextlib
import json
import subprocess
import unittest
import urllib.request
from pathlib import Path

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from php_server import PhpServer, php, seconds

EXTENSIONS = ["posix", "pcntl", "FFI"]


def loadable() -> list[str]:
    """Settings that load the extensions which this PHP does not have built in."""
    built_in = subprocess.run(php("-m"), capture_output=True, text=True, check=True).stdout.split()
    return [setting for name in EXTENSIONS if name not in built_in for setting in ("-d", f"extension={name.lower()}")]


class Front(PhpServer):
    """The front of tests/clients/workers.php, or of a copy of it."""

    def __init__(
        self,
        count: int = 2,
        options: dict | None = None,
        include: str = "",
        env: dict | None = None,
        script: str = "tests/clients/workers.php",
        **further,
    ):
        arguments = [str(count), json.dumps(options or {}), include]
        super().__init__(script, *arguments, env=env, settings=loadable(), **further)

    def workers(self) -> list[int]:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [int(pid) for pid in children]

    def figures(self, url: str) -> dict[str, int]:
        address = url.replace("ws://", "http://") + "/metrics"
        with urllib.request.urlopen(address, timeout=seconds(10)) as answer:
            lines = answer.read().decode().splitlines()
        return {line.rsplit(" ", 1)[0]: int(line.rsplit(" ", 1)[1]) for line in lines if not line.startswith("#")}


class FrontTest(unittest.IsolatedAsyncioTestCase):
    """Clients of a front, and the answers of its workers."""

    def connect(self, url: str, **options):
        return connect(url, open_timeout=seconds(20), close_timeout=seconds(10), ping_interval=None, **options)

    async def say(self, client: ClientConnection, text: str) -> None:
        await client.send(text)

    async def hear(self, client: ClientConnection) -> str:
        return await asyncio.wait_for(client.recv(), seconds(20))

    async def ask(self, client: ClientConnection, text: str) -> dict:
        """The worker's answer; what was published meanwhile is passed over."""
        await client.send(text)
        while True:
            heard = await self.hear(client)
            if heard.startswith("{"):
                return json.loads(heard)

    async def code(self, client: ClientConnection) -> int:
        """The code with which the server closes it."""
        with self.assertRaises(ConnectionClosed) as closed:
            while True:
                await self.hear(client)
        return closed.exception.rcvd.code if closed.exception.rcvd else 1006

    async def until(self, what, wanted) -> None:
        """Waits until an answer is the wanted one."""
        for _ in range(1000):
            if wanted(found := await what()):
                return found
            await asyncio.sleep(0.02)
        self.fail(f"it stayed {found}")

    async def ready(self, front: Front, url: str, count: int) -> None:
        await self.until(
            lambda: asyncio.to_thread(front.figures, url), lambda figures: figures["ferrite_workers_ready"] == count
        )

    async def other(self, url: str, client: ClientConnection, stack: contextlib.AsyncExitStack) -> ClientConnection:
        """A client in the same worker as the given one."""
        wanted = (await self.ask(client, "echo"))["pid"]
        for _ in range(20):
            found = await stack.enter_async_context(self.connect(url))
            if (await self.ask(found, "echo"))["pid"] == wanted:
                return found
        self.fail("no client came to the same worker")
