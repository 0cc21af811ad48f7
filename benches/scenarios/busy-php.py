"""PHP blocked in a handler while clients send at full speed: who notices, and what it costs.

usage: python3 busy-php.py [--seconds 10] [--clients 200] [--messages 20000] [--php PHP] EXTENSION

Prints the round trip of another client's pings and the time to connect anew while PHP is blocked, the memory of
the process, and whether every message arrived afterwards, in order, on connections that stayed open.
"""

import argparse
import asyncio
import os
import re
import statistics
import time

HANDSHAKE = (
    "GET / HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def frame(first: int, payload: bytes) -> bytes:
    assert len(payload) < 126
    return bytes([first, 0x80 | len(payload), 0, 0, 0, 0]) + payload


async def connect(host: str, port: int):
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(HANDSHAKE.format(host=f"{host}:{port}").encode())
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101"), head
    return reader, writer


async def flood(host: str, port: int, messages: int) -> None:
    reader, writer = await connect(host, port)
    for first in range(0, messages, 500):
        writer.write(b"".join(frame(0x81, b"%-100d" % n) for n in range(first, min(first + 500, messages))))
        await writer.drain()
    answer = await reader.readexactly(10)
    assert answer == b"\x81\x08complete", answer
    writer.close()


def rss(pid: int) -> float:
    with open(f"/proc/{pid}/smaps_rollup") as rollup:
        return int(re.search(r"^Rss:\s+(\d+)", rollup.read(), re.M).group(1)) / 1024


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("extension")
    parser.add_argument("--php", default="php")
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--messages", type=int, default=20_000)
    options = parser.parse_args()
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "busy-php.php")
    server = await asyncio.create_subprocess_exec(
        options.php,
        "-n",
        "-d",
        f"extension={options.extension}",
        script,
        str(options.seconds),
        str(options.messages),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        host, port = (await server.stdout.readline()).decode().strip().removeprefix("ws://").split(":")
        port = int(port)
        reader, writer = await connect(host, port)
        blocker = await connect(host, port)
        before = rss(server.pid)
        blocker[1].write(frame(0x81, b"block"))
        assert await server.stdout.readline() == b"blocked\n"
        floods = [asyncio.create_task(flood(host, port, options.messages)) for _ in range(options.clients)]
        pings, connects, memory = [], [], []
        # The generator shares the processors: it is still while the server is measured.
        await asyncio.sleep(options.seconds * 0.4)
        until = time.monotonic() + options.seconds * 0.4
        while time.monotonic() < until:
            began = time.perf_counter()
            writer.write(frame(0x89, b"ping"))
            assert await reader.readexactly(6) == b"\x8a\x04ping"
            pings.append((time.perf_counter() - began) * 1000)
            began = time.perf_counter()
            _, other = await connect(host, port)
            connects.append((time.perf_counter() - began) * 1000)
            other.close()
            memory.append(rss(server.pid))
            await asyncio.sleep(0.05)
        print(f"while PHP was blocked, {options.clients} clients flooding:")
        for name, values in (("ping", pings), ("connect", connects)):
            print(f"  {name}: median {statistics.median(values):.2f} ms, max {max(values):.2f} ms, {len(values)} times")
        print(f"  memory: {before:.1f} MiB before, {max(memory):.1f} MiB at most")
        began = time.monotonic()
        await asyncio.wait_for(asyncio.gather(*floods), 240)
        print(f"afterwards: {options.clients * options.messages} messages in order, {time.monotonic() - began:.1f} s")
        print(f"  memory: {rss(server.pid):.1f} MiB")
    finally:
        if server.returncode is None:
            server.terminate()
        rest = (await server.stdout.read()).decode().split("\n")
        await server.wait()
    codes = [line for line in rest if line.startswith("closed") and line not in ("closed 1006", "closed 1001")]
    print("other closes:", codes or "none", "| problems:", [line for line in rest if line.startswith("out")] or "none")


asyncio.run(main())
