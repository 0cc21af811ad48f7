<?php

declare(strict_types=1);

namespace Ferrite\Tests\Gomoob;

/** A client that listens, as a page would. */
final class Receiver
{
    private string $buffer = '';

    /** @param resource $socket */
    private function __construct(private $socket, public readonly int $status, public readonly string $body)
    {
    }

    public static function connect(string $address, string $target = '/'): self
    {
        $socket = stream_socket_client("tcp://$address", $number, $message, 10);
        stream_set_timeout($socket, 10);
        fwrite(
            $socket,
            "GET $target HTTP/1.1\r\nHost: $address\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            . "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        );
        $status = (int) substr((string) fgets($socket), 9, 3);
        $length = 0;
        while (($line = trim((string) fgets($socket))) !== '') {
            if (stripos($line, 'content-length:') === 0) {
                $length = (int) substr($line, 15);
            }
        }

        return new self($socket, $status, $length > 0 ? (string) stream_get_contents($socket, $length) : '');
    }

    /** The next text; a close frame as "closed CODE". */
    public function text(): string
    {
        $head = $this->read(2);
        $length = ord($head[1]);
        if ($length > 125) {
            $length = unpack($length === 126 ? 'n' : 'J', $this->read($length === 126 ? 2 : 8))[1];
        }
        $payload = $this->read($length);

        return (ord($head[0]) & 15) === 8 ? 'closed ' . unpack('n', $payload)[1] : $payload;
    }

    /** Sends a text. */
    public function send(string $text): void
    {
        $length = strlen($text);
        $size = $length < 126 ? chr(128 | $length) : chr(128 | 126) . pack('n', $length);
        fwrite($this->socket, "\x81$size\0\0\0\0$text");
    }

    private function read(int $length): string
    {
        $bytes = $length === 0 ? '' : (string) stream_get_contents($this->socket, $length);
        if (strlen($bytes) !== $length) {
            throw new \RuntimeException('the server says nothing more');
        }

        return $bytes;
    }
}
