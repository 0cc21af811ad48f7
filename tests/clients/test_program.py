"""The program ferrite: serving a script, and managing servers that run, with real processes."""

import json
import os
import re
import socket
import stat
import subprocess
import tempfile
import unittest
from pathlib import Path

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from php_server import ROOT, PhpServer, php, seconds

PROGRAM = os.environ.get("FERRITE_PROGRAM") or str(ROOT / "target/program/debug/ferrite")
SCRIPT = """<?php
$include = __DIR__ . '/release.php';
$release = is_file($include) ? include $include : 'none';
$server = new Ferrite\\Server('127.0.0.1:0', workers: WORKERS);
$server->onMessage(fn ($connection, $text) => $connection->send(json_encode([$release, $text, $argv[1] ?? null])));
$server->run();
"""


class ProgramTest(unittest.TestCase):
    def setUp(self) -> None:
        # Short: the path of a socket has at most 107 bytes.
        folder = tempfile.TemporaryDirectory(prefix="ferrite-", dir="/tmp")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.sockets = self.folder / "run"
        self.sockets.mkdir(mode=0o700)
        command = php()
        self.php = command[0]
        # No ini file, which might load an installed extension.
        self.env = {"PHP_INI_SCAN_DIR": "", "PHPRC": "/dev/null", "RUNTIME_DIRECTORY": str(self.sockets)}
        self.settings = command[2:]

    def script(self, name: str = "app.php", workers: int = 0) -> Path:
        path = self.folder / name
        path.write_text(SCRIPT.replace("WORKERS", str(workers)))
        return path

    def serve(self, script: Path, *arguments: str) -> PhpServer:
        """`ferrite serve`, with the options before `--` and the script's arguments behind it."""
        return self.start([PROGRAM, "serve", "--php", self.php, *self.settings, str(script), *arguments])

    def start(self, command: list[str], **env: str) -> PhpServer:
        server = PhpServer(command=command, env=self.env | env)
        self.addCleanup(server.stop)
        return server

    def run_program(self, *arguments: str, code: int = 0, **env: str) -> str:
        """The output of a command, or its errors if it is to fail."""
        environment = os.environ | self.env | env
        done = subprocess.run(
            [PROGRAM, *arguments], capture_output=True, text=True, env=environment, timeout=seconds(30), check=False
        )
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stderr if code else done.stdout

    def ask(self, url: str, text: str = "hello") -> list:
        with connect(url, open_timeout=seconds(10)) as client:
            client.send(text)
            return json.loads(client.recv(timeout=seconds(10)))

    def status(self, *arguments: str) -> dict:
        return json.loads(self.run_program("status", "--json", *arguments))

    def socket(self) -> Path:
        (found,) = self.sockets.glob("*.sock")
        return found

    def exchange(self, line: bytes) -> dict:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(seconds(10))
            client.connect(str(self.socket()))
            client.sendall(line)
            return json.loads(client.makefile().readline())

    def test_a_script_is_served_by_as_many_workers_as_asked_for(self) -> None:
        script = self.script()
        server = self.serve(script, "--workers", "3", "--", "--an-argument")
        url = server.url()
        self.assertEqual(self.ask(url), ["none", "hello", "--an-argument"])
        status = self.status(str(script))
        self.assertEqual(status["pid"], server.process.pid)
        self.assertEqual(sorted(worker["index"] for worker in status["workers"]), [0, 1, 2])
        self.assertEqual(server.stop(), 0)
        self.assertFalse(list(self.sockets.iterdir()))

    def test_without_a_number_the_scripts_own_counts_and_then_the_processors(self) -> None:
        for workers, wanted in [(2, 2), (0, min(4, len(os.sched_getaffinity(0))))]:
            script = self.script(workers=workers)
            server = self.serve(script)
            server.line(f"workers: {wanted}$")
            self.assertEqual(server.stop(), 0)
        server = self.start([PROGRAM, "serve", "--php", self.php, *self.settings, str(script)], FERRITE_WORKERS="3")
        server.line("workers: 3$")
        self.assertEqual(server.stop(), 0)

    def test_status_shows_the_server_and_its_workers(self) -> None:
        server = self.serve(self.script(), "-w", "2")
        url = server.url()
        with connect(url, open_timeout=seconds(10)) as client:
            client.send("hello")
            client.recv(timeout=seconds(10))
            status = self.status()
            text = self.run_program("status")
        self.assertEqual((status["connections"], status["generation"], status["addresses"]), (1, 1, [url]))
        self.assertGreater(status["uptime"], 0)
        self.assertTrue(all(worker["memory"] > 1 << 20 for worker in status["workers"]))
        self.assertEqual([worker["leader"] for worker in status["workers"]].count(True), 1)
        self.assertRegex(text, rf"server +pid {server.process.pid}, Ferrite \d")
        self.assertRegex(text, r"\n0 +\d+ +ready +1 .* MiB +leader\n1 +\d+ ")

    def test_a_reload_returns_when_the_new_script_serves(self) -> None:
        script = self.script()
        release = self.folder / "release.php"
        release.write_text("<?php return 'first';")
        url = self.serve(script, "-w", "2").url()
        with connect(url, open_timeout=seconds(10)) as client:
            client.send("hello")
            self.assertEqual(json.loads(client.recv(timeout=seconds(10)))[0], "first")
            release.write_text("<?php return 'second';")
            said = self.run_program("reload", str(script))
            self.assertRegex(said, r"^reloaded: generation 2 serves after \d")
            self.assertEqual(self.ask(url)[0], "second")
            client.send("hello")
            self.assertEqual(json.loads(client.recv(timeout=seconds(10)))[1], "hello")

    def test_a_reload_to_broken_code_fails_and_changes_nothing(self) -> None:
        script = self.script()
        release = self.folder / "release.php"
        release.write_text("<?php return 'first';")
        server = self.serve(script, "-w", "2")
        url = server.url()
        release.write_text("<?php this is no PHP")
        said = self.run_program("reload", code=1)
        self.assertRegex(said, r"the reload has failed and changes nothing: syntax error, .* in .*/release.php:1\n")
        server.line(r"the reload has failed.*reason: syntax error.*release.php:1")
        release.write_text("<?php throw new Exception('no database');")
        self.assertIn("no database", self.run_program("reload", code=1))
        self.assertEqual((self.ask(url)[0], self.status()["generation"]), ("first", 1))

    def test_reloads_at_the_same_time_are_all_answered(self) -> None:
        self.serve(self.script(), "-w", "2").url()
        command = [PROGRAM, "reload"]
        environment = os.environ | self.env
        running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) for _ in range(6)]
        outputs = [process.communicate(timeout=seconds(30))[0] for process in running]
        self.assertTrue(all(re.match(r"reloaded: generation \d", output) for output in outputs), outputs)
        self.assertEqual([process.returncode for process in running], [0] * 6)

    def test_stop_returns_when_the_server_has_ended(self) -> None:
        script = self.script()
        server = self.serve(script)
        url = server.url()
        address = url.removeprefix("ws://").split(":")
        with connect(url, open_timeout=seconds(10)) as client:
            self.run_program("stop", str(script), "--grace", "0.2")
            with self.assertRaises(ConnectionClosed):
                client.recv(timeout=seconds(10))
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection((address[0], int(address[1])))
        self.assertFalse(list(self.sockets.iterdir()))
        self.assertEqual(server.wait(), 0)
        self.assertIn("no server", self.run_program("stop", str(script), code=3))

    def test_php_by_itself_is_managed_too_when_it_has_workers(self) -> None:
        script = self.script(workers=2)
        server = self.start(php(str(script)))
        server.url()
        self.assertEqual(len(self.status(str(script))["workers"]), 2)
        self.assertIn("generation 2 serves", self.run_program("reload", str(script)))
        self.run_program("stop", str(script))
        self.assertEqual(server.wait(), 0)

    def test_without_a_script_the_only_server_is_meant(self) -> None:
        self.assertIn("no server runs", self.run_program("status", code=3))
        one = self.script("one.php")
        self.serve(one).url()
        self.assertEqual(self.status()["script"], str(one))
        other = self.script("other.php")
        self.serve(other).url()
        for command in ["status", "reload", "stop"]:
            said = self.run_program(command, code=2)
            self.assertRegex(said, rf"several servers run.*\n  {one} \(pid \d+\)\n  {other} \(pid \d+\)")
        self.assertEqual(self.status(str(other))["script"], str(other))

    def test_a_server_is_found_by_a_link_that_leads_to_another_release_by_now(self) -> None:
        for name in ["first", "second"]:
            (self.folder / name).mkdir()
            self.script(f"{name}/app.php", workers=1)
        current = self.folder / "current"
        current.symlink_to("first")
        for command in [
            [PROGRAM, "serve", "--php", self.php, *self.settings, str(current / "app.php")],
            php(str(current / "app.php")),
        ]:
            server = self.start(command)
            server.url()
            current.unlink()
            current.symlink_to("second")
            self.assertIn("reloaded", self.run_program("reload", str(current / "app.php")))
            self.run_program("stop", str(current / "app.php"))
            self.assertEqual(server.wait(), 0)
            current.unlink()
            current.symlink_to("first")

    def test_the_socket_is_for_its_user_alone(self) -> None:
        self.serve(self.script()).url()
        self.run_program("status")
        self.assertEqual(stat.S_IMODE(self.socket().stat().st_mode), 0o600)
        self.assertRegex(self.socket().name, r"^app-[0-9a-f]{16}\.sock$")

    def test_the_socket_is_in_the_runtime_directory_of_the_user(self) -> None:
        script = self.script()
        self.sockets.rmdir()
        self.env |= {"XDG_RUNTIME_DIR": str(self.folder)}
        del self.env["RUNTIME_DIRECTORY"]
        server = self.serve(script)
        server.url()
        self.assertEqual(self.status(str(script))["pid"], server.process.pid)
        self.assertEqual(stat.S_IMODE((self.folder / "ferrite").stat().st_mode), 0o700)
        self.assertEqual(len(list((self.folder / "ferrite").iterdir())), 1)

    def test_a_second_server_of_a_script_leaves_the_socket_to_the_first(self) -> None:
        script = self.script()
        first = self.serve(script)
        first.url()
        pid = self.status()["pid"]
        second = self.serve(script)
        second.line("there is no management socket.*another server of this script")
        self.assertEqual(second.stop(), 0)
        self.assertEqual(self.status()["pid"], pid)

    def test_the_socket_of_a_killed_server_is_replaced(self) -> None:
        script = self.script()
        killed = self.serve(script)
        killed.url()
        self.run_program("status")
        killed.process.kill()
        killed.process.wait()
        self.assertTrue(self.socket().exists())
        self.run_program("status", str(script), code=3)
        server = self.serve(script)
        server.url()
        self.assertEqual(self.status(str(script))["pid"], server.process.pid)

    def test_a_folder_that_others_may_write_to_is_not_used(self) -> None:
        self.sockets.chmod(0o777)
        server = self.serve(self.script())
        server.line("there is no management socket.*not a folder of this user's alone")
        self.assertEqual(server.stop(), 0)

    def test_rubbish_on_the_socket_is_refused_and_holds_nothing_up(self) -> None:
        url = self.serve(self.script()).url()
        self.run_program("status")
        for line in [
            b"rubbish\n",
            b'{"command":"dance"}\n',
            b"x" * 5000,
            b'{"command":"stop","grace":-1}\n',
            b"\xff\n",
        ]:
            self.assertIn("reason", self.exchange(line)["failed"])
        silent = []
        for _ in range(40):
            client = socket.socket(socket.AF_UNIX)
            self.addCleanup(client.close)
            client.connect(str(self.socket()))
            silent.append(client)
        self.assertEqual(self.status()["stopping"], False)
        self.assertEqual(self.ask(url)[1], "hello")

    def test_a_script_that_ends_without_a_server_passes_its_status_on(self) -> None:
        for body, code in [("exit(7);", 7), ("echo 'done';", 1), ("undefined();", 255)]:
            script = self.folder / "app.php"
            script.write_text("<?php " + body)
            server = self.serve(script)
            self.assertEqual(server.wait(), code)
            server.line("ended without running a server")

    def test_errors_of_the_command_line_are_told_apart(self) -> None:
        script = str(self.script())
        for arguments, said in [
            (["serve", str(self.folder / "none.php")], "there is no script .*none.php"),
            (["serve", script, "--php", "no-such-php"], "there is no program no-such-php"),
            (["serve", script, "--workers", "0"], "0 is not in 1..=256"),
            (["serve", script, "--wrokers", "2"], "--wrokers"),
            (["serve"], "<SCRIPT>"),
            (["stop", "--grace", "soon"], "'soon'.*--grace"),
            (["dance"], "dance"),
        ]:
            with self.subTest(arguments):
                self.assertRegex(self.run_program(*arguments, code=2), said)
        self.assertIn("FERRITE_WORKERS", self.run_program("serve", script, code=2, FERRITE_WORKERS="many"))

    def test_an_address_in_use_is_an_error(self) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            script = self.script()
            text = script.read_text().replace("127.0.0.1:0", f"127.0.0.1:{taken.getsockname()[1]}")
            script.write_text(text)
            server = self.serve(script)
            self.assertEqual(server.wait(), 1)
            server.line("in use")

    def test_each_command_has_its_help(self) -> None:
        self.assertRegex(self.run_program("--version"), r"^ferrite \d+\.\d+\.\d+$")
        for command in ["serve", "reload", "status", "stop"]:
            for help_asked in [[command, "--help"], [command, "-h"], ["help", command]]:
                said = self.run_program(*help_asked)
                self.assertIn(f"Usage: ferrite {command}", said)
                self.assertIn("Exit codes:", said)


if __name__ == "__main__":
    unittest.main()
