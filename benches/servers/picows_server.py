"""picows, for benches/load: python picows_server.py [PORT]

What comes on /echo goes back, what comes on /publish goes to everybody on /subscribe. The first line printed is
the address; port 0, the default, takes a free one.
"""

import asyncio
import sys

from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

DATA = (WSMsgType.TEXT, WSMsgType.BINARY)
subscribers: set[WSTransport] = set()


class Echo(WSListener):
    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type in DATA:
            transport.send(frame.msg_type, frame.get_payload_as_bytes())
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()


class Publish(WSListener):
    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type in DATA:
            payload = frame.get_payload_as_bytes()
            for subscriber in subscribers:
                subscriber.send(frame.msg_type, payload)


class Subscribe(WSListener):
    def on_ws_connected(self, transport: WSTransport) -> None:
        subscribers.add(transport)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        subscribers.discard(transport)


PATHS = {b"/publish": Publish, b"/subscribe": Subscribe}


def route(request: WSUpgradeRequest) -> WSListener:
    return PATHS.get(request.path, Echo)()


async def main() -> None:
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    server = await ws_create_server(route, "127.0.0.1", port, max_frame_size=17 << 20)
    print(f"127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


asyncio.run(main())
