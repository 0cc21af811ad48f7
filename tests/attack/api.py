"""The control API over TCP: nobody without a key is heard, and whoever has one cannot hurt the clients."""

import hashlib
import hmac
import json
import re
import time

from client import TEXT, Client
from php_server import seconds
from suite import Theme
from target import KIB, MIB, Target, eventually

KEY, SECRET = "app", "0123456789abcdef"
theme = Theme(
    "api", "the control API hears who has a key, within limits", {"control": f"http://{KEY}:{SECRET}@127.0.0.1:0"}
)


def connect(server: Target, **how) -> Client:
    """A socket to the control API."""
    found = []

    def is_told() -> bool:
        found[:] = re.findall(r"listening on http://127\.0\.0\.1:(\d+)", "\n".join(server.php.said()))
        return bool(found)

    eventually("the control API to be told", is_told)
    return Client(("127.0.0.1", int(found[0])), **how)


def signed(method: str, path: str, body: bytes = b"", *, now: int | None = None, lines: str = "") -> bytes:
    """A right request, to be changed."""
    now = int(time.time()) if now is None else now
    text = f"{method}\n{path}\n{now}\n\n".encode() + body
    signature = hmac.new(SECRET.encode(), text, hashlib.sha256).hexdigest()
    head = f"{method} {path} HTTP/1.1\r\nHost: h\r\nFerrite-Key: {KEY}\r\nFerrite-Timestamp: {now}\r\n"
    return f"{head}Ferrite-Signature: {signature}\r\nContent-Length: {len(body)}\r\n{lines}\r\n".encode() + body


def broadcast(data: str, **more) -> bytes:
    return signed("POST", "/v1/broadcast", json.dumps({"data": data, **more}).encode())


def answer(client: Client, status: int = 200) -> bytes:
    """The next answer's body; the connection stays."""
    found, headers = client.response()
    body = client.read(int(headers["content-length"]))
    assert found == status, f"status {found} instead of {status}: {body!r}"
    return body


def newest(client: Client) -> int:
    """The id of whoever connected last: not the bystander's."""
    client.send(signed("GET", "/v1/connections?limit=1000"))
    return max(connection["id"] for connection in json.loads(answer(client))["connections"])


def send(to: int, data: str) -> bytes:
    return signed("POST", "/v1/send", json.dumps({"to": {"connections": [to]}, "data": data}).encode())


def refused(server: Target, request: bytes, status: int) -> None:
    """It gets the status, and a client hears nothing of it but what is said rightly afterwards."""
    with server.open() as listener, connect(server) as client, connect(server) as other:
        client.attempt(request)
        assert client.response()[0] == status
        other.send(send(newest(other), "the right one"))
        answer(other)
        listener.expect_frame(TEXT, b"the right one")


RIGHT = broadcast("forged")


@theme.probe(
    "a request with {0} gets 401",
    [
        ("no key", re.sub(rb"Ferrite-Key: [^\r]*\r\n", b"", RIGHT)),
        ("no signature", re.sub(rb"Ferrite-Signature: [^\r]*\r\n", b"", RIGHT)),
        ("no time", re.sub(rb"Ferrite-Timestamp: [^\r]*\r\n", b"", RIGHT)),
        ("an unknown key", RIGHT.replace(b"Key: app", b"Key: apq")),
        ("an empty key", RIGHT.replace(b"Key: app", b"Key: ")),
        ("a signature of another body", RIGHT.replace(b"forged", b"Forged")),
        ("a signature of another path", RIGHT.replace(b"/v1/broadcast", b"/v1/broadcast?")),
        ("a signature in capitals", re.sub(rb"Signature: (\w+)", lambda m: m[0].upper(), RIGHT)),
        ("half a signature", re.sub(rb"Signature: (\w{32})\w+", rb"Signature: \1", RIGHT)),
        ("an empty signature", re.sub(rb"Signature: \w+", b"Signature: ", RIGHT)),
        ("a signature that is no hexadecimal", re.sub(rb"Signature: ..", b"Signature: zz", RIGHT)),
        ("a key beyond ASCII", RIGHT.replace(b"Key: app", b"Key: \xff\xfe")),
        ("a time that is no number", re.sub(rb"Timestamp: ", b"Timestamp: x", RIGHT)),
        ("a time beyond 64 bits", re.sub(rb"Timestamp: ", b"Timestamp: 9999999999999999999", RIGHT)),
        ("a signature of an hour ago", signed("POST", "/v1/broadcast", b'{"data":"x"}', now=int(time.time()) - 3600)),
        ("a signature of the year 1970", signed("POST", "/v1/broadcast", b'{"data":"x"}', now=0)),
        ("an idempotency key that was not signed", RIGHT.replace(b"Host: h", b"Host: h\r\nIdempotency-Key: 1")),
    ],
)
def unsigned(server: Target, _: str, request: bytes) -> None:
    refused(server, request, 401)


@theme.probe(
    "a signed request that {0} gets {2}",
    [
        ("is no JSON", signed("POST", "/v1/broadcast", b"{"), 400),
        ("is nested ten thousand levels deep", signed("POST", "/v1/broadcast", b'{"data":' + b"[" * 10_000), 400),
        ("has bytes that are no UTF-8", signed("POST", "/v1/broadcast", b'{"data":"\xff\xfe"}'), 400),
        ("has half a surrogate pair", signed("POST", "/v1/broadcast", b'{"data":"\\ud800"}'), 400),
        ("misspells a field", broadcast("x", excpet=[1]), 400),
        ("names a topic with a NUL", signed("POST", "/v1/publish", b'{"topic":"a\\u0000","data":"x"}'), 400),
        ("names 10 001 targets", broadcast("x", **{"except": list(range(10_001))}), 400),
        ("closes with the code 1006", signed("POST", "/v1/close", b'{"to":{},"code":1006}'), 400),
        ("asks for another version", signed("POST", "/v2/broadcast", b'{"data":"x"}'), 404),
        ("leaves the folder", signed("POST", "/v1/../v1/broadcast", b'{"data":"x"}'), 404),
        ("uses another method", signed("PUT", "/v1/broadcast", b'{"data":"x"}'), 405),
        ("asks with HEAD", signed("HEAD", "/v1/stats"), 405),
        (
            "says that it is XML",
            signed("POST", "/v1/broadcast", b'{"data":"x"}', lines="Content-Type: text/xml\r\n"),
            415,
        ),
        ("is one MiB of data too large", signed("POST", "/v1/broadcast", b"x" * (3 * MIB)), 413),
    ],
)
def wrong(server: Target, _: str, request: bytes, status: int) -> None:
    refused(server, request, status)


@theme.probe(
    "{0} in place of a request ends that connection alone",
    [
        ("rubbish", b"\x00\xff" * 1000),
        ("a TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 500),
        ("the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00" * 100),
        ("a head of a mebibyte", b"GET /v1/stats HTTP/1.1\r\nHost: h\r\nX: " + b"x" * MIB),
        ("ten thousand header lines", b"GET /v1/stats HTTP/1.1\r\n" + b"a: b\r\n" * 10_000 + b"\r\n"),
        ("lines that end with LF alone", signed("GET", "/v1/stats").replace(b"\r\n", b"\n")),
        ("no host", signed("GET", "/v1/stats").replace(b"Host: h\r\n", b"")),
        ("two hosts", signed("GET", "/v1/stats", lines="Host: h\r\n")),
        ("two signatures", signed("GET", "/v1/stats", lines=f"Ferrite-Signature: {'0' * 64}\r\n")),
        ("two keys", signed("GET", "/v1/stats", lines=f"Ferrite-Key: {KEY}\r\n")),
        ("two times", signed("GET", "/v1/stats", lines="Ferrite-Timestamp: 1\r\n")),
        ("a folded line", signed("GET", "/v1/stats", lines="X: a\r\n b\r\n")),
        ("a space before a colon", signed("GET", "/v1/stats", lines="X : a\r\n")),
        ("HTTP/1.0", signed("GET", "/v1/stats").replace(b"HTTP/1.1", b"HTTP/1.0")),
        ("chunks and a length", signed("POST", "/v1/broadcast", b"{}", lines="Transfer-Encoding: chunked\r\n")),
        ("another host in the target", signed("GET", "/v1/stats").replace(b"GET /", b"GET http://a/")),
        ("two lengths", signed("POST", "/v1/broadcast", b"{}", lines="Content-Length: 3\r\n")),
        ("a negative length", b"POST /v1/broadcast HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n"),
    ],
)
def rubbish(server: Target, _: str, data: bytes) -> None:
    with connect(server) as client:
        client.attempt(data)
        heard = b""
        try:
            client.finish()
            while piece := client.socket.recv(65536):
                heard += piece
        except OSError:
            # It has had enough.
            pass
        assert b"200 OK" not in heard, heard
    with connect(server) as other:
        other.send(signed("GET", "/v1/health"))
        answer(other)


@theme.probe("a request and its answers one byte at a time are understood")
def dribble(server: Target) -> None:
    with connect(server) as client:
        client.dribble(signed("GET", "/v1/health"))
        answer(client)


@theme.probe("ten thousand requests in one write are answered in order")
def pipelined(server: Target) -> None:
    with connect(server, limit=30) as client:
        for _ in range(100):
            client.send(signed("GET", "/v1/connections?limit=1") * 100)
            for _ in range(100):
                answer(client)


FORGED = re.sub(rb"Signature: \w+", b"Signature: " + b"0" * 64, RIGHT)


@theme.probe(
    "four hundred clients that send {0} delay no publisher",
    [
        ("nothing", b""),
        ("half a head", FORGED[:60]),
        ("no body behind a right key's name and a wrong signature", FORGED[:-5]),
        ("no body behind a name that nobody has", FORGED.replace(b"Key: app", b"Key: apq")[:-5]),
        ("wrong signatures and read no answer", FORGED * 3),
    ],
)
def strangers(server: Target, _: str, data: bytes) -> None:
    with connect(server) as kept:
        kept.send(signed("GET", "/v1/health"))
        answer(kept)
        others = [connect(server) for _ in range(400)]
        for other in others:
            other.attempt(data)
        begun = time.monotonic()
        # One that has signed before, and one that comes now.
        kept.send(signed("GET", "/v1/health"))
        answer(kept)
        with connect(server) as client:
            client.send(signed("GET", "/v1/health"))
            answer(client)
        took = time.monotonic() - begun
        for other in others:
            other.reset()
    assert took < seconds(1), f"after {took:.1f} s"


@theme.probe("bodies of strangers share a budget of their own, and a publisher's is not in it", alone=True)
def hoarded(server: Target) -> None:
    before = server.forget_peak()
    whole = signed("POST", "/v1/send", b'{"to":{"users":["x"]},"data":"' + b"x" * MIB + b'"}')
    forged = re.sub(rb"Signature: \w+", b"Signature: " + b"0" * 64, whole)
    others = [connect(server) for _ in range(200)]
    for other in others:
        # As much as there are places for, several times the budget.
        other.attempt(forged[:-5])
    with connect(server) as client:
        client.send(whole)
        answer(client)
    grown = server.peak() - before
    for other in others:
        other.reset()
    assert grown < 32 * MIB, f"{grown} bytes"


@theme.probe("a hundred bodies of two mebibytes without a key are never read", alone=True)
def bodies(server: Target) -> None:
    before = server.forget_peak()
    clients = [connect(server) for _ in range(100)]
    for client in clients:
        client.send(f"POST /v1/broadcast HTTP/1.1\r\nHost: h\r\nContent-Length: {2 * MIB}\r\n\r\n".encode())
        answer(client, 401)
        client.attempt(b"x" * (64 * KIB))
        client.socket.close()
    assert server.peak() - before < 16 * MIB, f"{server.peak() - before} bytes"


@theme.probe("two hundred bodies that are begun and left cost what has come of them, and nobody waits", alone=True)
def begun(server: Target) -> None:
    before = server.forget_peak()
    whole = signed("POST", "/v1/send", b'{"to":{"users":["x"]},"data":"' + b"x" * MIB + b'"}')
    clients = [connect(server) for _ in range(200)]
    for client in clients:
        client.send(whole[: 64 * KIB])
    with connect(server) as other:
        other.send(whole)
        answer(other)
    assert server.peak() - before < 48 * MIB, f"{server.peak() - before} bytes"
    for client in clients:
        client.reset()


@theme.probe("a flood of large messages to a client that does not read costs its outbox and no more", alone=True)
def flood(server: Target) -> None:
    with server.open(receive_buffer=4 * KIB), connect(server, limit=30) as client:
        to = newest(client)
        before = server.forget_peak()
        for _ in range(60):
            client.send(send(to, "x" * (900 * KIB)))
            answer(client)
    assert server.peak() - before < 24 * MIB, f"{server.peak() - before} bytes"


@theme.probe(
    "a query of {0} over 1 500 clients stops nobody",
    [
        ("1 024 equal conditions", " | ".join(["number"] * 1024)),
        ("1 024 equal exclusions", " & ".join(["!number=1"] * 1024)),
        ("1 024 different conditions", " | ".join(f"number={n} & number" for n in range(512))),
        ("nested negations", " | ".join(f"!(number={n} & " * 12 + "!number" + ")" * 12 for n in range(70))),
    ],
    alone=True,
)
def query(server: Target, _: str, tags: str) -> None:
    clients = [server.open("/tagged") for _ in range(1500)]
    with connect(server, limit=30) as client:
        for _ in range(5):
            client.send(signed("POST", "/v1/count", json.dumps({"to": {"tags": tags}}).encode()))
            # Others come and go: for that the index is changed.
            for _ in range(20):
                server.open("/tagged").reset()
            answer(client)
    for other in clients:
        other.reset()
