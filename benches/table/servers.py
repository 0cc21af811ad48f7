"""Who is measured, and how to start one afresh."""

import os
import re
import resource
import select
import shlex
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")
# How long a server may take until it answers.
START = 20.0


class ServerError(Exception):
    """A server that does not start."""


@dataclass(frozen=True)
class Server:
    name: str
    # Prints its address first; or has a {port} and is waited for there.
    command: tuple[str, ...] = ()
    # An address and a process, of one that runs already.
    external: tuple[str, int] | None = None
    environment: tuple[tuple[str, str], ...] = ()
    # What must exist, else the server is left out.
    needs: tuple[str, ...] = ()

    def missing(self) -> list[str]:
        return [need for need in self.needs if not shutil.which(need) and not Path(need).exists()]


def known(load: str, php: str, extension: str) -> list[Server]:
    servers = ROOT / "benches/servers"
    node_modules = os.environ.get("NODE_PATH") or str(TARGET / "npm/node_modules")
    python = str(TARGET / "venv-bench/bin/python")
    # -n: an installed ferrite, loaded by an ini file, must not come before this one.
    ferrite = (php, "-n", "-d", f"extension={extension}", str(servers / "ferrite.php"))
    return [
        Server("ferrite", ferrite, needs=(php, extension)),
        Server("core", (load, "serve", "core")),
        Server("tungstenite", (load, "serve", "tungstenite")),
        Server("sockudo-ws", (load, "serve", "sockudo-ws")),
        Server("yawc", (load, "serve", "yawc")),
        Server(
            "ws",
            ("node", str(servers / "ws.mjs")),
            environment=(("NODE_PATH", node_modules),),
            needs=("node", f"{node_modules}/ws"),
        ),
        Server("picows", (python, str(servers / "picows_server.py")), needs=(python,)),
    ]


def extra(text: str) -> Server:
    """A server by NAME=COMMAND.

    >>> extra("swoole=php server.php {port}")
    Server(name='swoole', command=('php', 'server.php', '{port}'), external=None, environment=(), needs=())
    """
    name, _, command = text.partition("=")
    if not name or "{port}" not in command:
        raise ValueError(f"{text!r}: write NAME=COMMAND, with {{port}} where the port goes")
    return Server(name, tuple(shlex.split(command)))


def external(text: str) -> Server:
    """A server by NAME=HOST:PORT,PID.

    >>> external("mine=127.0.0.1:9000,42").external
    ('127.0.0.1:9000', 42)
    """
    match = re.fullmatch(r"([^=]+)=(.+:\d+),(\d+)", text)
    if not match:
        raise ValueError(f"{text!r}: write NAME=HOST:PORT,PID")
    return Server(match[1], external=(match[2], int(match[3])))


class Running:
    """A server that answers, until the end of the `with` block."""

    def __init__(self, server: Server, cpus: set[int] | None, log: Path) -> None:
        self.server = server
        self.cpus = cpus
        self.log = log
        self.process: subprocess.Popen | None = None

    def __enter__(self) -> tuple[str, int]:
        if self.server.external:
            return self.server.external
        port = free_port()
        command = [part.replace("{port}", str(port)) for part in self.server.command]
        tells = command == list(self.server.command)
        with open(self.log, "ab") as log:
            try:
                # Whoever tells its address says no more; the others may, and must not wait for a reader.
                self.process = subprocess.Popen(
                    command,
                    stdout=subprocess.PIPE if tells else log,
                    stderr=log,
                    stdin=subprocess.DEVNULL,
                    start_new_session=True,
                    env=os.environ | dict(self.server.environment),
                    preexec_fn=lambda: prepare(self.cpus),
                )
            except OSError as error:
                raise ServerError(f"cannot run {command[0]}: {error.strerror}") from error
        try:
            if tells:
                return self.address(), self.process.pid
            self.wait_for(port)
            return f"127.0.0.1:{port}", self.process.pid
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_) -> None:
        if not self.process:
            return
        # The whole session: it may have workers that outlive it.
        for order, patience in ((signal.SIGTERM, 5), (signal.SIGKILL, 5)):
            try:
                os.killpg(self.process.pid, order)
                self.process.wait(patience)
            except ProcessLookupError:
                break
            except subprocess.TimeoutExpired:
                continue
        if self.process.stdout:
            self.process.stdout.close()

    def address(self) -> str:
        line = b""
        until = time.monotonic() + START
        while not line.endswith(b"\n"):
            if not select.select([self.process.stdout], [], [], max(0.0, until - time.monotonic()))[0]:
                raise ServerError(f"no address within {START:.0f} s; see {self.log}")
            byte = os.read(self.process.stdout.fileno(), 1)
            if not byte:
                raise ServerError(f"it ended before it printed an address; see {self.log}")
            line += byte
        return line.decode().strip()

    def wait_for(self, port: int) -> None:
        until = time.monotonic() + START
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                if self.process.poll() is not None:
                    raise ServerError(f"it ended with {self.process.returncode}; see {self.log}") from None
                if time.monotonic() > until:
                    raise ServerError(f"nothing listens on port {port} after {START:.0f} s; see {self.log}") from None
                time.sleep(0.05)


def prepare(cpus: set[int] | None) -> None:
    """In the new process: its cores, and as many files as it may have."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if cpus:
        os.sched_setaffinity(0, cpus)


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]
