"""A server inside ReactPHP's loop and inside Revolt's: the adapters of the package.

The loops are small ones with the same methods (loops.php), for nothing here comes from Packagist;
FERRITE_LOOPS_AUTOLOAD=…/autoload.php runs the real ones."""

import unittest

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from php_server import PhpServer, seconds


class AdapterTest(unittest.TestCase):
    def start(self, loop: str) -> tuple[PhpServer, str]:
        server = PhpServer("tests/clients/adapters.php", loop)
        self.addCleanup(server.stop)
        return server, server.url()

    def test_clients_are_served_inside_the_loop(self) -> None:
        for loop in ["react", "revolt"]:
            with self.subTest(loop), connect(self.start(loop)[1]) as client:
                for text in ["one", "two"]:
                    client.send(text)
                    self.assertEqual(client.recv(seconds(10)), f"got {text}")

    def test_a_callback_that_suspends_holds_up_nobody_else(self) -> None:
        for loop in ["react", "revolt"]:
            with self.subTest(loop):
                _, url = self.start(loop)
                with connect(url) as first, connect(url) as second:
                    first.send("suspend")
                    first.send("behind it")
                    second.send("meanwhile")
                    self.assertEqual(second.recv(seconds(10)), "got meanwhile")
                    self.assertEqual(first.recv(seconds(10)), "resumed")
                    self.assertEqual(first.recv(seconds(10)), "got behind it")

    def test_when_the_server_stops_the_loop_ends(self) -> None:
        for loop in ["react", "revolt"]:
            for way in ["stop the server", "stop the adapter"]:
                with self.subTest(loop, way=way):
                    server, url = self.start(loop)
                    with connect(url) as client:
                        client.send(way)
                        with self.assertRaises(ConnectionClosed):
                            client.recv(seconds(10))
                        self.assertEqual(client.close_code, 1001)
                    server.line("closed 1001")
                    server.line("the loop has ended")
                    self.assertEqual(server.wait(), 0)


if __name__ == "__main__":
    unittest.main()
