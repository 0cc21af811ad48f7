"""Under systemd: sockets that are passed, and what it is told."""

import contextlib
import socket
import tempfile
import time
import unittest
from pathlib import Path

from websockets.sync.client import connect, unix_connect

from php_server import PhpServer, seconds

SCRIPT = "tests/clients/systemd.php"


def listening(family: socket.AddressFamily, address: object) -> socket.socket:
    opened = socket.socket(family, socket.SOCK_STREAM)
    opened.bind(address)
    opened.listen()
    return opened


class Systemd:
    """What a unit with Type=notify tells."""

    def __init__(self, address: str):
        self.address = address.replace("\0", "@")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address)

    def heard(self, limit: float = 10) -> str | None:
        """The next message; None if none comes in time."""
        self.socket.settimeout(limit)
        with contextlib.suppress(TimeoutError, BlockingIOError):
            return self.socket.recv(1000).decode()
        return None

    def wait_for(self, message: str) -> None:
        deadline = time.monotonic() + seconds(10)
        heard = []
        while time.monotonic() < deadline:
            heard.append(self.heard(seconds(10)))
            if heard[-1] == message:
                return
        raise AssertionError(f"heard {heard}, not {message}")


class SystemdTest(unittest.TestCase):
    def setUp(self) -> None:
        self.directory = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def server(self, *arguments: str, **options: object) -> PhpServer:
        return self.enterContext(PhpServer(SCRIPT, *arguments, **options))

    def tcp(self) -> tuple[socket.socket, str]:
        opened = self.enterContext(listening(socket.AF_INET, ("127.0.0.1", 0)))
        return opened, f"ws://127.0.0.1:{opened.getsockname()[1]}"

    def ask(self, client: object, text: str) -> str:
        client.send(text)
        return client.recv(seconds(10))

    def test_all_passed_sockets_are_served(self) -> None:
        tcp, url = self.tcp()
        path = str(self.directory / "a.sock")
        unix = self.enterContext(listening(socket.AF_UNIX, path))
        abstract = self.enterContext(listening(socket.AF_UNIX, "\0" + path))
        for threads in ["1", "3"]:
            with PhpServer(
                SCRIPT, "systemd", env={"THREADS": threads}, sockets={"web": tcp, "unix": unix, "hidden": abstract}
            ) as server:
                addresses = [server.url() for _ in range(3)]
                self.assertEqual(addresses, [url, f"ws+unix://{path}", f"ws+unix://@{path}"])
                for _ in range(4):
                    with connect(url) as client:
                        self.assertEqual(self.ask(client, "hello"), "hello for 127.0.0.1")
                for name in [path, "\0" + path]:
                    with unix_connect(name) as client:
                        self.assertEqual(self.ask(client, "hello"), "hello for ")
                self.assertEqual(server.stop(), 0)
            self.assertTrue(Path(path).exists(), "the path belongs to systemd")

    def test_passed_sockets_are_chosen_by_name(self) -> None:
        plain, url = self.tcp()
        proxied, proxied_url = self.tcp()
        other, _ = self.tcp()
        server = self.server(
            "systemd:proxied?proxy_protocol",
            "systemd:plain",
            sockets={"plain": plain, "other": other, "proxied": proxied},
        )
        self.assertEqual([server.url(), server.url()], [proxied_url, url])
        with connect(url) as client:
            self.assertEqual(self.ask(client, "hello"), "hello for 127.0.0.1")
        with socket.create_connection(proxied.getsockname()) as raw:
            raw.sendall(b"PROXY TCP4 203.0.113.9 10.0.0.1 1 443\r\n")
            with connect(proxied_url, sock=raw) as client:
                self.assertEqual(self.ask(client, "hello"), "hello for 203.0.113.9")

    def test_a_server_that_restarts_loses_no_client_that_waits(self) -> None:
        tcp, url = self.tcp()
        first = self.server("systemd", sockets={"web": tcp})
        first.url()
        self.assertEqual(first.stop(), 0)
        with socket.create_connection(tcp.getsockname()) as waiting:
            self.server("systemd", sockets={"web": tcp})
            with connect(url, sock=waiting) as client:
                self.assertEqual(self.ask(client, "hello"), "hello for 127.0.0.1")

    def test_one_process_may_run_twice_on_a_passed_socket(self) -> None:
        tcp, url = self.tcp()
        server = self.server("systemd", sockets={"web": tcp}, env={"RUNS": "2"})
        for _ in range(2):
            server.line("^starting")
            with connect(url) as client:
                client.send("stop")
                server.line("^ended")
        self.assertEqual(server.wait(), 0)

    def test_programs_that_the_script_starts_do_not_get_the_sockets(self) -> None:
        tcp, url = self.tcp()
        self.server("systemd", sockets={"web": tcp}).url()
        with connect(url) as client:
            self.assertEqual(self.ask(client, "sockets of a child"), "0")

    def test_a_socket_that_cannot_be_had_is_an_error_that_says_why(self) -> None:
        tcp, _ = self.tcp()
        datagrams = self.enterContext(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        connected = self.enterContext(socket.create_connection(tcp.getsockname()))
        for address, sockets, reason in [
            ("systemd", {}, "cannot listen on systemd: no sockets were passed"),
            (
                "systemd:b",
                {"a": tcp, "c": tcp},
                "cannot listen on systemd:b: no socket of that name was passed, only: a, c",
            ),
            ("systemd", {"a": datagrams}, "descriptor 3 (a) cannot be used: it is not a stream socket that listens"),
            ("systemd", {"a": tcp, "b": connected}, "descriptor 4 (b) cannot be used"),
        ]:
            server = self.server(address, sockets=sockets)
            self.assertNotEqual(server.wait(), 0)
            server.line("BindException: .*")
            self.assertIn(reason, server.lines[-1])
        environment = {"LISTEN_PID": "1", "LISTEN_FDS": "1"}
        server = self.server("systemd", env=environment)
        self.assertNotEqual(server.wait(), 0)
        server.line("the sockets were passed to process 1 and this is")

    def test_systemd_hears_that_the_server_is_ready_once_on_start_has_run_and_that_it_stops(self) -> None:
        for address in [str(self.directory / "notify"), f"\0{self.directory}/notify"]:
            systemd = Systemd(address)
            with (
                systemd.socket,
                PhpServer(SCRIPT, "127.0.0.1:0", env={"NOTIFY_SOCKET": systemd.address, "WAIT": "1"}) as server,
            ):
                url = server.url()
                server.line("^starting")
                self.assertIsNone(systemd.heard(0))
                server.type("go on")
                self.assertEqual(systemd.heard(seconds(10)), "READY=1\nSTATUS=Serving 0 clients")
                # Its number of clients comes after ten seconds at the earliest.
                with connect(url) as client:
                    self.ask(client, "hello")
                self.assertEqual(server.stop(), 0)
                self.assertEqual(systemd.heard(seconds(10)), "STOPPING=1\nSTATUS=Stopping")
                self.assertIsNone(systemd.heard(0))

    def test_a_stop_of_the_scripts_own_is_not_taken_for_the_end_of_the_process(self) -> None:
        systemd = Systemd(str(self.directory / "notify"))
        self.addCleanup(systemd.socket.close)
        server = self.server("127.0.0.1:0", env={"NOTIFY_SOCKET": systemd.address, "RUNS": "2"})
        for _ in range(2):
            self.assertEqual(systemd.heard(seconds(10)), "READY=1\nSTATUS=Serving 0 clients")
            with connect(server.url()) as client:
                client.send("stop")
                server.line("^ended")
        self.assertEqual(server.wait(), 0)
        self.assertIsNone(systemd.heard(0))

    def test_the_watchdog_hears_from_php_and_not_while_a_callback_blocks(self) -> None:
        for loop in ["run", "own"]:
            systemd = Systemd(str(self.directory / f"notify-{loop}"))
            environment = {"NOTIFY_SOCKET": systemd.address, "WATCHDOG_USEC": "600000", "LOOP": loop}
            with systemd.socket, PhpServer(SCRIPT, "127.0.0.1:0", env=environment) as server:
                url = server.url()
                for _ in range(3):
                    systemd.wait_for("WATCHDOG=1")
                with connect(url) as client:
                    client.send("block")
                    server.line("^blocked")
                    while systemd.heard(0):
                        pass
                    self.assertIsNone(systemd.heard(1.5), "nobody is there")
                    server.type("go on")
                    systemd.wait_for("WATCHDOG=1")
                    client.send("stop")
                    server.line("^ended")

    def test_a_watchdog_that_is_meant_for_another_process_hears_nothing(self) -> None:
        systemd = Systemd(str(self.directory / "notify"))
        self.addCleanup(systemd.socket.close)
        environment = {"NOTIFY_SOCKET": systemd.address, "WATCHDOG_USEC": "100000", "WATCHDOG_PID": "1"}
        self.server("127.0.0.1:0", env=environment)
        self.assertEqual(systemd.heard(seconds(10)), "READY=1\nSTATUS=Serving 0 clients")
        self.assertIsNone(systemd.heard(0.5))


if __name__ == "__main__":
    unittest.main()
