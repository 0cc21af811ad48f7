<?php

declare(strict_types=1);

namespace Ferrite\Tests\Random;

/**
 * A client in the process of its server. It never waits; what the server sends is held to HTTP and RFC 6455, so that
 * bytes which are not the server's are seen.
 */
final class Peer
{
    private const OPCODES = [0x1 => 'text', 0x2 => 'binary', 0x8 => 'close', 0x9 => 'ping', 0xa => 'pong'];

    /** @var resource */
    public $socket;

    private string $unread = '';
    private bool $isOpen = false;
    private bool $isTrusted;
    private bool $mayCompress;

    private function __construct()
    {
    }

    /** Connects and asks; null where nobody listens. */
    public static function connect(string $address, Chance $chance, bool $isTls): ?self
    {
        $path = $chance->pick(['/', '/', '/', '/room?a=1&b[]=2', '/health', '/metrics', '/%ff', '/?tags={"language":"FR"}']);
        $method = $chance->once(8) ? $chance->pick(['POST', 'HEAD', 'PUT', 'GET']) : 'WS';
        $socket = @stream_socket_client(
            str_starts_with($address, 'unix://') ? $address : "tcp://$address",
            $code,
            $message,
            1,
        );
        if ($socket === false) {
            return null;
        }
        stream_set_blocking($socket, false);
        stream_set_read_buffer($socket, 0);
        $peer = new self();
        $peer->socket = $socket;
        $peer->isTrusted = !$isTls;
        $peer->mayCompress = $chance->once(3);
        $head = "Host: localhost\r\n";
        if ($method === 'WS') {
            $method = 'GET';
            $head .= "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                . 'Sec-WebSocket-Key: ' . base64_encode(pack('N4', ...array_map(
                    static fn (): int => $chance->below(0xffffffff),
                    [1, 2, 3, 4],
                ))) . "\r\n";
            if ($peer->mayCompress) {
                $head .= "Sec-WebSocket-Extensions: permessage-deflate\r\n";
            }
            if ($chance->once(3)) {
                $head .= "Sec-WebSocket-Protocol: chat, other\r\n";
            }
        }
        $body = $method === 'POST' || $method === 'PUT' ? str_repeat('b', $chance->pick([0, 5, 70000])) : '';
        if ($body !== '' || $method === 'POST') {
            $head .= 'Content-Length: ' . strlen($body) . "\r\n";
        }
        $request = "$method $path HTTP/1.1\r\n$head\r\n$body";
        if ($chance->once(16)) {
            $request = substr($request, 0, $chance->below(strlen($request)));
        } elseif ($chance->once(24)) {
            $request = $chance->pick(["\r\n", "\0\0\0\0", "GET\r\n\r\n", "\x16\x03\x01\x02\x00", str_repeat('A', 20000)]);
        }
        $peer->write($request);

        return $peer;
    }

    /** Sends something; true once it was a message. */
    public function speak(Chance $chance): void
    {
        $frames = '';
        for ($count = $chance->between(1, 4); $count > 0; $count--) {
            $frames .= match ($chance->below(14)) {
                0 => self::frame(0x9, 'ping'),
                1 => self::frame(0x8, pack('n', $chance->pick([1000, 1001, 3000, 4999, 1005, 999])) . 'bye'),
                2 => self::frame(0x8, ''),
                3 => self::frame(0x1, "\xff\xfe"),
                4 => self::frame(0x1, 'first', false) . self::frame(0x0, 'second'),
                5 => self::frame(0x2, str_repeat("\xff\0", $chance->pick([0, 1, 62, 63, 32768]))),
                6 => self::frame(0x1, str_repeat('x', $chance->pick([126, 4096, 70000]))),
                7 => self::frame(0x1, '{"message":{"a":[1]},"tags":{"language":"FR"}}'),
                8 => $chance->once(4) ? substr(self::frame(0x1, 'cut off'), 0, $chance->below(10)) : '',
                9 => $chance->once(4) ? random_bytes(20) : '',
                default => self::frame(0x1, $chance->pick(['hello', '', '0', 'join', '{"message":"Bonjour"}'])),
            };
        }
        $this->write($frames);
    }

    /** Reads what has come. */
    public function listen(): void
    {
        $this->unread .= (string) @fread($this->socket, 1 << 17);
        if (!$this->isTrusted) {
            $this->unread = '';

            return;
        }
        while ($this->take()) {
        }
    }

    /** Waits until something comes, a moment at most: then the network has had its turn. */
    public function linger(): void
    {
        $read = [$this->socket];
        $write = $except = null;
        @stream_select($read, $write, $except, 0, 2000);
    }

    private function take(): bool
    {
        if (!$this->isOpen) {
            $end = strpos($this->unread, "\r\n\r\n");
            if ($end === false) {
                $this->isTrusted = strncmp($this->unread, 'HTTP/1.', min(7, strlen($this->unread))) === 0
                    || $this->refuse('an answer that is not HTTP');

                return false;
            }
            if (preg_match('~^HTTP/1\.[01] (\d{3}) ~', $this->unread, $match) !== 1) {
                return $this->refuse('an answer that is not HTTP');
            }
            $this->isOpen = $match[1] === '101';
            // What follows another answer is a body.
            $this->isTrusted = $this->isOpen;
            $this->unread = $this->isOpen ? substr($this->unread, $end + 4) : '';

            return $this->isOpen;
        }
        $available = strlen($this->unread);
        if ($available < 2) {
            return false;
        }
        [$first, $second] = [ord($this->unread[0]), ord($this->unread[1])];
        if (
            !isset(self::OPCODES[$first & 0x0f]) || ($first & 0xb0) !== 0x80 || ($second & 0x80) !== 0
            || (($first & 0x40) !== 0 && !$this->mayCompress)
        ) {
            return $this->refuse('a frame that no server sends');
        }
        [$length, $offset] = match ($second) {
            126 => $available < 4 ? [PHP_INT_MAX, 0] : [unpack('n', $this->unread, 2)[1], 4],
            127 => $available < 10 ? [PHP_INT_MAX, 0] : [unpack('J', $this->unread, 2)[1], 10],
            default => [$second, 2],
        };
        if ($available - $offset < $length) {
            return false;
        }
        if ($length > 125 && ($first & 0x0f) >= 0x8) {
            return $this->refuse('a control frame that is too long');
        }
        if (($first & 0x0f) === 0x9) {
            $this->write(self::frame(0xa, substr($this->unread, $offset, $length)));
        }
        $this->unread = substr($this->unread, $offset + $length);

        return true;
    }

    private function refuse(string $what): bool
    {
        Trace::fault("the server sent $what: " . bin2hex(substr($this->unread, 0, 64)));
        $this->isTrusted = false;
        $this->unread = '';

        return false;
    }

    private function write(string $bytes): void
    {
        // What the socket does not take is a message cut off, which the server has to bear as well.
        @fwrite($this->socket, $bytes);
    }

    private static function frame(int $opcode, string $payload, bool $isFinal = true): string
    {
        $length = strlen($payload);
        $head = chr(($isFinal ? 0x80 : 0) | $opcode) . match (true) {
            $length < 126 => chr(0x80 | $length),
            $length < 65536 => "\xfe" . pack('n', $length),
            default => "\xff" . pack('J', $length),
        };
        $mask = random_bytes(4);

        return $head . $mask . ($payload ^ str_repeat($mask, intdiv($length, 4) + 1));
    }
}
