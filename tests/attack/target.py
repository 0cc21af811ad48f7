"""A server under attack: a PHP process, a bystander that watches it, and what it uses of the machine."""

import json
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from certificates import Authority
from client import TEXT, Client, frame
from php_server import PhpServer, seconds

HERE = Path(__file__).resolve().parent
KIB, MIB = 1 << 10, 1 << 20
# What no attack may delay another client by, in seconds.
BOUND = seconds(0.05)
# How a proxy begins where a PROXY header is demanded, for those who do not attack it.
PROXY_LOCAL = b"PROXY UNKNOWN\r\n"


class Watch:
    """A bystander's process (bystander.py), asked after each probe."""

    def __init__(self, target: "Target", new: bool = False):
        host, port = target.address
        options = {
            "host": host,
            "port": port,
            "pid": target.pid,
            "new": new,
            "ca": target.ca,
            "prefix": target.prefix.hex(),
        }
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "bystander.py"), json.dumps(options)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        line = self._process.stdout.readline().strip()
        assert line == "ready", f"the bystander could not begin: {line}"

    def mark(self) -> dict:
        """What it measured since the last time: `worst`, `blamed` (seconds) and `count`."""
        try:
            self._process.stdin.write("mark\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass
        answer = json.loads(self._process.stdout.readline() or '{"failed": "it is gone"}')
        assert "failed" not in answer, f"the bystander was harmed: {answer['failed']}"
        return answer

    def close(self) -> None:
        self._process.stdin.close()
        try:
            self._process.wait(15)
        finally:
            self._process.kill()
            self._process.wait()
            self._process.stdout.close()


class Target:
    """`options`: of server.php; `"tls": true` has certificates made, `"descriptors": n` bounds the process."""

    def __init__(self, options: dict):
        self.options = options
        given = {key: value for key, value in options.items() if key != "descriptors"}
        self.ca: str | None = None
        self._authority: Authority | None = None
        if given.pop("tls", False):
            self._authority = Authority()
            self.ca = str(self._authority.root)
            given["tls"] = self._authority.make("localhost")
        self.prefix = PROXY_LOCAL if "proxy_protocol" in given.get("listen", "") else b""
        self.php = PhpServer(
            "tests/attack/server.php", env={"ATTACK": json.dumps(given)}, descriptors=options.get("descriptors")
        )
        host, _, port = self.php.url().split("://")[1].split("/")[0].split("?")[0].rpartition(":")
        self.address = (host, int(port))
        self.pid = self.php.process.pid
        self.ended = False

    # ---- Clients ------------------------------------------------------------------------------

    def connect(self, **how) -> Client:
        """A bare socket."""
        return Client(self.address, **how)

    def open(
        self,
        target: str = "/",
        *,
        limit: float = 5,
        receive_buffer: int | None = None,
        source: str | None = None,
        **changed: str | None,
    ) -> Client:
        """A client whose handshake is done. `changed`: headers, as for `client.head`."""
        client = self.connect(limit=limit, receive_buffer=receive_buffer, source=source)
        if self.ca:
            context = ssl.create_default_context(cafile=self.ca)
            client.socket = context.wrap_socket(client.socket, server_hostname="localhost")
        else:
            client.send(self.prefix)
        return client.upgrade(target, **changed)

    def ask(self, path: str, message: str = "?") -> dict:
        """What PHP answers there, as JSON."""
        with self.open(path) as client:
            client.send(frame(TEXT, message.encode()))
            return json.loads(client.read_frame()[1])

    def figure(self, name: str) -> int:
        """One of stats()."""
        return self.ask("/stats")[f"ferrite_{name}"]

    # ---- What it uses -------------------------------------------------------------------------

    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def memory(self, key: str = "VmRSS") -> int:
        """Bytes resident now; with VmHWM, at most since `forget_peak`."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(f"{key}:"):
                return int(line.split()[1]) * KIB
        raise AssertionError(f"no {key}")

    def forget_peak(self) -> int:
        """Begins to look for the peak anew; what is resident now."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")
        return self.memory()

    def peak(self) -> int:
        return self.memory("VmHWM")

    # ---- Its end ------------------------------------------------------------------------------

    def stop(self, by: signal.Signals = signal.SIGTERM) -> int:
        self.ended = True
        return self.php.stop(by)

    def close(self) -> None:
        try:
            if not self.ended:
                self.stop()
        finally:
            if self._authority:
                self._authority.close()


def eventually(what: str, holds: Callable[[], bool], limit: float = 5) -> None:
    """Waits until it holds; what the server does a moment later is no fault of it."""
    deadline = time.monotonic() + seconds(limit)
    while not holds():
        assert time.monotonic() < deadline, f"{what}: not within {limit} s"
        time.sleep(0.01)
