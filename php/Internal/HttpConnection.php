<?php

declare(strict_types=1);

namespace Ferrite\Internal;

use Ferrite\ServerAwayException;

/**
 * One connection to a control API, kept between calls and, if it is persistent, between the pages of an FPM worker. It
 * carries one request and one response at a time.
 *
 * No call may ever get the response of another. A page can end in the middle of an exchange (a time limit, `exit()`),
 * and the response then arrives while the next page runs; a child after `pcntl_fork()` has its parent's connection.
 * Therefore each stream has a mark: the process that owns it, and its state, busy or idle. A stream becomes idle only
 * after a whole response with no bytes after it. A stream that is busy, belongs to another process, or has bytes to
 * read before a request was sent, is closed.
 *
 * The stream blocks, and PHP waits with poll(): `stream_select()` fails in a process that has more than 1024
 * descriptors, as a process that runs a server may.
 */
final class HttpConnection
{
    /** Longest wait in one system call: a signal restarts PHP's wait, and must not prolong it for ever. */
    private const SLICE_SECONDS = 0.02;
    /** Most bytes of one `fwrite()`, which waits until all are taken. */
    private const SLICE_BYTES = 256 * 1024;
    /** Bytes of the first read. Most responses are a few dozen bytes; only a long one costs more memory. */
    private const FIRST_READ = 8192;
    private const NEXT_READ = 256 * 1024;
    /** Chunk size of a new stream. The marks are never divisible by four. */
    private const UNMARKED = 8192;
    private const BUSY = 1;
    private const IDLE = 2;
    /** `EAGAIN` of Linux: the queue of a Unix socket is full. */
    private const QUEUE_FULL = 11;

    /** @var array<string, true> Names of the streams with an exchange under way in this process. */
    private static array $busy = [];

    /** @var resource|null */
    private $stream = null;
    private readonly string $name;

    public function __construct(
        private readonly Address $address,
        private readonly bool $persistent,
        private readonly ?string $caFile,
    ) {
        // PHP identifies persistent streams by this name, and ignores the text after a port. The hash keeps connections
        // apart that were checked against different authorities.
        $this->name = $address->transport . ($address->isSecure ? '/' . sha1($caFile ?? '') : '');
    }

    /** @throws ServerAwayException */
    public function exchange(string $request, Deadline $deadline): HttpResponse
    {
        $name = $this->persistent ? $this->name : (string) spl_object_id($this);
        if (isset(self::$busy[$name])) {
            // The handler of a signal publishes in the middle of an exchange.
            return (new self($this->address, false, $this->caFile))->exchange($request, $deadline);
        }
        self::$busy[$name] = true;
        try {
            if ($this->open($deadline)) {
                try {
                    return $this->exchangeOnce($request, $deadline);
                } catch (ConnectionLost) {
                    // The server closed it just before this request. Repeating the request is safe: every request
                    // that changes anything has an id.
                    $this->reopen($deadline);
                }
            }
            return $this->exchangeOnce($request, $deadline);
        } catch (ConnectionLost) {
            throw $this->away('closed the connection before it had answered');
        } finally {
            unset(self::$busy[$name]);
        }
    }

    /** @return bool True if the stream was kept from an earlier exchange. */
    private function open(Deadline $deadline): bool
    {
        if (!is_resource($this->stream)) {
            // PHP may have a persistent stream, and has then checked that its other end is open.
            $this->connect($deadline);
        }
        $mark = $this->mark(self::BUSY);
        if ($mark === self::UNMARKED) {
            return false;
        }
        if ($mark === getmypid() * 4 + self::IDLE && $this->probeSilence()) {
            return true;
        }
        $this->reopen($deadline);
        return false;
    }

    private function reopen(Deadline $deadline): void
    {
        $this->close();
        $this->connect($deadline);
        $this->mark(self::BUSY);
    }

    private function connect(Deadline $deadline): void
    {
        $context = stream_context_create([
            'socket' => ['tcp_nodelay' => true],
            'ssl' => ['verify_peer' => true, 'verify_peer_name' => true, 'disable_compression' => true]
                + ($this->caFile === null ? [] : ['cafile' => $this->caFile]),
        ]);
        $flags = STREAM_CLIENT_CONNECT | ($this->persistent ? STREAM_CLIENT_PERSISTENT : 0);
        $errors = [];
        // The last of PHP's messages only refers to the earlier ones.
        set_error_handler(function (int $level, string $message) use (&$errors): bool {
            $errors[] = preg_replace('/^stream_socket_client\(\): /', '', $message);
            return true;
        });
        try {
            do {
                if ($deadline->hasPassed()) {
                    throw $this->away('cannot be reached in time');
                }
                // PHP takes this time once to connect, and once more for the handshake of TLS.
                $seconds = $deadline->left() / ($this->address->isSecure ? 2 : 1);
                $stream = stream_socket_client($this->name, $code, $error, $seconds, $flags, $context);
                // Many workers connect at once: there is room as soon as the server accepts.
            } while ($stream === false && $code === self::QUEUE_FULL && usleep(1000) === null);
        } finally {
            restore_error_handler();
        }
        if ($stream === false) {
            throw $this->away('cannot be reached: ' . ($error !== '' ? $error : trim($errors[0] ?? 'nobody says why')));
        }
        // Nothing is read ahead; so the chunk size, which has no other use, is free for the mark.
        stream_set_read_buffer($stream, 0);
        $this->stream = $stream;
    }

    /**
     * Marks the stream as this process's, in this state.
     *
     * @return int The mark before.
     */
    private function mark(int $state): int
    {
        return stream_set_chunk_size($this->stream, getmypid() * 4 + $state);
    }

    /** Tries to read a byte. True if nothing has arrived since the last response, not even the end of the stream. */
    private function probeSilence(): bool
    {
        // With 0 microseconds a stream with TLS would wait for ever.
        stream_set_timeout($this->stream, 0, 1);
        return (string) @fread($this->stream, 1) === '' && !stream_get_meta_data($this->stream)['eof'];
    }

    private function exchangeOnce(string $request, Deadline $deadline): HttpResponse
    {
        $keep = false;
        try {
            $whole = $this->write($request, $deadline);
            $response = $this->read($deadline);
            $keep = $whole && $response->keepAlive;
            return $response;
        } finally {
            // On every path: an exception may even come from the handler of a signal.
            $keep ? $this->mark(self::IDLE) : $this->close();
        }
    }

    /** @return bool False if the other end did not take all of it; it may have sent a response that says why. */
    private function write(string $request, Deadline $deadline): bool
    {
        for ($at = 0, $length = strlen($request); $at < $length; $at += (int) $written) {
            $this->limitWait($deadline);
            $written = @fwrite($this->stream, substr($request, $at, self::SLICE_BYTES));
            if (!$written && !stream_get_meta_data($this->stream)['timed_out']) {
                return false;
            }
            if ($at + $written < $length && $deadline->hasPassed()) {
                throw $this->away('did not take the message in time');
            }
        }
        return true;
    }

    private function read(Deadline $deadline): HttpResponse
    {
        $parser = new HttpResponseParser($this->address->shown);
        for ($want = self::FIRST_READ;; $want = self::NEXT_READ) {
            $this->limitWait($deadline);
            $bytes = (string) @fread($this->stream, $want);
            if ($bytes === '' && stream_get_meta_data($this->stream)['eof']) {
                throw new ConnectionLost();
            }
            $response = $parser->feed($bytes);
            if ($response !== null) {
                return $response;
            }
            if ($deadline->hasPassed()) {
                throw $this->away('did not answer in time');
            }
        }
    }

    /** Limits the wait of the next read or write to one slice of the time that is left. */
    private function limitWait(Deadline $deadline): void
    {
        // PHP would take less than a millisecond as none at all.
        $seconds = max(0.001, min($deadline->left(), self::SLICE_SECONDS));
        stream_set_timeout($this->stream, 0, (int) ($seconds * 1e6));
    }

    private function close(): void
    {
        if (is_resource($this->stream)) {
            fclose($this->stream);
        }
        $this->stream = null;
    }

    private function away(string $what): ServerAwayException
    {
        return new ServerAwayException("{$this->address->shown} $what");
    }
}
