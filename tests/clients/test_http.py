"""HTTP beside WebSockets on one port: http.client, raw sockets, curl and Prometheus's own parsers."""

import http.client
import json
import shutil
import socket
import subprocess
import threading
import time
import unittest

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from websockets.sync.client import connect

from frames import KEY, handshake
from php_server import PhpServer, seconds

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


class HttpTest(unittest.TestCase):
    def start(self, **options) -> PhpServer:
        server = PhpServer("tests/clients/http.php", json.dumps(options))
        self.addCleanup(server.stop)
        server.url_ = server.url().rstrip("/")
        server.address = server.url_.removeprefix("ws://")
        return server

    def ask(self, server, path, method="GET", body=None, headers=None, **options):
        client = http.client.HTTPConnection(server.address, timeout=seconds(20))
        self.addCleanup(client.close)
        client.request(method, path, body, headers or {}, **options)
        return client.getresponse()

    def raw(self, server) -> socket.socket:
        host, port = server.address.rsplit(":", 1)
        opened = socket.create_connection((host, int(port)), timeout=seconds(20))
        self.addCleanup(opened.close)
        return opened

    def exchange(self, server, request: bytes) -> bytes:
        """All that the server answers until it ends the connection."""
        opened = self.raw(server)
        opened.sendall(request)
        answer = b""
        while data := opened.recv(65536):
            answer += data
        return answer

    def eventually(self, what, condition):
        deadline = time.monotonic() + seconds(20)
        while not (result := condition()):
            self.assertLess(time.monotonic(), deadline, f"waited in vain for {what}")
            time.sleep(0.01)
        return result

    # Health

    def test_health_is_told_while_a_callback_blocks(self) -> None:
        for threads in [1, 2]:
            with self.subTest(threads=threads):
                server = self.start(health="/health", metrics="/metrics", ioThreads=threads)
                with connect(server.url_, open_timeout=seconds(10)) as client:
                    client.send("wait")
                    server.line("^waiting$")
                    for path in ["/health", "/health/ready", "/health/live"]:
                        answer = self.ask(server, path)
                        self.assertEqual((answer.status, answer.read()), (200, b'{"status":"ok"}\n'))
                        self.assertEqual(answer.headers["Content-Type"], "application/json")
                        self.assertEqual(answer.headers["Cache-Control"], "no-store")
                    self.assertEqual(self.ask(server, "/metrics").status, 200)
                    server.type("go on")
                    self.assertEqual(client.recv(timeout=seconds(10)), "wait")

    def test_health_has_the_methods_get_head_and_options(self) -> None:
        server = self.start(health="/health", withoutRequests=True)
        for method in ["POST", "PUT", "PATCH", "DELETE"]:
            answer = self.ask(server, "/health", method)
            self.assertEqual((answer.status, answer.headers["Allow"]), (405, "GET, HEAD, OPTIONS"), method)
        answer = self.ask(server, "/health", "OPTIONS")
        self.assertEqual((answer.status, answer.headers["Allow"]), (200, "GET, HEAD, OPTIONS"))
        answer = self.exchange(server, b"HEAD /health/live HTTP/1.1\r\nHost: h\r\n\r\n")
        self.assertTrue(
            answer.startswith(b"HTTP/1.1 200 OK\r\n") and answer.endswith(b"Content-Length: 16\r\n\r\n"), answer
        )
        self.assertEqual(self.ask(server, "/health?a=b").status, 200)

    def test_a_plain_get_elsewhere_keeps_getting_426_and_a_post_405(self) -> None:
        for options in [{}, {"health": "/health", "metrics": "/metrics"}]:
            server = self.start(withoutRequests=True, **options)
            self.assertEqual(self.ask(server, "/").status, 426)
            self.assertEqual(self.ask(server, "/healthy").status, 426)
            answer = self.ask(server, "/", "POST", b"body")
            self.assertEqual((answer.status, answer.headers["Allow"]), (405, "GET"))

    def test_a_full_server_is_alive_and_not_ready(self) -> None:
        server = self.start(health="/health", metrics="/metrics", limits={"maxConnections": 1})
        self.assertEqual(self.ask(server, "/health").status, 200)
        with connect(server.url_, open_timeout=seconds(10)):
            for _ in range(40):
                answer = self.ask(server, "/health")
                self.assertEqual((answer.status, answer.read()), (503, b'{"status":"full"}\n'))
                self.assertEqual(self.ask(server, "/health/live").status, 200)
                self.assertEqual(self.ask(server, "/metrics").status, 200)
                answer = self.ask(server, "/text")
                self.assertEqual((answer.status, answer.headers["Retry-After"]), (503, "5"))
        self.eventually("a place", lambda: self.ask(server, "/health").status == 200)

    def test_a_server_that_stops_is_alive_and_not_ready_and_still_answers_what_it_has(self) -> None:
        server = self.start(health="/health", limits={"closeTimeout": 60.0, "handshakeTimeout": 60.0})
        silent = self.raw(server)
        silent.sendall(handshake("h"))
        self.assertTrue(silent.recv(12).startswith(b"HTTP/1.1 101"))
        early = self.raw(server)  # It has not asked yet.
        answer = self.ask(server, "/stop?grace=15")
        self.assertEqual((answer.status, answer.read()), (200, b"stopping"))
        # A client that does not answer its close frame keeps the server from ending.
        self.eventually("the stop", lambda: self.ask(server, "/health").status == 503)
        answer = self.ask(server, "/health/ready")
        self.assertEqual((answer.status, answer.read()), (503, b'{"status":"stopping"}\n'))
        self.assertEqual(self.ask(server, "/health/live").status, 200)
        answer = self.ask(server, "/text")
        self.assertEqual((answer.status, answer.read()), (503, b"The server is stopping\n"))
        early.sendall(b"GET /health/live HTTP/1.1\r\nHost: h\r\n\r\n")
        self.assertTrue(early.recv(12).startswith(b"HTTP/1.1 200"))
        idle = self.raw(server)  # A probe that says nothing does not keep it from ending.
        silent.close()
        server.line("^stopped$")
        self.assertEqual(server.wait(), 0)
        idle.close()

    # Metrics

    def figures(self, text: str, parse) -> dict[str, float]:
        return {sample.name: sample.value for family in parse(text) for sample in family.samples}

    def test_metrics_are_the_names_of_stats_in_both_formats(self) -> None:
        server = self.start(metrics="/metrics")
        with connect(server.url_, open_timeout=seconds(10)) as client:
            client.send("hello")
            client.recv(timeout=seconds(10))
            stats = json.load(self.ask(server, "/stats"))
            for accept, parse, content_type in [
                ("*/*", parse_text, "text/plain; version=0.0.4; charset=utf-8"),
                (OPENMETRICS, parse_openmetrics, "application/openmetrics-text; version=1.0.0; charset=utf-8"),
            ]:
                with self.subTest(accept):
                    answer = self.ask(server, "/metrics", headers={"Accept": accept})
                    self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, content_type))
                    text = answer.read().decode()
                    figures = self.figures(text, parse)
                    self.assertEqual(set(figures), set(stats))
                    self.assertEqual(figures["ferrite_connections"], 1)
                    self.assertEqual(figures["ferrite_messages_received_total"], 1)
                    families = list(parse(text))
                    self.assertTrue(
                        all(family.documentation and family.type in ("counter", "gauge") for family in families)
                    )
                    self.assertEqual(text.endswith("# EOF\n"), parse is parse_openmetrics)
            units = {family.name: family.unit for family in families}
            self.assertEqual(units["ferrite_received_bytes"], "bytes")

    def test_metrics_have_an_address_of_their_own(self) -> None:
        server = self.start(
            metrics="http://127.0.0.1:0/internal/metrics", health="/health", limits={"maxConnections": 1}
        )
        own = server.line(r"listening on http://(\S+)/internal/metrics$")[1]
        self.assertEqual(self.ask(server, "/internal/metrics").status, 404, "the public port does not tell")
        with connect(server.url_, open_timeout=seconds(10)):  # Full.
            server.address = own
            self.assertEqual(self.ask(server, "/internal/metrics").status, 200)
            for path in ["/", "/health", "/text", "/metrics"]:
                self.assertEqual(self.ask(server, path).status, 404)
            self.assertEqual(self.ask(server, "/internal/metrics", "POST").status, 405)
            upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
            key = {"Sec-WebSocket-Key": KEY}
            self.assertEqual(self.ask(server, "/internal/metrics", headers=upgrade | key).status, 404)

    # Requests for PHP

    def test_php_answers_every_method_with_the_body_it_was_sent(self) -> None:
        server = self.start()
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]:
            answer = self.ask(server, "/describe?a=b", method, "Grüße".encode(), {"User-Agent": "test"})
            self.assertEqual(answer.status, 200)
            self.assertEqual(
                json.load(answer),
                {
                    "method": method,
                    "path": "/describe",
                    "query": {"a": "b"},
                    "body": "Grüße",
                    "agent": "test",
                    "address": "127.0.0.1",
                },
            )
        self.assertEqual(self.ask(server, "/describe", "BREW").status, 501)
        answer = self.ask(server, "/text")
        self.assertEqual(
            (answer.read().decode(), answer.headers["Content-Type"]), ("Grüße", "text/plain; charset=utf-8")
        )
        self.assertEqual(self.ask(server, "/null").status, 404)
        answer = self.ask(server, "/redirect")
        self.assertEqual((answer.status, answer.headers["Location"]), (302, "/text"))

    def test_head_gets_the_length_and_no_body(self) -> None:
        server = self.start()
        for path, length in [(b"/text", 7), (b"/null", 10), (b"/throw", 0)]:
            answer = self.exchange(server, b"HEAD " + path + b" HTTP/1.1\r\nHost: h\r\n\r\n")
            self.assertTrue(answer.endswith(b"\r\nContent-Length: %d\r\n\r\n" % length), answer)
        # Refused while its head is read, and after that.
        wrong = [b"HEAD /text HTTP/1.1\r\nHost : h\r\n\r\n", b"HEAD /text HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n"]
        for request in wrong:
            answer = self.exchange(server, request)
            self.assertRegex(answer, b"(?s)^HTTP/1.1 400 .*\r\nContent-Length: [1-9][0-9]*\r\n\r\n$")
            self.assertEqual(answer.count(b"\r\n\r\n"), 1, answer)

    def test_a_body_comes_at_once_in_chunks_and_byte_by_byte(self) -> None:
        server = self.start()
        body = bytes(range(256)) * 900
        for options in [
            {"body": body},
            {
                "body": iter([body[:7], body[7:100_000], body[100_000:]]),
                "encode_chunked": True,
                "headers": {"Transfer-Encoding": "chunked"},
            },
        ]:
            answer = self.ask(server, "/echo", "POST", **options)
            self.assertEqual((answer.status, answer.headers.get_all("X-Two")), (201, ["a", "b"]))
            self.assertEqual(answer.read(), body)
        opened = self.raw(server)
        for (
            byte
        ) in b"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\nT: x\r\n\r\n":
            opened.sendall(bytes([byte]))
        self.assertTrue(opened.makefile("rb").read().endswith(b"\r\n\r\nabc"))

    def test_who_expects_100_continue_is_told_to_go_on(self) -> None:
        server = self.start(limits={"maxRequestBody": 1000})
        head = b"POST /echo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n"
        opened = self.raw(server)
        opened.sendall(head % 5)
        told = b"HTTP/1.1 100 Continue\r\n\r\n"
        self.assertEqual(opened.recv(len(told), socket.MSG_WAITALL), told)
        opened.sendall(b"hello")
        answer = opened.makefile("rb").read()
        self.assertTrue(answer.startswith(b"HTTP/1.1 201 ") and answer.endswith(b"hello"), answer)
        self.assertTrue(self.exchange(server, head % 1001).startswith(b"HTTP/1.1 413 "), "told before the body comes")

    @unittest.skipUnless(shutil.which("curl"), "needs curl")
    def test_curl_posts_a_file_and_reads_the_answer(self) -> None:
        server = self.start()
        for extra in [[], ["-H", "Transfer-Encoding: chunked"], ["-H", "Expect: 100-continue"], ["--http2"]]:
            ended = subprocess.run(
                [
                    "curl",
                    "-sS",
                    "--noproxy",
                    "*",
                    "-m",
                    str(seconds(20)),
                    *extra,
                    "--data-binary",
                    "@-",
                    f"http://{server.address}/echo",
                ],
                input=b"z" * 100_000,
                capture_output=True,
                timeout=seconds(30),
            )
            self.assertEqual((ended.returncode, len(ended.stdout)), (0, 100_000), ended.stderr)

    def test_a_body_over_the_limit_is_413_by_what_has_come(self) -> None:
        server = self.start(limits={"maxRequestBody": 1000})
        self.assertEqual(self.ask(server, "/echo", "POST", b"x" * 1000).status, 201)
        answer = self.exchange(server, b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\n\r\n")
        self.assertTrue(answer.startswith(b"HTTP/1.1 413 "), answer)
        # The answer is not lost, though the rest of the body is on its way.
        chunk = b"190\r\n" + b"x" * 400 + b"\r\n"
        answer = self.exchange(
            server, b"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk * 500
        )
        self.assertTrue(answer.startswith(b"HTTP/1.1 413 ") and answer.endswith(b"limits.maxRequestBody\n"), answer)

    def test_a_request_that_two_servers_could_read_differently_is_refused(self) -> None:
        server = self.start()
        body = b"5\r\nhello\r\n0\r\n\r\n"
        for lines, sent, status in [
            (b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", body, 400),
            (b"Content-Length: 5\r\nContent-Length: 6\r\n", b"hello", 400),
            (b"Content-Length: 5, 5\r\n", b"hello", 400),
            (b"Content-Length: +5\r\n", b"hello", 400),
            (b"Transfer-Encoding: gzip, chunked\r\n", body, 501),
            (b"Transfer-Encoding: identity\r\n", b"", 501),
            (b"Transfer-Encoding: chunked\r\n", b"5 \r\nhello\r\n0\r\n\r\n", 400),
            (b"Transfer-Encoding: chunked\r\n", b"5\nhello\n0\n\n", 400),
            (b"Transfer-Encoding: chunked\r\n", b"0x5\r\nhello\r\n0\r\n\r\n", 400),
            (b"Transfer-Encoding: chunked\r\n", b"5\r\nhelloX", 400),
            (b"Transfer-Encoding: chunked\r\n", b"1;" + b"e" * 5000, 400),
            (b"Transfer-Encoding: chunked\r\n", b"0\r\n" + b"A: b\r\n" * 2000, 400),
            (b"Expect: miracles\r\n", b"", 417),
            (b"Host: other\r\n", b"", 400),
        ]:
            with self.subTest(lines + sent[:20]):
                answer = self.exchange(server, b"POST /echo HTTP/1.1\r\nHost: h\r\n" + lines + b"\r\n" + sent)
                self.assertTrue(answer.startswith(b"HTTP/1.1 %d " % status), answer)
        old = b"POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n" + body
        self.assertTrue(self.exchange(server, old).startswith(b"HTTP/1.1 400 "))
        self.assertTrue(self.exchange(server, b"POST /echo HTTP/1.2\r\n\r\n").startswith(b"HTTP/1.1 505 "))
        upgrade = (
            b"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 1\r\n\r\nx"
        )
        self.assertTrue(self.exchange(server, upgrade).startswith(b"HTTP/1.1 400 "), "a handshake has no body")

    def test_a_connection_is_for_one_request_and_what_follows_is_dropped(self) -> None:
        server = self.start()
        one = b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n"
        answer = self.exchange(server, (one + b"a") + (one + b"b") * 50)
        self.assertEqual(answer.count(b"HTTP/1.1 "), 1)
        self.assertTrue(answer.endswith(b"\r\n\r\na") and b"\r\nConnection: close\r\n" in answer, answer)
        server.line("^echo$")
        self.assertEqual(self.ask(server, "/text").status, 200)
        self.assertEqual([line for line in server.lines if line == "echo"], ["echo"])

    def test_what_the_callback_throws_is_500_and_goes_to_onerror(self) -> None:
        server = self.start()
        self.assertEqual(self.ask(server, "/throw").status, 500)
        server.line("^error RuntimeException thrown on purpose alone$")
        self.assertEqual(self.ask(server, "/number").status, 500)
        server.line("^error TypeError The callback of onRequest must return .*, int returned alone$")
        self.assertEqual(self.ask(server, "/text").status, 200)

    def test_a_response_larger_than_the_send_buffer_is_500_and_logged(self) -> None:
        server = self.start(limits={"sendBuffer": 300_000})
        self.assertEqual(len(self.ask(server, "/big?size=300000").read()), 300_000)
        self.assertEqual(self.ask(server, "/big?size=300001").status, 500)
        server.line(r"300001 bytes is more .* 300000 bytes \(limits.sendBuffer\)$")

    def test_a_slow_reader_gets_the_whole_response(self) -> None:
        server = self.start(limits={"sendBuffer": 30_000_000, "sendTimeout": 5.0})
        slow = self.raw(server)
        slow.sendall(b"GET /big?size=20000000 HTTP/1.1\r\nHost: h\r\n\r\n")
        got = 0
        while data := slow.recv(1 << 20):
            got += len(data)
            time.sleep(0.02)  # This is the slowness.
        self.assertGreater(got, 20_000_000)

    def test_a_reader_that_stops_is_cut_off_after_the_send_timeout(self) -> None:
        limits = {"sendBuffer": 30_000_000, "sendTimeout": 1.0, "maxConnections": 1}
        server = self.start(health="/health", limits=limits)
        stuck = self.raw(server)
        stuck.sendall(b"GET /big?size=20000000 HTTP/1.1\r\nHost: h\r\n\r\n")
        self.eventually("the request", lambda: self.ask(server, "/health").status == 503)
        self.eventually("its end", lambda: self.ask(server, "/health").status == 200)

    def test_a_body_that_dribbles_is_cut_at_the_deadline(self) -> None:
        server = self.start(limits={"handshakeTimeout": 0.5})
        opened = self.raw(server)
        opened.sendall(b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n")
        began = time.monotonic()
        with self.assertRaises(OSError):
            while time.monotonic() - began < seconds(20):
                opened.sendall(b"x")
                opened.settimeout(0.05)
                try:
                    if opened.recv(100) == b"":
                        raise ConnectionError
                except TimeoutError:
                    pass
        self.assertLess(time.monotonic() - began, seconds(20))
        stats = json.load(self.ask(server, "/stats"))
        self.assertEqual(stats["ferrite_http_requests_failed_total"], 1)

    def test_a_client_that_left_while_php_works_harms_nobody(self) -> None:
        server = self.start()
        opened = self.raw(server)
        opened.sendall(b"GET /wait HTTP/1.1\r\nHost: h\r\n\r\n")
        server.line("^waiting$")
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        opened.close()
        server.type("go on")
        self.assertEqual(self.ask(server, "/text").status, 200)

    def test_websockets_and_requests_share_a_port(self) -> None:
        server = self.start(health="/health", ioThreads=2)
        failures = []

        def talk() -> None:
            try:
                with connect(server.url_, open_timeout=seconds(10)) as client:
                    for n in range(30):
                        client.send(f"message {n}")
                        assert client.recv(timeout=seconds(10)) == f"message {n}"
            except Exception as error:
                failures.append(error)

        def ask() -> None:
            try:
                for n in range(30):
                    client = http.client.HTTPConnection(server.address, timeout=seconds(20))
                    client.request("POST", "/echo", f"body {n}")
                    assert client.getresponse().read() == f"body {n}".encode()
                    client.close()
            except Exception as error:
                failures.append(error)

        threads = [threading.Thread(target=work) for work in [talk, ask] * 4]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(seconds(30))
        self.assertEqual(failures, [])


if __name__ == "__main__":
    unittest.main()
