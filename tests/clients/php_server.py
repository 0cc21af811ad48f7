"""Starts a PHP script with the extension and waits for what it prints."""

import os
import queue
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SLOW = float(os.environ.get("FERRITE_TEST_SLOW", "1"))
# Puts the descriptors where systemd would, and becomes the command: argv is names, descriptors, command.
PASS_SOCKETS = """
import fcntl, os, sys
names, numbers, command = sys.argv[1], sys.argv[2].split(","), sys.argv[3:]
# First out of the way, so that none is overwritten before it is moved.
copies = [fcntl.fcntl(int(number), fcntl.F_DUPFD_CLOEXEC, 100) for number in numbers]
for place, copy in enumerate(copies):
    os.dup2(copy, 3 + place)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(copies)), LISTEN_FDNAMES=names)
os.execvp(command[0], command)
"""
URL = r"(wss?(?:\+unix)?://\S+)"


def seconds(limit: float) -> float:
    """A deadline, stretched where PHP runs slowly (under valgrind or AddressSanitizer)."""
    return limit * SLOW


def php(*arguments: str, extension: bool = True) -> list[str]:
    """PHP with the extension under test and without any ini file, which might load an installed one."""
    command = [os.environ.get("FERRITE_PHP") or os.environ.get("PHP") or "php", "-n"]
    if extension:
        library = os.environ.get("FERRITE_EXT") or str(ROOT / "target/release/libferrite.so")
        command += ["-d", f"extension={library}"]
    return command + list(arguments)


class PhpServer:
    """`php -n -d extension=… script arguments…`, the script being relative to the repository.

    `descriptors`: how many the process may have. `sockets`: what is passed to it as systemd would, by name.
    `settings`: PHP's own, before the script. `command`: instead of all that. `errors`: a file for the standard
    error."""

    def __init__(
        self,
        script: str = "",
        *arguments: str,
        env: dict[str, str] | None = None,
        descriptors: int | None = None,
        command: list[str] | None = None,
        sockets: dict[str, socket.socket] | None = None,
        settings: list[str] | None = None,
        errors: str | None = None,
    ):
        command = command or php(*(settings or []), str(ROOT / script), *arguments)
        passed = [opened.fileno() for opened in (sockets or {}).values()]
        if sockets:
            numbers = ",".join(map(str, passed))
            command = [sys.executable, "-c", PASS_SOCKETS, ":".join(sockets), numbers, *command]
        if descriptors is not None:
            command = ["sh", "-c", f'ulimit -n {descriptors} && exec "$@"', "sh", *command]
        if errors is not None:
            command = ["sh", "-c", 'exec "$@" 2>"$0"', errors, *command]
        self.lines: list[str] = []
        # While it is set, nobody reads what the server prints.
        self.deaf = threading.Event()
        self._new: queue.Queue[str | None] = queue.Queue()
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | (env or {}),
            pass_fds=passed,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> "PhpServer":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _read(self) -> None:
        for line in self.process.stdout:
            self._new.put(line.rstrip("\n"))
            while self.deaf.is_set():
                time.sleep(0.01)
        self._new.put(None)

    def line(self, pattern: str, limit: float = 10) -> re.Match[str]:
        """The next printed line that matches; the lines before it are passed over."""
        deadline = time.monotonic() + seconds(limit)
        while True:
            try:
                line = self._new.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                line = None
            if line is None:
                printed = "\n".join(self.lines)
                raise AssertionError(f"the server printed no line like {pattern}, but:\n{printed}")
            self.lines.append(line)
            if match := re.search(pattern, line):
                return match

    def said(self) -> list[str]:
        """All that it has printed so far."""
        while not self._new.empty():
            line = self._new.get()
            if line is not None:
                self.lines.append(line)
        return self.lines

    def url(self) -> str:
        """The address of the next listener."""
        return self.line(URL)[1]

    def type(self, line: str) -> None:
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def wait(self, limit: float = 20) -> int:
        """The exit code; a server that does not end is killed."""
        try:
            return self.process.wait(seconds(limit))
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            self.process.stdin.close()
            self._reader.join(5)
            self.process.stdout.close()

    def stop(self, by: signal.Signals = signal.SIGTERM) -> int:
        """Ends it in an orderly way; returns the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(by)
        return self.wait()
