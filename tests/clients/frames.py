"""Handshakes and frames as a client writes them, for tests that need bytes which no client library sends."""

import struct

KEY = "dGhlIHNhbXBsZSBub25jZQ=="


def handshake(host: str, lines: str = "", target: str = "/") -> bytes:
    """A whole handshake; `lines` is further header lines, each with its CR LF."""
    return (
        f"GET {target} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n{lines}\r\n"
    ).encode()


def frame(first: int, payload: bytes) -> bytes:
    """A whole frame under the mask of zeros; `first` is its first byte."""
    length = len(payload)
    if length < 126:
        head = bytes([first, 0x80 | length])
    elif length < 1 << 16:
        head = struct.pack("!BBH", first, 0x80 | 126, length)
    else:
        head = struct.pack("!BBQ", first, 0x80 | 127, length)
    return head + bytes(4) + payload
