"""Text that is not UTF-8, in every shape and cut at every place: 1007 at the first wrong byte."""

import struct

from client import CLOSE, CONTINUATION, TEXT, frame, frame_head, mask
from suite import Theme
from target import MIB, Target

theme = Theme("utf8", "text is refused at its first wrong byte")

WRONG = [
    ("a lone continuation byte", b"\x80"),
    ("two of them", b"\x80\xbf"),
    ("an overlong slash", b"\xc0\xaf"),
    ("an overlong slash of three bytes", b"\xe0\x80\xaf"),
    ("an overlong slash of four bytes", b"\xf0\x80\x80\xaf"),
    ("an overlong NUL", b"\xc0\x80"),
    ("a high surrogate", b"\xed\xa0\x80"),
    ("a low surrogate", b"\xed\xbf\xbf"),
    ("a pair of surrogates", b"\xed\xa0\xbd\xed\xb8\x80"),
    ("a code point beyond U+10FFFF", b"\xf4\x90\x80\x80"),
    ("a sequence of five bytes", b"\xf8\x88\x80\x80\x80"),
    ("the byte FE", b"\xfe"),
    ("the byte FF", b"\xff"),
    ("Latin-1", b"caf\xe9!"),
    ("a UTF-16 byte order mark", b"\xff\xfe"),
    ("a sequence that is interrupted", b"\xe2\x82A"),
]
CUT = [("two bytes", b"\xc3"), ("three bytes", b"\xe2\x82"), ("four bytes", b"\xf0\x9f\x98")]
RIGHT = [
    ("a NUL", "\0"),
    ("noncharacters", "\ufffe\uffff\U0001ffff"),
    ("the last code point", "\U0010ffff"),
    ("a byte order mark", "\ufeff"),
    ("the neighbours of surrogates", "\ud7ff\ue000"),
    ("right-to-left overrides", "\u202e\u2066"),
    ("every length", "a\u00e9\u20ac\U0001f600" * 100),
]


@theme.probe("{0} is 1007", WRONG)
def wrong(server: Target, _: str, text: bytes) -> None:
    with server.open() as client:
        client.send(frame(TEXT, b"ok " + text + b" ok"))
        client.expect_close(1007)


@theme.probe("{0}, cut into fragments at every place, is 1007", WRONG)
def wrong_in_fragments(server: Target, _: str, text: bytes) -> None:
    whole = b"ok " + text + b" ok"
    for at in range(len(whole) + 1):
        with server.open() as client:
            client.send(frame(TEXT, whole[:at], fin=False), frame(CONTINUATION, whole[at:]))
            client.expect_close(1007, until_end=False)


@theme.probe("{0} is refused while the rest of its frame is missing", WRONG)
def wrong_early(server: Target, _: str, text: bytes) -> None:
    with server.open() as client:
        client.send(frame_head(TEXT, 1000), mask(b"ok " + text))
        client.expect_close(1007)


@theme.probe("{0} in the reason of a close frame is 1007", WRONG)
def wrong_reason(server: Target, _: str, text: bytes) -> None:
    with server.open() as client:
        client.send(frame(CLOSE, struct.pack("!H", 1000) + text))
        client.expect_close(1007)


@theme.probe("a character of {0} that the message cuts off is 1007", CUT)
def cut_off(server: Target, _: str, text: bytes) -> None:
    for data in (frame(TEXT, b"ok" + text), frame(TEXT, text, fin=False) + frame(CONTINUATION)):
        with server.open() as client:
            client.send(data)
            client.expect_close(1007)


@theme.probe("a character of {0} that a close reason cuts off is 1007", CUT)
def cut_off_reason(server: Target, _: str, text: bytes) -> None:
    with server.open() as client:
        client.send(frame(CLOSE, struct.pack("!H", 1000) + text))
        client.expect_close(1007)


@theme.probe("{0} is text like any other", RIGHT)
def right(server: Target, _: str, text: str) -> None:
    with server.open() as client:
        client.echoes(text.encode())


@theme.probe("{0}, cut at every byte, is put together", RIGHT)
def right_in_fragments(server: Target, _: str, text: str) -> None:
    whole = text.encode()[:40].decode(errors="ignore").encode()
    with server.open() as client:
        for at in range(len(whole) + 1):
            client.send(frame(TEXT, whole[:at], fin=False), frame(CONTINUATION, whole[at:]))
            client.expect_frame(TEXT, whole)


@theme.probe("the wrong byte at the end of a mebibyte is 1007")
def at_the_end(server: Target) -> None:
    with server.open() as client:
        client.send(frame(TEXT, b"x" * (MIB - 1) + b"\xff"))
        client.expect_close(1007)


@theme.probe("the wrong byte in the middle of a mebibyte is refused before its end comes")
def in_the_middle(server: Target) -> None:
    with server.open() as client:
        client.send(frame_head(TEXT, MIB), mask(b"x" * 300_000 + b"\xff" + b"x" * 3))
        client.expect_close(1007)


@theme.probe("bytes that are no text pass in a binary message")
def binary(server: Target) -> None:
    with server.open() as client:
        client.echoes(bytes(range(256)) * 10, 0x2)
