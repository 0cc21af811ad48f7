"""The configurations of docs/deployment.md, run by the programs they are for."""

import asyncio
import logging
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.request
from json import loads
from pathlib import Path

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from frames import handshake
from php_server import URL, PhpServer, php, seconds
from proxies import (
    CLIENT,
    HOST,
    KINDS,
    PAGE,
    Caddy,
    HaproxyHttp,
    HaproxyTcp,
    Nginx,
    NginxStream,
    Proxy,
    Running,
    block,
    program,
    replaced,
)

SERVER = "tests/clients/server.php"
MIB = 1 << 20


def host_and_port(server: PhpServer) -> str:
    return server.url().removeprefix("ws://").rstrip("/")


class ProxyCase(unittest.IsolatedAsyncioTestCase):
    def setUp(self) -> None:
        # Starting a program blocks the loop, which would be told of each time.
        logging.getLogger("asyncio").setLevel(logging.ERROR)

    def folder(self) -> Path:
        return Path(self.enterContext(tempfile.TemporaryDirectory(prefix="ferrite-proxy-")))

    def server(self, kind: type[Proxy], address: str = "127.0.0.1:0", **environment: str) -> PhpServer:
        """A server as that kind of proxy needs it."""
        if kind.proxy_protocol:
            address += "?proxy_protocol"
        else:
            environment = {"TRUSTED_PROXIES": '["127.0.0.1", "unix:"]'} | environment
        return self.enterContext(PhpServer(SERVER, address, env=environment))

    def proxy(self, kind: type[Proxy], backend: str, changes: dict[str, str] | None = None) -> Proxy:
        proxy = kind(backend, self.folder(), changes)
        self.addCleanup(proxy.running.stop)
        return proxy

    def behind(self, kind: type[Proxy], **environment: str) -> tuple[Proxy, PhpServer]:
        server = self.server(kind, **environment)
        return self.proxy(kind, host_and_port(server)), server

    async def ask(self, client: ClientConnection, message: str | bytes) -> str | bytes:
        await client.send(message)
        return await self.receive(client)

    async def receive(self, client: ClientConnection, limit: float = 10) -> str | bytes:
        return await asyncio.wait_for(client.recv(), seconds(limit))

    async def described(self, proxy: Proxy, **options: object) -> dict[str, object]:
        async with proxy.connect("/describe", **options) as client:
            return loads(await self.ask(client, "who am I?"))

    async def assert_serves(self, proxy: Proxy) -> None:
        async with proxy.connect() as client:
            self.assertEqual(await self.ask(client, "hello"), "hello")
        seen = await self.described(proxy)
        self.assertEqual((seen["address"], seen["secure"]), (CLIENT, proxy.secure))


class ThroughAProxyTest(ProxyCase):
    async def test_messages_pass_and_php_sees_the_clients_address(self) -> None:
        for kind in KINDS:
            with self.subTest(kind.__name__):
                proxy, _ = self.behind(kind)
                await self.assert_serves(proxy)

    async def test_what_a_client_says_of_itself_is_not_believed(self) -> None:
        scheme = {True: "http", False: "https"}
        for kind in KINDS:
            with self.subTest(kind.__name__):
                proxy, _ = self.behind(kind)
                lies = {
                    "X-Forwarded-For": "203.0.113.9",
                    "X-Forwarded-Proto": scheme[proxy.secure],
                    "Forwarded": f"for=203.0.113.9;proto={scheme[proxy.secure]}",
                }
                for name, value in [*lies.items(), ("X-Forwarded-For", "127.0.0.1, 127.0.0.1")]:
                    seen = await self.described(proxy, additional_headers={name: value})
                    self.assertEqual((seen["address"], seen["secure"]), (CLIENT, proxy.secure), name)

    async def test_pages_of_the_same_host_may_connect_and_others_may_not(self) -> None:
        for kind in KINDS:
            with self.subTest(kind.__name__):
                proxy, _ = self.behind(kind)
                self.assertEqual(await proxy.status(origin=proxy.origin), 101)
                for origin in ["https://evil.example", f"https://evil.example:{proxy.port}", f"https://{HOST}:1"]:
                    self.assertEqual(await proxy.status(origin=origin), 403, origin)

    async def test_large_and_compressed_messages_pass(self) -> None:
        large = os.urandom(MIB - 1)
        text = "Grüße, 世界 👋 " * 30_000
        for kind in KINDS:
            with self.subTest(kind.__name__):
                proxy, _ = self.behind(kind, COMPRESSION="{}")
                async with proxy.connect() as client:
                    self.assertEqual(await self.ask(client, large), large)
                    self.assertEqual(await self.ask(client, text), text)
                async with proxy.connect(compression="deflate") as client:
                    self.assertIn("permessage-deflate", client.response.headers["Sec-WebSocket-Extensions"])
                    self.assertEqual(await self.ask(client, large), large)
                    self.assertEqual(await self.ask(client, text), text)

    async def test_close_codes_pass_both_ways(self) -> None:
        for kind in KINDS:
            with self.subTest(kind.__name__):
                proxy, server = self.behind(kind)
                async with proxy.connect() as client:
                    await client.close(4001, "bye")
                server.line("^closed 4001 bye$")
                async with proxy.connect("/close?code=4002&reason=enough") as client:
                    await client.send("go")
                    with self.assertRaises(ConnectionClosed) as closed:
                        await self.receive(client)
                    self.assertEqual((closed.exception.rcvd.code, closed.exception.rcvd.reason), (4002, "enough"))

    async def test_pings_keep_a_silent_client_that_the_proxy_would_cut(self) -> None:
        clients: dict[type[Proxy], list[ClientConnection]] = {}
        for kind in [Nginx, NginxStream, HaproxyHttp, HaproxyTcp]:
            with self.subTest(kind.__name__):
                # 25 s between pings, the default, are too long here.
                for interval in ["25", "0.5"]:
                    proxy = self.proxy(kind, host_and_port(self.server(kind, HEARTBEAT=interval)), kind.timeout)
                    clients.setdefault(kind, []).append(await self.enterAsyncContext(proxy.connect()))
        begun = time.monotonic()
        for kind, (cut, _) in clients.items():
            with self.subTest(kind.__name__):
                with self.assertRaises(ConnectionClosed) as closed:
                    await self.receive(cut, 20)
                self.assertIsNone(closed.exception.rcvd, "1006: without a close frame")
        # As long again as it took to cut the others.
        await asyncio.sleep(time.monotonic() - begun)
        for kind, (_, kept) in clients.items():
            with self.subTest(kind.__name__):
                self.assertEqual(await self.ask(kept, "still here"), "still here")

    async def test_a_proxy_recovers_when_its_server_comes_back(self) -> None:
        for kind in [Nginx, NginxStream, HaproxyHttp, HaproxyTcp, Caddy]:
            with self.subTest(kind.__name__):
                proxy, server = self.behind(kind)
                self.assertEqual(await proxy.status(), 101)
                self.assertEqual(server.stop(), 0)
                self.assertEqual(await proxy.status(), proxy.absent)
                self.server(type(proxy), proxy.backend).url()
                await self.assert_serves(proxy)

    async def test_a_proxy_reaches_a_unix_socket(self) -> None:
        for kind, notation in [(Nginx, "unix:{}"), (HaproxyHttp, "{}"), (HaproxyTcp, "{}"), (Caddy, "unix/{}")]:
            with self.subTest(kind.__name__):
                path = self.folder() / "chat.sock"
                self.server(kind, f"unix://{path}").url()
                await self.assert_serves(self.proxy(kind, notation.format(path)))

    async def test_clients_wait_while_a_server_with_a_passed_socket_restarts(self) -> None:
        for kind in [Nginx, HaproxyHttp, Caddy]:
            with self.subTest(kind.__name__), socket.socket() as listening:
                listening.bind(("127.0.0.1", 0))
                listening.listen()
                environment = {"TRUSTED_PROXIES": '["127.0.0.1"]'}
                server = self.enterContext(PhpServer(SERVER, "systemd", env=environment, sockets={"web": listening}))
                server.url()
                proxy = self.proxy(kind, f"127.0.0.1:{listening.getsockname()[1]}")
                self.assertEqual(await proxy.status(), 101)
                self.assertEqual(server.stop(), 0)
                # It asks while nobody is there; the next server starts only then.
                opened = self.enterContext(proxy.open())
                opened.sendall(handshake(HOST, target=f"{proxy.prefix}/"))
                self.enterContext(PhpServer(SERVER, "systemd", env=environment, sockets={"web": listening})).url()
                opened.settimeout(seconds(10))
                self.assertTrue(opened.recv(100).startswith(b"HTTP/1.1 101 "))


class CheckTest(ProxyCase):
    async def test_a_healthy_server_is_healthy_to_haproxy_however_that_asks(self) -> None:
        documented = block("checks, for the backend in /etc/haproxy/haproxy.cfg").split("\n", 1)[1]
        self.assertIn("option httpchk GET /health\n", documented)
        for check in [
            "option httpchk GET /health",
            "option httpchk",
            "option httpchk HEAD /health",
            "option httpchk OPTIONS * HTTP/1.1\\r\\nHost:\\ chat.example",
            "option httpchk\n    http-check send meth GET uri /health ver HTTP/1.1 hdr Host chat.example",
            "option httpchk\n    http-check send meth GET uri /health/live\n    http-check expect status 200",
        ]:
            with self.subTest(check):
                server = self.server(HaproxyHttp, HEALTH="/health")
                backend = host_and_port(server)
                # One failure would be enough, and be told.
                checked = replaced(
                    documented, {"option httpchk GET /health": check, "inter 2s": "inter 50ms fall 1 rise 1000"}
                )
                proxy = self.proxy(
                    HaproxyHttp,
                    backend,
                    {f"    server ferrite {backend}\n": replaced(checked, {"127.0.0.1:8080": backend})},
                )
                figure = re.compile(r"^ferrite_http_requests_total (\d+)$", re.MULTILINE)
                deadline, asked = time.monotonic() + seconds(10), 0
                while True:
                    with urllib.request.urlopen(f"http://{backend}/metrics", timeout=seconds(10)) as answer:
                        counted = int(figure.search(answer.read().decode())[1])
                    if counted >= asked + 5 or "is DOWN" in proxy.running.log.read_text():
                        break
                    asked += 1
                    self.assertLess(time.monotonic(), deadline, "HAProxy does not ask")
                    await asyncio.sleep(0.02)
                self.assertNotIn("is DOWN", proxy.running.log.read_text())
                async with proxy.connect() as client:
                    self.assertEqual(await self.ask(client, "hello"), "hello")


class MistakesTest(ProxyCase):
    """The table at the end of the page."""

    async def test_each_line_of_nginx_that_is_forgotten_has_its_own_answer(self) -> None:
        server = self.server(Nginx)
        backend = host_and_port(server)
        for line, status, sentence in [
            ("proxy_set_header Host              $http_host;", 403, "this origin may not connect here"),
            (
                "proxy_set_header Connection        $connection_upgrade;",
                400,
                "the Connection header does not name upgrade",
            ),
            ("proxy_set_header Upgrade           $http_upgrade;", 426, "this is a WebSocket endpoint; "),
            ("proxy_http_version 1.1;", 505, "a WebSocket handshake uses HTTP/1.1; "),
        ]:
            with self.subTest(line):
                self.assertIn(f"| {status}, `{sentence}", PAGE.read_text())
                proxy = self.proxy(Nginx, backend, {line: ""})
                with self.assertRaises(InvalidStatus) as refused:
                    async with proxy.connect(origin=proxy.origin):
                        pass
                self.assertEqual(refused.exception.response.status_code, status)
                self.assertIn(sentence, refused.exception.response.body.decode())
        server.line("its Origin is not the Host")

    async def test_a_proxy_that_is_not_listed_is_taken_for_the_client(self) -> None:
        for kind in [Nginx, HaproxyHttp, Caddy]:
            with self.subTest(kind.__name__):
                server = self.server(kind, TRUSTED_PROXIES="[]")
                proxy = self.proxy(kind, host_and_port(server))
                self.assertEqual((await self.described(proxy))["address"], "127.0.0.1")

    async def test_a_proxy_header_has_to_be_sent_where_it_is_expected_and_nowhere_else(self) -> None:
        plain = self.server(HaproxyHttp)
        proxy = self.proxy(HaproxyTcp, host_and_port(plain))
        # The answer is there before a client has said anything.
        with proxy.open() as opened:
            answer = b"".join(iter(lambda: opened.recv(1000), b"")).decode()
        self.assertTrue(answer.startswith("HTTP/1.1 400 "), answer)
        self.assertIn("this is not an HTTP/1.1 request; ", answer)
        expecting = self.server(HaproxyTcp)
        proxy = self.proxy(HaproxyTcp, host_and_port(expecting), {"send-proxy-v2-ssl": ""})
        self.assertIsNone(await proxy.status())
        expecting.line("did not begin with a PROXY header")


class SupervisionTest(ProxyCase):
    def script(self) -> Path:
        path = self.folder() / "server.php"
        path.write_text(replaced(block("/srv/chat/server.php"), {"127.0.0.1:8080": "127.0.0.1:0"}))
        return path

    async def test_supervisor_starts_the_server_again_and_stops_it_in_order(self) -> None:
        supervisord, script = program("supervisord"), self.script()
        directory = script.parent
        command = " ".join(php(str(script)))
        text = replaced(
            block("/etc/supervisor/conf.d/chat.conf"),
            {
                "/usr/bin/php -d extension=ferrite /srv/chat/server.php": command,
                "user=www-data": f"user={pwd.getpwuid(os.getuid()).pw_name}",
                "/var/log/supervisor/chat.log": f"{directory}/chat.log",
            },
        )
        own = f"[supervisord]\nnodaemon=true\npidfile={directory}/pid\nlogfile={directory}/own.log\n"
        (directory / "supervisord.conf").write_text(own + text)
        running = Running([supervisord, "-n", "-c", str(directory / "supervisord.conf")], directory)
        self.addCleanup(running.stop)
        log = directory / "chat.log"

        def urls() -> list[str]:
            return re.findall(URL, log.read_text()) if log.exists() else []

        running.wait_for(lambda: len(urls()) == 1, "supervisor started no server")
        children = Path(f"/proc/{running.process.pid}/task/{running.process.pid}/children").read_text().split()
        async with connect(urls()[0].rstrip("/"), proxy=None) as client:
            self.assertEqual(await self.ask(client, "hello"), "127.0.0.1 says: hello")
            os.kill(int(children[0]), signal.SIGKILL)
            with self.assertRaises(ConnectionClosed):
                await self.receive(client)
        running.wait_for(lambda: len(urls()) == 2, "supervisor started no second server")
        async with connect(urls()[1].rstrip("/"), proxy=None) as client:
            running.process.send_signal(signal.SIGTERM)
            with self.assertRaises(ConnectionClosed) as closed:
                await self.receive(client, 20)
            self.assertEqual(closed.exception.rcvd.code, 1001)
        self.assertEqual(running.process.wait(seconds(20)), 0)

    async def test_systemd_finds_nothing_wrong_with_the_units(self) -> None:
        analyze, directory = program("systemd-analyze"), self.folder()
        executable = shutil.which(php()[0])
        for name in ["chat.service", "chat.socket"]:
            text = block(f"/etc/systemd/system/{name}")
            if name == "chat.service":
                text = replaced(text, {"/usr/bin/php": executable})
            (directory / name).write_text(text)
        verify = [analyze, "verify", "--man=no", "chat.service", "chat.socket"]

        def verdict() -> tuple[int, str]:
            done = subprocess.run(
                verify,
                cwd=directory,
                env=os.environ | {"SYSTEMD_UNIT_PATH": f"{directory}:"},
                capture_output=True,
                text=True,
                timeout=seconds(60),
            )
            # It looks at the units that these need too, which are not ours.
            ours = [line for line in (done.stdout + done.stderr).splitlines() if "chat." in line]
            return done.returncode, "\n".join(ours)

        self.assertEqual(verdict(), (0, ""))
        # It would have found something.
        broken = (directory / "chat.service").read_text().replace("WatchdogSec=30", "WatchdogSecs=30")
        (directory / "chat.service").write_text(broken)
        self.assertIn("WatchdogSecs", verdict()[1])


if __name__ == "__main__":
    unittest.main()
