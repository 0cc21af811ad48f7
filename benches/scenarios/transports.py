"""What compression and TLS cost: processor time of a fan-out for each delivery, and memory of an idle connection.

usage: python3 transports.py [--clients 1000] [--messages 200] [--rounds 7] [--php PHP] EXTENSION

Plain, compressed, over TLS and both take turns, round by round; the figures are medians. The server's processor
time is the kernel's account of its process. A message is a JSON text of 512 bytes, and each broadcast differs.
"""

import argparse
import os
import selectors
import socket
import ssl
import statistics
import subprocess
import tempfile
import time

HANDSHAKE = (
    "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Extensions: {offer}\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
# Of one length, for the server keeps the request of a client.
OFFER, DECLINED = "permessage-deflate", "unknown-extension_"
KINDS = {"plain": (False, False), "compressed": (True, False), "TLS": (False, True), "TLS, compressed": (True, True)}


class Server:
    """A process of its own for each kind: memory of one must not show in another."""

    def __init__(self, options: argparse.Namespace, certificate: list[str], deflate: bool) -> None:
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "transports.php")
        command = [options.php, "-n", "-d", f"extension={options.extension}", script, *certificate]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        address = self.process.stdout.readline().strip().rpartition("/")[2]
        self.address = address.split(":")
        self.clients: list[socket.socket] = []
        self.deflate = deflate
        self.context = None
        if certificate:
            self.context = ssl.create_default_context(cafile=certificate[0])
        self.selector = selectors.DefaultSelector()
        # What a first connection brings with it is not the others' memory.
        self.connect(50)
        before = self.rss()
        self.connect(options.clients - 50)
        self.idle = (self.rss() - before) / (options.clients - 50)

    def connect(self, count: int) -> None:
        for _ in range(count):
            client = socket.create_connection((self.address[0], int(self.address[1])), 10)
            if self.context:
                client = self.context.wrap_socket(client, server_hostname="localhost")
            client.sendall(HANDSHAKE.format(offer=OFFER if self.deflate else DECLINED).encode())
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += client.recv(1)
            assert head.startswith(b"HTTP/1.1 101") and (b"permessage-deflate" in head) == self.deflate, head
            client.setblocking(False)
            self.selector.register(client, selectors.EVENT_READ, [0])
            self.clients.append(client)
            time.sleep(0.001)
        time.sleep(0.5)

    def rss(self) -> float:
        with open(f"/proc/{self.process.pid}/smaps_rollup") as rollup:
            return next(int(line.split()[1]) for line in rollup if line.startswith("Rss:"))

    def cpu(self) -> float:
        with open(f"/proc/{self.process.pid}/schedstat") as main:
            own = int(main.read().split()[0])
        tasks = f"/proc/{self.process.pid}/task"
        others = 0
        for task in os.listdir(tasks):
            if task != str(self.process.pid):
                with open(f"{tasks}/{task}/schedstat") as stat:
                    others += int(stat.read().split()[0])
        return (own + others) / 1000

    def fan_out(self, orders: int, messages: int) -> tuple[float, float]:
        """Has so many messages sent at once, so many times; the next time when everybody has the last.

        Microseconds of processor time for a delivery, and bytes that a client got for a message."""
        payload = str(messages).encode()
        for key in self.selector.get_map().values():
            key.data[0] = 0
        began = self.cpu()
        for _ in range(orders):
            self.clients[0].setblocking(True)
            self.clients[0].sendall(bytes([0x81, 0x80 | len(payload), 0, 0, 0, 0]) + payload)
            self.clients[0].setblocking(False)
            expected, due = min(key.data[0] for key in self.selector.get_map().values()), True
            while due:
                for key, _ in self.selector.select(0.05):
                    self.drain(key)
                got = {key.data[0] for key in self.selector.get_map().values()}
                due = len(got) > 1 or got == {expected} or (messages > 1 and bool(self.selector.select(0.1)))
        return (self.cpu() - began) / (orders * messages * len(self.clients)), got.pop() / (orders * messages)

    def drain(self, key: selectors.SelectorKey) -> None:
        try:
            while data := key.fileobj.recv(1 << 16):
                key.data[0] += len(data)
        except (BlockingIOError, ssl.SSLWantReadError):
            pass

    def close(self) -> None:
        for client in self.clients:
            client.close()
        self.process.terminate()
        self.process.wait(20)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("extension")
    parser.add_argument("--php", default="php")
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--messages", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        files = [os.path.join(folder, name) for name in ("localhost.pem", "localhost.key")]
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
             "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-out", files[0], "-keyout",
             files[1]], check=True, capture_output=True,
        )  # fmt: skip
        servers = {kind: Server(options, files if tls else [], deflate) for kind, (deflate, tls) in KINDS.items()}
        ways = {"alone": (options.messages // 2, 1), "100 at once": (2, 100)}
        times: dict[tuple[str, str], list[float]] = {(kind, way): [] for kind in servers for way in ways}
        sizes = {}
        try:
            for number in range(options.rounds + 1):
                for way, (orders, messages) in ways.items():
                    for kind, server in servers.items():
                        cost, sizes[kind] = server.fan_out(orders, messages)
                        # The first round warms up.
                        times[kind, way] += [cost] if number else []
        finally:
            for server in servers.values():
                server.close()
    print("| kind | idle connection | bytes |" + "".join(f" {way} | to plain |" for way in ways))
    print("|---" * (3 + 2 * len(ways)) + "|")
    for kind, server in servers.items():
        row = f"| {kind} | {server.idle:.2f} KiB | {sizes[kind]:.0f} |"
        for way in ways:
            own, plain = times[kind, way], times["plain", way]
            ratio = statistics.median(one / other for one, other in zip(own, plain))
            row += f" {statistics.median(own):.2f} µs | {ratio:.2f} |"
        print(row)


main()
