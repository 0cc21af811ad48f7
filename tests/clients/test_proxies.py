"""The configurations of docs/deployment.md, run by the programs they are for.

They are taken out of the page; only addresses, ports, paths and, where a test says so, timeouts are replaced."""

import contextlib
import os
import pwd
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import unittest
from json import loads
from pathlib import Path

from php_server import ROOT, URL, PhpServer, php, seconds
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus
from websockets.sync.client import ClientConnection, connect

PAGE = ROOT / "docs/deployment.md"
SERVER = "tests/clients/server.php"
HOST = "chat.example"
# Neither the address of the proxy nor one that the server trusts.
CLIENT = "127.0.0.7"
MIB = 1 << 20


def block(title: str) -> str:
    """The code block of the page whose first line names that file."""
    for found in re.findall(r"^```\w+\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL):
        if found.split("\n", 1)[0].removeprefix("<?php").strip(" #;/") == title.strip("/"):
            return found
    raise AssertionError(f"{PAGE} has no code block that begins with a comment that says '{title}'")


def replaced(text: str, changes: dict[str, str]) -> str:
    """Every change has to find something, or the page has changed."""
    for old, new in changes.items():
        if old not in text:
            raise AssertionError(f"'{old}' is not in this block of {PAGE}:\n{text}")
        text = text.replace(old, new)
    return text


def program(name: str) -> str:
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if found is None:
        raise unittest.SkipTest(f"{name} is not installed (scripts/setup --tests)")
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def host_and_port(server: PhpServer) -> str:
    return server.url().removeprefix("ws://").rstrip("/")


class Running:
    """A program in the foreground, with its output in a file."""

    def __init__(self, command: list[str], directory: Path, env: dict[str, str] | None = None):
        self.log = directory / "output.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=directory, env=os.environ | (env or {})
            )

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(seconds(10))
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def wait_for(self, ready: object, what: str) -> None:
        deadline = time.monotonic() + seconds(10)
        while not ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"{what}:\n{self.log.read_text()}")
            time.sleep(0.02)


class Proxy:
    """One kind of proxy, in front of a server."""

    program: str
    title: str
    # What the server is told: to trust the proxy's headers, or to expect a PROXY header.
    proxy_protocol = False
    tls = True
    # Whether PHP hears of it; and what stands before the paths that PHP sees.
    secure = True
    prefix = ""
    # While no server is there; None if the proxy speaks no HTTP.
    absent: int | None = None
    # How the page writes the time after which a silent connection is cut, and two seconds.
    timeout: dict[str, str] = {}
    # Further replacements, such as a mistake.
    changes: dict[str, str] = {}

    def __init__(self, backend: str, directory: Path, changes: dict[str, str] | None = None):
        self.directory = directory
        self.backend = backend
        certificate(directory)
        for attempt in range(3):
            # Somebody may take the port before the proxy does.
            self.port = free_port()
            text = replaced(block(self.title), self.changes | self.places() | (changes or {}))
            self.running = Running(self.command(text), directory, {"HOME": str(directory)})
            try:
                self.running.wait_for(self.accepts, f"{self.program} did not start")
                return
            except AssertionError:
                self.running.stop()
                if attempt == 2:
                    raise

    def accepts(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), seconds(1)):
            return self.running.process.poll() is None
        return False

    def places(self) -> dict[str, str]:
        """What to replace in the page: addresses, ports, paths."""
        raise NotImplementedError

    def command(self, text: str) -> list[str]:
        raise NotImplementedError

    @property
    def origin(self) -> str:
        return f"{'https' if self.tls else 'http'}://{HOST}:{self.port}"

    def connect(self, path: str = "/", **options: object) -> ClientConnection:
        opened = socket.create_connection(("127.0.0.1", self.port), seconds(10), source_address=(CLIENT, 0))
        if self.tls:
            trust = ssl.create_default_context(cafile=self.directory / "certificate.pem")
            options |= {"ssl": trust, "server_hostname": HOST}
        options = {"compression": None, "ping_interval": None, "proxy": None, "max_size": None} | options
        url = self.origin.replace("http", "ws", 1) + self.prefix + path
        return connect(url, sock=opened, open_timeout=seconds(15), close_timeout=seconds(10), **options)

    def status(self, **options: object) -> int | None:
        """Of the answer to a handshake; None if there is none."""
        try:
            with self.connect(**options) as client:
                return client.response.status_code
        except InvalidStatus as refused:
            return refused.response.status_code
        except TimeoutError:
            raise
        except (InvalidMessage, EOFError, OSError):
            return None


class Nginx(Proxy):
    program = "nginx"
    title = "/etc/nginx/conf.d/chat.conf"
    prefix = "/ws"
    absent = 502
    timeout = {"proxy_read_timeout 60s": "proxy_read_timeout 2s"}
    around = "http"

    def places(self) -> dict[str, str]:
        return {
            "listen 443 ssl": f"listen 127.0.0.1:{self.port} ssl",
            "/etc/ssl/chat.example/fullchain.pem": f"{self.directory}/certificate.pem",
            "/etc/ssl/chat.example/privkey.pem": f"{self.directory}/key.pem",
            "127.0.0.1:8080": self.backend,
        }

    def command(self, text: str) -> list[str]:
        directory = self.directory
        load = "".join(
            f"load_module {module};\n" for module in Path("/usr/lib/nginx/modules").glob("ngx_stream_module.so")
        )
        paths = "".join(
            f"{name}_temp_path {directory}/{name};\n" for name in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        )
        if self.around == "http":
            text = f"http {{\naccess_log off;\n{paths}\n{text}\n}}"
        # A worker of another user could not read the test's folder.
        user = f"user {pwd.getpwuid(os.getuid()).pw_name};\n" if os.getuid() == 0 else ""
        (directory / "nginx.conf").write_text(
            f"{load}{user}daemon off;\nworker_processes 1;\npid {directory}/nginx.pid;\nerror_log stderr;\n"
            f"events {{ worker_connections 100; }}\n{text}"
        )
        # -e: it opens the log that it was built with before it has read another from the file.
        return [program("nginx"), "-e", "stderr", "-p", str(directory), "-c", str(directory / "nginx.conf")]


class NginxStream(Nginx):
    title = "/etc/nginx/nginx.conf, at its end, outside of http"
    prefix = ""
    proxy_protocol = True
    secure = False
    absent = None
    timeout = {"proxy_timeout 10m": "proxy_timeout 2s"}
    around = ""


class HaproxyHttp(Proxy):
    program = "haproxy"
    title = "/etc/haproxy/haproxy.cfg, mode http"
    absent = 503
    timeout = {"timeout tunnel 60s": "timeout tunnel 2s"}

    def places(self) -> dict[str, str]:
        return {
            "bind :443": f"bind 127.0.0.1:{self.port}",
            "/etc/haproxy/certs/chat.example.pem": f"{self.directory}/both.pem",
            "127.0.0.1:8080": self.backend,
        }

    def command(self, text: str) -> list[str]:
        # Timeouts as in Debian's file.
        defaults = "defaults\n  mode http\n  timeout connect 5000\n  timeout client 50000\n  timeout server 50000\n"
        path = self.directory / "haproxy.cfg"
        path.write_text(f"global\n  maxconn 100\n{defaults}{text}")
        return [program("haproxy"), "-db", "-f", str(path)]


class HaproxyTcp(HaproxyHttp):
    title = "/etc/haproxy/haproxy.cfg, mode tcp"
    proxy_protocol = True
    absent = None
    timeout = {"timeout client 60s": "timeout client 2s", "timeout server 60s": "timeout server 2s"}


class HaproxyTcpVersion2(HaproxyTcp):
    changes = {"send-proxy-v2-ssl": "send-proxy-v2"}
    secure = False


class HaproxyTcpVersion1(HaproxyTcp):
    changes = {"send-proxy-v2-ssl": "send-proxy"}
    secure = False


class Caddy(Proxy):
    program = "caddy"
    title = "/etc/caddy/Caddyfile"
    prefix = "/ws"
    # Certificates by itself are for hosts that the world can reach.
    tls = False
    secure = False
    absent = 502

    def places(self) -> dict[str, str]:
        return {
            "chat.example {": f"http://{HOST}:{self.port} {{\n    bind 127.0.0.1",
            "/srv/chat/public": str(self.directory),
            "127.0.0.1:8080": self.backend,
        }

    def command(self, text: str) -> list[str]:
        path = self.directory / "Caddyfile"
        path.write_text(f"{{\n    admin off\n}}\n{text}")
        return [program("caddy"), "run", "--config", str(path), "--adapter", "caddyfile"]


KINDS = [Nginx, NginxStream, HaproxyHttp, HaproxyTcp, HaproxyTcpVersion2, HaproxyTcpVersion1, Caddy]


def certificate(directory: Path) -> None:
    key, own = directory / "key.pem", directory / "certificate.pem"
    command = [program("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-days", "2", "-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}"]
    subprocess.run([*command, "-keyout", key, "-out", own], check=True, capture_output=True)
    (directory / "both.pem").write_text(own.read_text() + key.read_text())


class ProxyCase(unittest.TestCase):
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

    def ask(self, client: ClientConnection, message: str | bytes) -> str | bytes:
        client.send(message)
        return client.recv(seconds(10))

    def described(self, proxy: Proxy, **options: object) -> dict[str, object]:
        with proxy.connect("/describe", **options) as client:
            return loads(self.ask(client, "who am I?"))

    def assert_serves(self, proxy: Proxy) -> None:
        with proxy.connect() as client:
            self.assertEqual(self.ask(client, "hello"), "hello")
        seen = self.described(proxy)
        self.assertEqual((seen["address"], seen["secure"]), (CLIENT, proxy.secure))


class ThroughAProxyTest(ProxyCase):
    def test_messages_pass_and_php_sees_the_clients_address(self) -> None:
        for kind in KINDS:
            with self.subTest(kind.__name__):
                proxy, _ = self.behind(kind)
                self.assert_serves(proxy)

    def test_what_a_client_says_of_itself_is_not_believed(self) -> None:
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
                    seen = self.described(proxy, additional_headers={name: value})
                    self.assertEqual((seen["address"], seen["secure"]), (CLIENT, proxy.secure), name)

    def test_pages_of_the_same_host_may_connect_and_others_may_not(self) -> None:
        for kind in KINDS:
            with self.subTest(kind.__name__):
                proxy, _ = self.behind(kind)
                self.assertEqual(proxy.status(origin=proxy.origin), 101)
                for origin in ["https://evil.example", f"https://evil.example:{proxy.port}", f"https://{HOST}:1"]:
                    self.assertEqual(proxy.status(origin=origin), 403, origin)

    def test_large_and_compressed_messages_pass(self) -> None:
        large = os.urandom(MIB - 1)
        text = "Grüße, 世界 👋 " * 30_000
        for kind in KINDS:
            with self.subTest(kind.__name__):
                proxy, _ = self.behind(kind, COMPRESSION="{}")
                with proxy.connect() as client:
                    self.assertEqual(self.ask(client, large), large)
                    self.assertEqual(self.ask(client, text), text)
                with proxy.connect(compression="deflate") as client:
                    self.assertIn("permessage-deflate", client.response.headers["Sec-WebSocket-Extensions"])
                    self.assertEqual(self.ask(client, large), large)
                    self.assertEqual(self.ask(client, text), text)

    def test_close_codes_pass_both_ways(self) -> None:
        for kind in KINDS:
            with self.subTest(kind.__name__):
                proxy, server = self.behind(kind)
                with proxy.connect() as client:
                    client.close(4001, "bye")
                server.line("^closed 4001 bye$")
                with proxy.connect("/close?code=4002&reason=enough") as client:
                    client.send("go")
                    with self.assertRaises(ConnectionClosed) as closed:
                        client.recv(seconds(10))
                    self.assertEqual((closed.exception.rcvd.code, closed.exception.rcvd.reason), (4002, "enough"))

    def test_pings_keep_a_silent_client_that_the_proxy_would_cut(self) -> None:
        clients: dict[type[Proxy], list[ClientConnection]] = {}
        for kind in [Nginx, NginxStream, HaproxyHttp, HaproxyTcp]:
            with self.subTest(kind.__name__):
                # 25 s between pings, the default, are too long here.
                for interval in ["25", "0.5"]:
                    proxy = self.proxy(kind, host_and_port(self.server(kind, HEARTBEAT=interval)), kind.timeout)
                    clients.setdefault(kind, []).append(self.enterContext(proxy.connect()))
        begun = time.monotonic()
        for kind, (cut, _) in clients.items():
            with self.subTest(kind.__name__):
                with self.assertRaises(ConnectionClosed) as closed:
                    cut.recv(seconds(20))
                self.assertIsNone(closed.exception.rcvd, "1006: without a close frame")
        # As long again as it took to cut the others.
        time.sleep(time.monotonic() - begun)
        for kind, (_, kept) in clients.items():
            with self.subTest(kind.__name__):
                self.assertEqual(self.ask(kept, "still here"), "still here")

    def test_a_proxy_recovers_when_its_server_comes_back(self) -> None:
        for kind in [Nginx, NginxStream, HaproxyHttp, HaproxyTcp, Caddy]:
            with self.subTest(kind.__name__):
                proxy, server = self.behind(kind)
                self.assertEqual(proxy.status(), 101)
                self.assertEqual(server.stop(), 0)
                self.assertEqual(proxy.status(), proxy.absent)
                self.server(type(proxy), proxy.backend).url()
                self.assert_serves(proxy)

    def test_a_proxy_reaches_a_unix_socket(self) -> None:
        for kind, notation in [(Nginx, "unix:{}"), (HaproxyHttp, "{}"), (HaproxyTcp, "{}"), (Caddy, "unix/{}")]:
            with self.subTest(kind.__name__):
                path = self.folder() / "chat.sock"
                self.server(kind, f"unix://{path}").url()
                self.assert_serves(self.proxy(kind, notation.format(path)))

    def test_clients_wait_while_a_server_with_a_passed_socket_restarts(self) -> None:
        for kind in [Nginx, HaproxyHttp, Caddy]:
            with self.subTest(kind.__name__), socket.socket() as listening:
                listening.bind(("127.0.0.1", 0))
                listening.listen()
                environment = {"TRUSTED_PROXIES": '["127.0.0.1"]'}
                server = self.enterContext(PhpServer(SERVER, "systemd", env=environment, sockets={"web": listening}))
                server.url()
                proxy = self.proxy(kind, f"127.0.0.1:{listening.getsockname()[1]}")
                self.assertEqual(proxy.status(), 101)
                self.assertEqual(server.stop(), 0)
                # It asks while nobody is there; the next server starts only then.
                opened = socket.create_connection(("127.0.0.1", proxy.port), seconds(10))
                self.addCleanup(opened.close)
                if proxy.tls:
                    trust = ssl.create_default_context(cafile=proxy.directory / "certificate.pem")
                    opened = trust.wrap_socket(opened, server_hostname=HOST)
                    self.addCleanup(opened.close)
                opened.sendall(
                    f"GET {proxy.prefix}/ HTTP/1.1\r\nHost: {HOST}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
                )
                self.enterContext(PhpServer(SERVER, "systemd", env=environment, sockets={"web": listening})).url()
                opened.settimeout(seconds(10))
                self.assertTrue(opened.recv(100).startswith(b"HTTP/1.1 101 "))


class MistakesTest(ProxyCase):
    """The table at the end of the page."""

    def test_each_line_of_nginx_that_is_forgotten_has_its_own_answer(self) -> None:
        server = self.server(Nginx)
        backend = host_and_port(server)
        for line, status, sentence in [
            ("proxy_set_header Host              $http_host;", 403, "this origin may not connect here"),
            ("proxy_set_header Connection        $connection_upgrade;", 400, "the Connection header does not name upgrade"),
            ("proxy_set_header Upgrade           $http_upgrade;", 426, "this is a WebSocket endpoint; "),
            ("proxy_http_version 1.1;", 505, "a WebSocket handshake uses HTTP/1.1"),
        ]:
            with self.subTest(line):
                self.assertIn(f"| {status}, `{sentence}", PAGE.read_text())
                proxy = self.proxy(Nginx, backend, {line: ""})
                with self.assertRaises(InvalidStatus) as refused:
                    proxy.connect(origin=proxy.origin)
                self.assertEqual(refused.exception.response.status_code, status)
                self.assertIn(sentence, refused.exception.response.body.decode())
        server.line("its Origin is not the Host")

    def test_a_proxy_that_is_not_listed_is_taken_for_the_client(self) -> None:
        for kind in [Nginx, HaproxyHttp, Caddy]:
            with self.subTest(kind.__name__):
                server = self.server(kind, TRUSTED_PROXIES="[]")
                proxy = self.proxy(kind, host_and_port(server))
                self.assertEqual(self.described(proxy)["address"], "127.0.0.1")

    def test_a_proxy_header_has_to_be_sent_where_it_is_expected_and_nowhere_else(self) -> None:
        plain = self.server(HaproxyHttp)
        proxy = self.proxy(HaproxyTcp, host_and_port(plain))
        with self.assertRaises(InvalidStatus) as refused:
            proxy.connect()
        self.assertEqual(refused.exception.response.status_code, 400)
        self.assertIn("this is not an HTTP/1.1 request; ", refused.exception.response.body.decode())
        expecting = self.server(HaproxyTcp)
        proxy = self.proxy(HaproxyTcp, host_and_port(expecting), {"send-proxy-v2-ssl": ""})
        self.assertIsNone(proxy.status())
        expecting.line("did not begin with a PROXY header")


class SupervisionTest(ProxyCase):
    def script(self) -> Path:
        path = self.folder() / "server.php"
        path.write_text(replaced(block("/srv/chat/server.php"), {"127.0.0.1:8080": "127.0.0.1:0"}))
        return path

    def test_supervisor_starts_the_server_again_and_stops_it_in_order(self) -> None:
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
        with connect(urls()[0].rstrip("/"), proxy=None) as client:
            self.assertEqual(self.ask(client, "hello"), "127.0.0.1 says: hello")
            os.kill(int(children[0]), signal.SIGKILL)
            with self.assertRaises(ConnectionClosed):
                client.recv(seconds(10))
        running.wait_for(lambda: len(urls()) == 2, "supervisor started no second server")
        with connect(urls()[1].rstrip("/"), proxy=None) as client:
            running.process.send_signal(signal.SIGTERM)
            with self.assertRaises(ConnectionClosed) as closed:
                client.recv(seconds(20))
            self.assertEqual(closed.exception.rcvd.code, 1001)
        self.assertEqual(running.process.wait(seconds(20)), 0)

    def test_systemd_finds_nothing_wrong_with_the_units(self) -> None:
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
