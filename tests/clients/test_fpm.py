"""Under php-fpm the extension loads and does no harm, and a server refuses to run there."""

import os
import pwd
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from php_server import ROOT, seconds

SCRIPT = """<?php
foreach (['run', 'start'] as $method) {
    try {
        (new Ferrite\\Server('127.0.0.1:0'))->$method();
        echo "$method began to serve\\n";
    } catch (Ferrite\\StateException $e) {
        echo "$method: {$e->getMessage()}\\n";
    }
}
preg_match('/Threads:\\s*(\\d+)/', file_get_contents('/proc/self/status'), $m);
echo "threads: $m[1]\\n";
"""


def find_fpm() -> str | None:
    php = os.environ.get("PHP") or "php"
    version = subprocess.run([php, "-n", "-r", "echo PHP_VERSION;"], capture_output=True, text=True).stdout
    short = ".".join(version.split(".")[:2])
    for name in [f"php-fpm{short}", "php-fpm"]:
        found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
        if found and f"PHP {version} " in subprocess.run([found, "-n", "-v"], capture_output=True, text=True).stdout:
            return found
    return None


@unittest.skipUnless(Path("/proc/self/status").exists(), "counts threads by /proc")
class FpmTest(unittest.TestCase):
    def setUp(self) -> None:
        fpm = find_fpm()
        if fpm is None:
            self.skipTest("no php-fpm of this PHP's version")
        directory = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.script = directory / "index.php"
        self.script.write_text(SCRIPT)
        self.socket = directory / "fpm.sock"
        (directory / "fpm.conf").write_text(
            f"[global]\nerror_log = {directory}/fpm.log\n"
            f"[www]\nuser = {pwd.getpwuid(os.getuid()).pw_name}\nlisten = {self.socket}\n"
            "pm = static\npm.max_children = 1\ncatch_workers_output = yes\n"
        )
        extension = os.environ.get("FERRITE_EXT") or str(ROOT / "target/release/libferrite.so")
        self.process = subprocess.Popen(
            [fpm, "-n", "-d", f"extension={extension}", "-F", "-R", "-y", str(directory / "fpm.conf")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.addCleanup(self.kill)
        self.log = directory / "fpm.log"

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def connect(self) -> socket.socket:
        deadline = time.monotonic() + seconds(10)
        while True:
            client = socket.socket(socket.AF_UNIX)
            client.settimeout(seconds(10))
            try:
                client.connect(str(self.socket))
                return client
            except OSError:
                client.close()
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise
                time.sleep(0.02)

    def get(self) -> str:
        """One FastCGI request; the body of its answer."""

        def record(kind: int, content: bytes) -> bytes:
            return struct.pack(">BBHHBx", 1, kind, 1, len(content), 0) + content

        parameters = {"SCRIPT_FILENAME": str(self.script), "REQUEST_METHOD": "GET"}
        encoded = b"".join(
            struct.pack(">BI", len(name), len(value) | 1 << 31) + name.encode() + value.encode()
            for name, value in parameters.items()
        )
        with self.connect() as client:
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

    def test_a_server_refuses_to_run_and_requests_are_served(self) -> None:
        first = self.get()
        self.assertRegex(first, re.compile(r"^run: .*CLI.*\nstart: .*CLI.*\nthreads: 1\n$", re.IGNORECASE))
        for _ in range(3):
            self.assertEqual(self.get(), first)
        self.process.send_signal(signal.SIGQUIT)
        self.assertEqual(self.process.wait(seconds(10)), 0)
        self.assertNotIn("signal", self.log.read_text().replace("SIGQUIT", ""), "no worker died by a signal")


if __name__ == "__main__":
    unittest.main()
