<?php

declare(strict_types=1);

namespace Gomoob\WebSocket\Client;

/**
 * A client's end of one WebSocket connection (RFC 6455), for a client that only sends.
 *
 * @internal
 */
final class Connection
{
    private const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
    private const TEXT = 1;
    private const CLOSE = 8;
    private const PING = 9;
    private const PONG = 10;

    /** Most bytes of the response to the handshake. */
    private const MAX_HEAD = 16384;

    /** Most reads between two requests; the rest is left for the next request. */
    private const READS = 4096;

    /** Bytes of an incomplete frame header or control frame. */
    private string $buffer = '';

    /** Bytes still to discard of the current data frame. */
    private int $skip = 0;

    private bool $isClosed = false;

    /** @param resource $socket */
    private function __construct(private $socket, private float $timeout)
    {
    }

    public function __destruct()
    {
        if (!$this->isClosed) {
            // The answer is not awaited.
            @fwrite($this->socket, self::frame(self::CLOSE, pack('n', 1000)));
        }
        @fclose($this->socket);
    }

    /** @throws ConnectionException */
    public static function open(string $uri, float $timeout): self
    {
        $parts = parse_url($uri);
        $scheme = strtolower($parts['scheme'] ?? '');
        if (!isset($parts['host']) || !in_array($scheme, ['ws', 'wss'], true)) {
            throw new \InvalidArgumentException("'$uri' is not the URI of a WebSocket server: ws://host:port");
        }
        $port = $parts['port'] ?? ($scheme === 'wss' ? 443 : 80);
        $transport = ($scheme === 'wss' ? 'tls' : 'tcp') . "://{$parts['host']}:$port";
        $socket = @stream_socket_client($transport, $number, $message, $timeout);
        if ($socket === false) {
            throw new ConnectionException("Cannot connect to $transport: $message");
        }
        stream_set_blocking($socket, false);
        stream_set_read_buffer($socket, 0);
        $connection = new self($socket, $timeout);
        // Without a handshake there is nothing to close.
        $connection->isClosed = true;
        $target = ($parts['path'] ?? '/') . (isset($parts['query']) ? "?{$parts['query']}" : '');
        $host = isset($parts['port']) ? "{$parts['host']}:$port" : $parts['host'];
        $connection->handshake($host, str_replace(["\r", "\n", ' '], ['%0D', '%0A', '%20'], $target));
        $connection->isClosed = false;

        return $connection;
    }

    /** Reads data that has arrived, and discards messages. False once the connection is closed. */
    public function receive(): bool
    {
        for ($reads = 0; !$this->isClosed && $reads < self::READS; $reads++) {
            $bytes = @fread($this->socket, 65536);
            if ($bytes === '' || $bytes === false) {
                $this->isClosed = feof($this->socket);
                break;
            }
            $this->parse($bytes);
        }

        return !$this->isClosed;
    }

    /** @throws ConnectionException */
    public function send(string $text): void
    {
        try {
            $this->write(self::frame(self::TEXT, $text));
        } catch (ConnectionException $error) {
            // A part of the frame may have left: nothing can follow it.
            $this->isClosed = true;
            throw $error;
        }
    }

    private function handshake(string $host, string $target): void
    {
        $key = base64_encode(random_bytes(16));
        $this->write(
            "GET $target HTTP/1.1\r\nHost: $host\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            . "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: $key\r\n\r\n",
        );
        $deadline = microtime(true) + $this->timeout;
        $head = '';
        while (($end = strpos($head, "\r\n\r\n")) === false) {
            $bytes = @fread($this->socket, self::MAX_HEAD);
            $head .= $bytes;
            if (strlen($head) > self::MAX_HEAD || ($bytes === '' || $bytes === false) && feof($this->socket)) {
                throw new ConnectionException('The server does not answer the handshake of a WebSocket');
            }
            if ($bytes === '' || $bytes === false) {
                $this->wait($deadline, false);
            }
        }
        $this->checkUpgrade(substr($head, 0, $end), $key);
        $this->parse(substr($head, $end + 4));
    }

    private function checkUpgrade(string $head, string $key): void
    {
        $lines = explode("\r\n", $head);
        $status = array_shift($lines);
        if (preg_match('~^HTTP/1\.1 101(?: |$)~D', $status) !== 1) {
            throw new ConnectionException("The server refused the connection: $status");
        }
        $accept = base64_encode(sha1($key . self::GUID, true));
        foreach ($lines as $line) {
            [$name, $value] = explode(':', $line, 2) + [1 => ''];
            if (strcasecmp($name, 'Sec-WebSocket-Accept') === 0 && trim($value) === $accept) {
                return;
            }
        }
        throw new ConnectionException('The server does not speak WebSocket: its Sec-WebSocket-Accept is wrong');
    }

    /** Parses the next bytes: discards messages, answers pings and close frames. */
    private function parse(string $bytes): void
    {
        if ($this->skip >= strlen($bytes)) {
            $this->skip -= strlen($bytes);

            return;
        }
        $this->buffer .= substr($bytes, $this->skip);
        $this->skip = 0;
        while (strlen($this->buffer) >= 2 && !$this->isClosed) {
            $opcode = ord($this->buffer[0]) & 15;
            $length = ord($this->buffer[1]) & 127;
            $header = [126 => 4, 127 => 10][$length] ?? 2;
            if (strlen($this->buffer) < $header) {
                return;
            }
            if ($header > 2) {
                $length = unpack($header === 4 ? 'n' : 'J', $this->buffer, 2)[1];
            }
            $available = strlen($this->buffer) - $header;
            if ($opcode < self::CLOSE) {
                $this->skip = max(0, $length - $available);
                $this->buffer = substr($this->buffer, $header + min($length, $available));
            } elseif ($length > 125) {
                $this->isClosed = true;
            } elseif ($available < $length) {
                return;
            } else {
                $payload = substr($this->buffer, $header, $length);
                $this->buffer = substr($this->buffer, $header + $length);
                $this->answer($opcode, $payload);
            }
        }
    }

    private function answer(int $opcode, string $payload): void
    {
        if ($opcode === self::PING) {
            @fwrite($this->socket, self::frame(self::PONG, $payload));
        } elseif ($opcode === self::CLOSE) {
            $this->isClosed = true;
            @fwrite($this->socket, self::frame(self::CLOSE, substr($payload, 0, 2)));
        }
    }

    private function write(string $bytes): void
    {
        $deadline = microtime(true) + $this->timeout;
        while ($bytes !== '') {
            $written = @fwrite($this->socket, $bytes);
            if ($written === false || $written === 0 && feof($this->socket)) {
                throw new ConnectionException('The server has closed the connection');
            }
            $bytes = substr($bytes, $written);
            if ($bytes !== '') {
                $this->wait($deadline, true);
            }
        }
    }

    private function wait(float $deadline, bool $toWrite): void
    {
        $left = $deadline - microtime(true);
        $read = $toWrite ? [] : [$this->socket];
        $write = $toWrite ? [$this->socket] : [];
        $except = null;
        $microseconds = max(0, (int) ($left * 1e6));
        if ($left <= 0 || @stream_select($read, $write, $except, 0, $microseconds) === 0) {
            throw new ConnectionException("The server does not answer within {$this->timeout} seconds");
        }
    }

    /** A whole frame, masked as RFC 6455, section 5.3, demands of a client. */
    private static function frame(int $opcode, string $payload): string
    {
        $length = strlen($payload);
        $mask = random_bytes(4);
        $size = match (true) {
            $length < 126 => chr(128 | $length),
            $length < 65536 => chr(128 | 126) . pack('n', $length),
            default => chr(128 | 127) . pack('J', $length),
        };

        return chr(128 | $opcode) . $size . $mask . ($payload ^ str_repeat($mask, intdiv($length, 4) + 1));
    }
}
