"""The control API with curl, openssl and Python's http.client, against a PHP server whose callback sleeps."""

import asyncio
import hashlib
import hmac
import http.client
import json
import os
import re
import ssl
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from websockets.asyncio.client import connect

from certificates import Authority
from php_server import ROOT, PhpServer, seconds

KEY, SECRET = "app", "a secret of the tests"


def examples() -> list[str]:
    """The shell commands of the page."""
    return re.findall(r"```sh\n(.*?)```", (ROOT / "docs/control-api.md").read_text(), re.S)


class ControlTest(unittest.IsolatedAsyncioTestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="ferrite-control-")
        self.addCleanup(folder.cleanup)
        self.socket = Path(folder.name) / "control.sock"

    def serve(self, *more: str, **env: str) -> PhpServer:
        control = json.dumps([f"unix://{self.socket}", *more])
        server = PhpServer("tests/clients/server.php", "127.0.0.1:0", env={"CONTROL": control} | env)
        self.addCleanup(server.stop)
        self.url = server.url().rstrip("/")
        return server

    def shell(self, script: str, **env: str) -> dict:
        run = subprocess.run(
            ["bash", "-ec", script], capture_output=True, text=True, env=os.environ | env, timeout=seconds(20)
        )
        self.assertEqual(run.returncode, 0, run.stderr)
        return json.loads(run.stdout)

    def connect(self, path: str):
        return connect(self.url + path, open_timeout=seconds(10), close_timeout=seconds(10))

    async def hear(self, client) -> str:
        return await asyncio.wait_for(client.recv(), seconds(10))

    async def test_the_commands_of_the_page_work_as_they_are_printed(self) -> None:
        server = self.serve(f"http://{KEY}:{SECRET.replace(' ', '%20')}@127.0.0.1:0")
        tcp = server.line(r"listening on (http://\S+)")[1]
        local, signed = examples()
        async with self.connect("/topic?name=news") as client:
            answer = self.shell(local.replace("/run/app/control.sock", str(self.socket)))
            self.assertEqual((answer, await self.hear(client)), ({"connections": 1}, "Hello"))
            signed = signed.replace("http://127.0.0.1:9000", tcp)
            self.assertEqual(self.shell(signed, KEY=KEY, SECRET=SECRET), {"connections": 1})
            self.assertEqual(await self.hear(client), "Hello")
            refused = self.shell(signed, KEY=KEY, SECRET="another")
            self.assertEqual(refused["error"]["code"], "unauthorized")

    async def test_a_callback_that_sleeps_delays_neither_the_answer_nor_the_delivery(self) -> None:
        self.serve()
        local = examples()[0].replace("/run/app/control.sock", str(self.socket))
        async with self.connect("/topic?name=news") as client, self.connect("/sleep?seconds=3") as sleeper:
            await sleeper.send("done")
            answer = asyncio.ensure_future(sleeper.recv())
            for _ in range(5):
                sent = await asyncio.to_thread(self.shell, local)
                self.assertEqual((sent, await self.hear(client)), ({"connections": 1}, "Hello"))
                self.assertFalse(answer.done(), "the callback was over")
            self.assertEqual(await asyncio.wait_for(answer, seconds(10)), "done")

    async def test_https_speaks_with_the_servers_certificates(self) -> None:
        authority = Authority()
        self.addCleanup(authority.close)
        own = authority.make("localhost")
        server = self.serve(f"https://{KEY}:{SECRET.replace(' ', '%20')}@127.0.0.1:0", TLS=json.dumps([own]))
        port = int(server.line(r"listening on https://127\.0\.0\.1:(\d+)")[1])
        connection = http.client.HTTPSConnection("localhost", port, context=authority.context(), timeout=seconds(10))
        # One connection, kept.
        for path in ("/v1/health", "/v1/stats?", "/v1/connections?user=a%20b"):
            now = str(int(time.time()))
            signature = hmac.new(SECRET.encode(), f"GET\n{path}\n{now}\n\n".encode(), hashlib.sha256).hexdigest()
            headers = {"Ferrite-Key": KEY, "Ferrite-Timestamp": now, "Ferrite-Signature": signature}
            connection.request("GET", path, headers=headers)
            response = connection.getresponse()
            body = json.load(response)
            self.assertEqual(response.status, 200, body)
        connection.close()
        stranger = http.client.HTTPSConnection("localhost", port, timeout=seconds(10))
        with self.assertRaises(ssl.SSLCertVerificationError):
            stranger.request("GET", "/v1/health")


if __name__ == "__main__":
    unittest.main()
