"""Many clients of one process that each send a byte of their request now and then and never come to its end.

    dribblers.py PORT COUNT PAUSE

Says "connected" once all are, and in the end, as JSON, how many were cut off without an answer, how many were answered,
how many were still there after fifteen seconds, and after how many seconds the first and the last was cut.
"""

import contextlib
import json
import select
import socket
import sys
import time

REQUEST = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: " + b"s" * 1000
TURNS = 50


def main() -> None:
    port, count, pause = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    poll = select.epoll()
    waiting: dict[int, tuple[socket.socket, float]] = {}
    lives: list[float] = []
    answered = 0
    for _ in range(count):
        client = socket.create_connection(("127.0.0.1", port), 10)
        client.setblocking(False)
        poll.register(client, select.EPOLLIN)
        waiting[client.fileno()] = (client, time.monotonic())
    print("connected", flush=True)
    begun = due = time.monotonic()
    turn = 0
    while waiting and time.monotonic() - begun < 15:
        for descriptor, _ in poll.poll(max(0.0, due - time.monotonic()), 1000):
            client, since = waiting.pop(descriptor)
            with contextlib.suppress(ConnectionResetError):
                answered += client.recv(100) != b""
            lives.append(time.monotonic() - since)
            client.close()
        if time.monotonic() >= due:
            # A few of them in each turn, so that each sends one byte in `pause`.
            for descriptor, (client, _) in list(waiting.items()):
                if descriptor % TURNS == turn % TURNS:
                    with contextlib.suppress(OSError):
                        client.send(REQUEST[turn // TURNS : turn // TURNS + 1])
            turn += 1
            due += pause / TURNS
    lives.sort()
    first, last = (lives[0], lives[-1]) if lives else (0, 0)
    print(
        json.dumps(
            {"cut": len(lives) - answered, "answered": answered, "left": len(waiting), "first": first, "last": last}
        )
    )


if __name__ == "__main__":
    main()
