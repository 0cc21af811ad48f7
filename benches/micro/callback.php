<?php

declare(strict_types=1);

// What a callback costs, in nanoseconds, beside the calls that PHP makes by itself. Criterion cannot run inside
// PHP; this is its counterpart, run by `./dev bench-micro` or:
//
//   php -n -d extension=target/release/libferrite.so benches/micro/callback.php [ROUNDS]
//
// The client is in the same script: a socket that writes batches of frames built beforehand. "events wait" lets the
// network's thread put a batch into the queue first and measures poll() alone: what PHP's thread spends on a message,
// from the queue to the end of the callback. "from the client's write" is the whole way, by both threads.

use Ferrite\Connection;
use Ferrite\Limits;
use Ferrite\SendResult;
use Ferrite\Server;

const BATCH = 512;
const CALLS = 20_000;
const PAYLOAD = 'a line of some chat.';
const PATIENCE = 10_000_000_000;

/** A server, and the one client it has. */
final class Line
{
    public readonly Server $server;

    /** The server's side of the client. */
    public readonly Connection $connection;

    /** @var resource The client's side. */
    private $socket;

    /** BATCH masked frames. */
    private readonly string $frames;

    public function __construct()
    {
        $this->server = new Server(
            '127.0.0.1:0',
            limits: new Limits(receiveMessages: 2 * BATCH, receiveBytes: 1 << 20),
            ioThreads: 1,
            logger: static function (string $level, string $message, array $context): void {
            },
        );
        $this->server->onOpen(function (Connection $client): void {
            $this->connection = $client;
        });
        $this->server->start();
        $address = str_replace('ws://', 'tcp://', rtrim($this->server->addresses()[0], '/'));
        $this->socket = stream_socket_client($address);
        stream_set_blocking($this->socket, false);
        $this->write("GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            . "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
        $answer = '';
        $this->until(function () use (&$answer): bool {
            $answer .= fread($this->socket, 8192);
            return str_contains($answer, "\r\n\r\n") && isset($this->connection);
        });
        $key = "\x37\xfa\x21\x3d";
        $masked = PAYLOAD ^ str_repeat($key, intdiv(strlen(PAYLOAD) + 3, 4));
        $this->frames = str_repeat("\x81" . chr(0x80 | strlen(PAYLOAD)) . $key . $masked, BATCH);
    }

    /** Sends a batch. */
    public function write(?string $bytes = null): void
    {
        for ($rest = $bytes ?? $this->frames; $rest !== ''; $rest = substr($rest, $written)) {
            $written = fwrite($this->socket, $rest);
            if ($written === false) {
                throw new RuntimeException('the server has closed the connection');
            }
        }
    }

    /** Sends a batch, and returns when all of it waits for poll(). */
    public function fill(): void
    {
        $received = fn(): int => $this->server->stats()['ferrite_messages_received_total'];
        $due = $received() + BATCH;
        $this->write();
        // Not until(): nothing may be polled yet.
        $deadline = hrtime(true) + PATIENCE;
        while ($received() < $due) {
            self::check($deadline);
        }
    }

    /** Runs the callbacks of a batch. */
    public function drain(): void
    {
        $ran = 0;
        $deadline = hrtime(true) + PATIENCE;
        while (($ran += $this->server->poll(1.0)) < BATCH) {
            self::check($deadline);
        }
    }

    /** Reads the answers to a batch. */
    public function read(): void
    {
        // A header of two bytes, as the payload is short.
        $missing = BATCH * (2 + strlen(PAYLOAD));
        $this->until(function () use (&$missing): bool {
            $missing -= strlen(fread($this->socket, 65_536));
            return $missing <= 0;
        });
    }

    private function until(callable $done): void
    {
        $deadline = hrtime(true) + PATIENCE;
        while (!$done()) {
            self::check($deadline);
            $this->server->poll(0.001);
        }
    }

    private static function check(int $deadline): void
    {
        if (hrtime(true) > $deadline) {
            throw new RuntimeException('waited in vain');
        }
    }
}

/**
 * Prints a row: nanoseconds of each call, of the fastest and of the median round. Gives the fastest.
 *
 * @param callable(): void $round One round of so many calls, all that is measured.
 * @param callable(): void $before What comes before each round, unmeasured.
 * @param float $loop Nanoseconds to take off each call.
 */
function row(
    string $name,
    int $rounds,
    int $calls,
    callable $round,
    ?callable $before = null,
    float $loop = 0.0,
): float {
    $times = [];
    // One more, for caches, allocator and branch predictors.
    for ($i = 0; $i <= $rounds; ++$i) {
        if ($before !== null) {
            $before();
        }
        $begun = hrtime(true);
        $round();
        $times[] = (hrtime(true) - $begun) / $calls - $loop;
    }
    array_shift($times);
    sort($times);
    printf("%-44s %9.1f %9.1f\n", $name, $times[0], $times[intdiv($rounds, 2)]);
    return $times[0];
}

$rounds = max(1, (int) ($argv[1] ?? 200));
$line = new Line();
$server = $line->server;
$connection = $line->connection;
$closure = static function (Connection $from, string $data, bool $binary): void {
};
$list = new ArrayObject([1]);

printf("%-44s %9s %9s\n", 'nanoseconds', 'fastest', 'median');

$loop = row('an empty loop, taken off the next three', $rounds, CALLS, static function (): void {
    for ($i = 0; $i < CALLS; ++$i) {
    }
});

row('a closure, called by PHP', $rounds, CALLS, static function () use ($closure, $connection): void {
    for ($i = 0; $i < CALLS; ++$i) {
        $closure($connection, PAYLOAD, false);
    }
}, loop: $loop);

row('a method of PHP, ArrayObject::count()', $rounds, CALLS, static function () use ($list): void {
    for ($i = 0; $i < CALLS; ++$i) {
        $list->count();
    }
}, loop: $loop);

row('a method of ours, Connection::isOpen()', $rounds, CALLS, static function () use ($connection): void {
    for ($i = 0; $i < CALLS; ++$i) {
        $connection->isOpen();
    }
}, loop: $loop);

$server->onMessage($closure);
row('onMessage, events wait', $rounds, BATCH, $line->drain(...), before: $line->fill(...));

row("onMessage, from the client's write", $rounds, BATCH, static function () use ($line): void {
    $line->write();
    $line->drain();
});

$server->onMessage(static function (Connection $from, string $data, bool $binary): void {
    if ($from->send($data, $binary) === SendResult::Closed) {
        throw new RuntimeException('closed');
    }
});
$unread = false;
$fill = static function () use ($line, &$unread): void {
    if ($unread) {
        // The answers of the round before.
        $line->read();
    }
    $line->fill();
    $unread = true;
};
row('onMessage that answers, events wait', $rounds, BATCH, $line->drain(...), before: $fill);

$server->stop(0.0);
