"""Whether benches/load and the table work at all: tiny numbers, never a time. Run by `./dev bench-smoke`.

LOAD is the generator to test, FERRITE_EXT and PHP what its PHP server needs.
"""

import doctest
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from xml.etree import ElementTree

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "table"))

from servers import Running, Server, known  # noqa: E402

LOAD = os.environ["LOAD"]
PHP = os.environ.get("PHP") or "php"
EXTENSION = os.environ["FERRITE_EXT"]
# How long the slowest machine, running everything under valgrind, may take.
LIMIT = 120 * float(os.environ.get("FERRITE_TEST_SLOW", 1))

MODES = {
    "echo": ["--connections", "4", "--seconds", "0.2", "--warm-up", "0.1"],
    "echo --window 16": ["--connections", "4", "--seconds", "0.2", "--warm-up", "0.1"],
    "echo --size 70000": ["--connections", "2", "--window", "3", "--seconds", "0.2", "--warm-up", "0.1"],
    "echo --size 900000": ["--connections", "1", "--seconds", "0.2", "--warm-up", "0.1"],
    "fan-out": ["--subscribers", "10", "--seconds", "0.2", "--warm-up", "0.1"],
    "fan-out --burst 100": ["--subscribers", "10", "--seconds", "0.2", "--warm-up", "0.1"],
    "idle": ["--connections", "50", "--seconds", "0.1"],
    "handshakes": ["--at-once", "4", "--seconds", "0.2", "--warm-up", "0.1"],
    "slow": ["--subscribers", "3", "--seconds", "0.5", "--rate", "20"],
    "flat": ["--messages", "2000", "--connections", "4"],
}


def load(mode: list[str], address: str, pid: int) -> subprocess.CompletedProcess:
    return subprocess.run(
        [LOAD, *mode, "--to", address, "--pid", str(pid), "--name", "smoke"],
        capture_output=True,
        text=True,
        timeout=LIMIT,
    )


class Modes(unittest.TestCase):
    def test_every_mode_completes_against_ferrite_with_php_and_without(self) -> None:
        self.complete(["ferrite", "core"], list(MODES))

    def test_the_servers_to_compare_with_speak_the_same(self) -> None:
        self.complete(["tungstenite", "sockudo-ws", "yawc"], ["echo --window 16", "fan-out --burst 100", "handshakes"])

    def test_what_other_languages_need_is_used_where_it_is_installed(self) -> None:
        there = [server.name for server in known(LOAD, PHP, EXTENSION)[5:] if not server.missing()]
        self.complete(there, ["echo --window 16", "fan-out --burst 100", "handshakes"])

    def complete(self, names: list[str], modes: list[str]) -> None:
        for server in known(LOAD, PHP, EXTENSION):
            if server.name not in names:
                continue
            with tempfile.TemporaryDirectory() as out, Running(server, None, Path(out) / "log") as (address, pid):
                for mode, arguments in ((mode, MODES[mode]) for mode in modes):
                    with self.subTest(server=server.name, mode=mode):
                        for _ in range(3):
                            done = load([*mode.split(), *arguments], address, pid)
                            self.assertEqual((done.returncode, done.stderr), (0, ""))
                            result = json.loads(done.stdout)
                            # A busy machine may have no moment for a server in so short a time.
                            if result.get("rate") != 0:
                                break
                        self.check(mode.split()[0], result)

    def check(self, mode: str, result: dict) -> None:
        self.assertEqual((result["name"], result["mode"]), ("smoke", mode))
        if mode == "slow":
            self.assertEqual((result["missing"], result["lost_subscribers"]), (0, []))
            self.assertGreater(result["rss_peak_kib"], 0)
            return
        self.assertGreater(result["rate"], 0)
        self.assertGreater(result["cpu_us"], 0)
        self.assertGreater(result["rss_kib"], 0)
        if mode in ("echo", "fan-out", "handshakes"):
            quantiles = [result[key] for key in ("p50_us", "p90_us", "p99_us", "p999_us")]
            self.assertEqual(quantiles, sorted(quantiles))


class Faults(unittest.TestCase):
    """The generator must notice what a server does wrong; else its numbers would mean nothing."""

    def notices(self, fault: str, window: int, text: str) -> None:
        server = Server(fault, (LOAD, "serve", "plain", "--fault", fault))
        with tempfile.TemporaryDirectory() as out, Running(server, None, Path(out) / "log") as (address, pid):
            done = load(["echo", "--connections", "2", "--window", str(window), "--patience", "0.5"], address, pid)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn(text, done.stderr)

    def test_a_lost_message_is_noticed_by_the_next(self) -> None:
        self.notices("drop", 4, "message 100 of sender 0 came: lost or out of order (waiting for message 99")

    def test_a_lost_message_is_noticed_when_nothing_follows(self) -> None:
        self.notices("drop", 1, "nothing comes any more; waiting for message 99 of sender 0")

    def test_reordered_messages_are_noticed(self) -> None:
        self.notices("reorder", 4, "message 100 of sender 0 came: lost or out of order (waiting for message 99")

    def test_a_changed_message_is_noticed(self) -> None:
        self.notices("change", 4, "a message came changed, from its byte 19 on (waiting for message 99")

    def test_a_repeated_message_is_noticed(self) -> None:
        self.notices("repeat", 4, "message 99 of sender 0 came: lost or out of order (waiting for message 100")

    def test_a_server_that_is_not_there_is_named(self) -> None:
        done = load(["echo"], "127.0.0.1:1", os.getpid())
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("cannot connect to 127.0.0.1:1", done.stderr)


class Table(unittest.TestCase):
    def test_the_parts_keep_their_promises(self) -> None:
        for name in ("servers", "measure", "spread", "targets", "markdown", "picture", "__main__"):
            module = importlib.import_module(name) if name != "__main__" else self.driver()
            failed, attempted = doctest.testmod(module)
            self.assertEqual(failed, 0, name)
            self.assertGreater(attempted, 0, name)

    def driver(self):
        spec = importlib.util.spec_from_file_location("driver", HERE / "table/__main__.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    def test_a_table_is_written_with_targets_when_their_rivals_were_measured(self) -> None:
        with tempfile.TemporaryDirectory() as out:
            done = subprocess.run(
                [
                    sys.executable,
                    HERE / "table",
                    "--load",
                    LOAD,
                    "--rows",
                    "echo-w16-free",
                    "--servers",
                    "ferrite,core",
                    "--extra",
                    f"swoole={LOAD} serve plain --port {{port}}",
                    "--rounds",
                    "2",
                    "--seconds",
                    "0.1",
                    "--out",
                    out,
                ],
                capture_output=True,
                text=True,
                timeout=LIMIT,
            )
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("[6/6, ", done.stderr)
            machine, *lines = map(json.loads, (Path(out) / "raw.jsonl").read_text().splitlines())
            self.assertIn("kernel", machine["machine"])
            order = [line["server"] for line in lines]
            self.assertEqual(order, ["ferrite", "core", "swoole", "swoole", "core", "ferrite"])
            text = (Path(out) / "table.md").read_text()
            self.assertRegex(text, r"\n\| ferrite \| [^|]+ · [^|]+ \|\n")
            drawn = ElementTree.parse(Path(out) / "table.svg").getroot()
            bars = [bar for bar in drawn.iter("{http://www.w3.org/2000/svg}rect") if "bar" in bar.get("class")]
            self.assertEqual(len(bars), 3)
            self.assertRegex(
                text, r"\| echo 64×20 w16, not pinned \| per second ≥ 1 600k \| [^|]+ \| (met|\*\*not met\*\*) \|"
            )

    def test_a_server_that_fails_is_told_and_the_others_go_on(self) -> None:
        with tempfile.TemporaryDirectory() as out:
            done = subprocess.run(
                [
                    sys.executable,
                    HERE / "table",
                    "--load",
                    LOAD,
                    "--rows",
                    "echo-free",
                    "--servers",
                    "core",
                    "--extra",
                    "broken=false {port}",
                    "--rounds",
                    "1",
                    "--seconds",
                    "0.1",
                    "--out",
                    out,
                ],
                capture_output=True,
                text=True,
                timeout=LIMIT,
            )
            text = (Path(out) / "table.md").read_text()
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("broken, round 1, failed: it ended with 1", text)
        self.assertIn("| core | ", text)


if __name__ == "__main__":
    unittest.main(verbosity=2)
