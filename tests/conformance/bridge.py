"""A plain address for a TLS server: the suite speaks no TLS itself."""

import asyncio
import ssl
import threading
from collections.abc import Coroutine


class Bridge:
    """Passes on what comes to `address`, through TLS, and the other way round, until it is closed."""

    def __init__(self, host: str, port: int, context: ssl.SSLContext) -> None:
        self._target = (host, port, context)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._run(asyncio.start_server(self._serve, "127.0.0.1", 0))
        host, port = self._server.sockets[0].getsockname()
        self.address = f"{host}:{port}"

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def _run(self, work: Coroutine) -> asyncio.Server:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, port, context = self._target
        try:
            inner_reader, inner_writer = await asyncio.open_connection(
                host, port, ssl=context, server_hostname="localhost"
            )
        except OSError:
            writer.transport.abort()
            return
        passing = [
            asyncio.ensure_future(pump(reader, inner_writer)),
            asyncio.ensure_future(pump(inner_reader, writer)),
        ]
        # The end of either side is the end of both: TLS of this library has no half of a connection.
        await asyncio.wait(passing, return_when=asyncio.FIRST_COMPLETED)
        for end in (inner_writer, writer):
            end.close()
        await asyncio.wait(passing, timeout=5)


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
