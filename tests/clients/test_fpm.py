"""Under php-fpm the extension loads and does no harm, and a server refuses to run there."""

import os
import re
import signal
import unittest
from pathlib import Path

import fpm
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


@unittest.skipUnless(Path("/proc/self/status").exists(), "counts threads by /proc")
@unittest.skipUnless(fpm.find(), "no php-fpm of this PHP's version")
class FpmTest(unittest.TestCase):
    def test_a_server_refuses_to_run_and_requests_are_served(self) -> None:
        extension = os.environ.get("FERRITE_EXT") or str(ROOT / "target/release/libferrite.so")
        pool = fpm.Fpm(SCRIPT, "-d", f"extension={extension}")
        self.addCleanup(pool.close)
        first = pool.get()
        self.assertRegex(first, re.compile(r"^run: .*CLI.*\nstart: .*CLI.*\nthreads: 1\n$", re.IGNORECASE))
        for _ in range(3):
            self.assertEqual(pool.get(), first)
        pool.process.send_signal(signal.SIGQUIT)
        self.assertEqual(pool.process.wait(seconds(10)), 0)
        self.assertNotIn("signal", pool.log.read_text().replace("SIGQUIT", ""), "no worker died by a signal")


if __name__ == "__main__":
    unittest.main()
