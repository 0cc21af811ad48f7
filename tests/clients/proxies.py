"""Real proxies with the configurations of docs/deployment.md, each in front of a server.

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
import time
import unittest
from pathlib import Path

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus

from php_server import ROOT, seconds

PAGE = ROOT / "docs/deployment.md"
HOST = "chat.example"
# Neither the address of the proxy nor one that the server trusts.
CLIENT = "127.0.0.7"


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
        # With the certificate's word that it is this proxy, where there is one.
        with contextlib.suppress(OSError), self.open():
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

    def reach(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), seconds(10), source_address=(CLIENT, 0))

    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.directory / "certificate.pem")

    def open(self) -> socket.socket:
        """For who sends bytes at a time of their own."""
        return self.trust().wrap_socket(self.reach(), server_hostname=HOST) if self.tls else self.reach()

    def connect(self, path: str = "/", **options: object) -> connect:
        # Not the client with threads: Python 3.11 lets one read and one write of TLS disturb each other.
        if self.tls:
            options |= {"ssl": self.trust(), "server_hostname": HOST}
        options = {"compression": None, "ping_interval": None, "proxy": None, "max_size": None} | options
        url = self.origin.replace("http", "ws", 1) + self.prefix + path
        return connect(url, sock=self.reach(), open_timeout=seconds(15), close_timeout=seconds(10), **options)

    async def status(self, **options: object) -> int | None:
        """Of the answer to a handshake; None if there is none."""
        try:
            async with self.connect(**options) as client:
                return client.response.status_code
        except InvalidStatus as refused:
            return refused.response.status_code
        except (InvalidMessage, ConnectionClosed, EOFError, ConnectionError, ssl.SSLEOFError):
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
        # A module of its own on Debian and Fedora, built in elsewhere.
        modules = Path("/usr").glob("lib*/nginx/modules/ngx_stream_module.so")
        load = "".join(f"load_module {module};\n" for module in modules)
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
