"""php-fpm from the system's packages, and a FastCGI client for it."""

import os
import pwd
import shutil
import socket
import struct
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import urlencode

from php_server import seconds


def find() -> str | None:
    """The php-fpm of the PHP that is tested."""
    php = os.environ.get("PHP") or "php"
    version = subprocess.run([php, "-n", "-r", "echo PHP_VERSION;"], capture_output=True, text=True).stdout
    short = ".".join(version.split(".")[:2])
    for name in [f"php-fpm{short}", "php-fpm"]:
        found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
        if found and f"PHP {version} " in subprocess.run([found, "-n", "-v"], capture_output=True, text=True).stdout:
            return found
    return None


class Fpm:
    """A pool of `workers` that serves one script. `options` go to php-fpm."""

    def __init__(self, script: str, *options: str, workers: int = 1):
        binary = find()
        assert binary, "no php-fpm of this PHP's version"
        self._folder = tempfile.TemporaryDirectory(prefix="ferrite-fpm-")
        folder = Path(self._folder.name)
        self.script = folder / "index.php"
        self.script.write_text(script)
        self.socket = folder / "fpm.sock"
        self.log = folder / "fpm.log"
        (folder / "fpm.conf").write_text(
            f"[global]\nerror_log = {self.log}\n"
            f"[www]\nuser = {pwd.getpwuid(os.getuid()).pw_name}\nlisten = {self.socket}\n"
            f"pm = static\npm.max_children = {workers}\ncatch_workers_output = yes\n"
        )
        self.process = subprocess.Popen(
            [binary, "-n", *options, "-F", "-R", "-y", str(folder / "fpm.conf")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def close(self) -> None:
        if self.process.poll() is None:
            # Not killed: its workers would go on without it.
            self.process.terminate()
            try:
                self.process.wait(seconds(10))
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._folder.cleanup()

    def get(self, **query: object) -> str:
        """One page; the body of its answer."""

        def record(kind: int, content: bytes) -> bytes:
            return struct.pack(">BBHHBx", 1, kind, 1, len(content), 0) + content

        parameters = {
            "SCRIPT_FILENAME": str(self.script),
            "REQUEST_METHOD": "GET",
            "QUERY_STRING": urlencode(query),
        }
        encoded = b"".join(
            struct.pack(">BI", len(name), len(value) | 1 << 31) + name.encode() + value.encode()
            for name, value in parameters.items()
        )
        with self._connect() as client:
            client.sendall(record(1, struct.pack(">HB5x", 1, 0)) + record(4, encoded) + record(4, b"") + record(5, b""))
            stream = client.makefile("rb")
            output = b""
            while len(header := stream.read(8)) == 8:
                _, kind, _, length, padding = struct.unpack(">BBHHBx", header)
                content = stream.read(length)
                stream.read(padding)
                if kind == 6:
                    output += content
        return output.decode().split("\r\n\r\n", 1)[1]

    def _connect(self) -> socket.socket:
        deadline = time.monotonic() + seconds(10)
        while True:
            client = socket.socket(socket.AF_UNIX)
            client.settimeout(seconds(30))
            try:
                client.connect(str(self.socket))
                return client
            except OSError:
                client.close()
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise
                time.sleep(0.02)
