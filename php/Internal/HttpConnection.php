<?php

declare(strict_types=1);

namespace Ferrite\Internal;

use Ferrite\ServerAwayException;

/**
 * One connection to a control API, kept between calls and, if it is persistent, between the pages of an FPM worker: one
 * request, one answer, then the next.
 *
 * Nobody may ever get another's answer. A page can end in the middle of an exchange (a time limit, `exit()`), and the
 * answer then arrives while the next page runs; a child after `pcntl_fork()` has its parent's connection. So each
 * stream bears a mark: whose it is, and whether it rests. It rests only after a whole answer and nothing behind it; a
 * stream that does not, or is another process's, or has bytes to read before anything was asked, is closed.
 *
 * The stream blocks and PHP waits by poll(): `stream_select()` fails in a process that has more than 1024 descriptors,
 * as one that runs a server may.
 */
final class HttpConnection
{
    /** At most so long in one system call: a signal begins PHP's wait anew, and must not prolong it for ever. */
    private const SLICE_SECONDS = 0.02;
    /** At most so much in one `fwrite()`, which waits for all of it. */
    private const SLICE_BYTES = 256 * 1024;
    /** Most answers are a few dozen bytes; memory for a long one is taken when there is one. */
    private const FIRST_READ = 8192;
    private const NEXT_READ = 256 * 1024;
    /** What the chunk size of a new stream is. The marks are never divisible by four. */
    private const UNMARKED = 8192;
    private const BUSY = 1;
    private const IDLE = 2;
    /** `EAGAIN` of Linux: the queue of a Unix socket is full. */
    private const QUEUE_FULL = 11;

    /** @var array<string, true> Where an exchange is under way in this process. */
    private static array $busy = [];

    /** @var resource|null */
    private $stream = null;
    private readonly string $name;

    public function __construct(
        private readonly Address $address,
        private readonly bool $persistent,
        private readonly ?string $caFile,
    ) {
        // PHP knows persistent streams by this name, and ignores what stands behind a port: connections that were
        // checked against different authorities are not the same.
        $this->name = $address->transport . ($address->isSecure ? '/' . sha1($caFile ?? '') : '');
    }

    /** @throws ServerAwayException */
    public function exchange(string $request, Deadline $deadline): HttpResponse
    {
        $name = $this->persistent ? $this->name : (string) spl_object_id($this);
        if (isset(self::$busy[$name])) {
            // A signal's handler publishes in the middle of an exchange.
            return (new self($this->address, false, $this->caFile))->exchange($request, $deadline);
        }
        self::$busy[$name] = true;
        try {
            if ($this->open($deadline)) {
                try {
                    return $this->exchangeOnce($request, $deadline);
                } catch (ConnectionLost) {
                    // It was closed just when it was needed again. To ask anew is safe: what changes anything has an
                    // id.
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

    /** @return bool Whether it was kept from an earlier exchange. */
    private function open(Deadline $deadline): bool
    {
        if (!is_resource($this->stream)) {
            // If it is persistent, PHP may have one, and has looked whether its other end is open.
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
        // The last of PHP's messages only says that there were others.
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
                // A crowd of workers, all new: there is room as soon as the server looks.
            } while ($stream === false && $code === self::QUEUE_FULL && usleep(1000) === null);
        } finally {
            restore_error_handler();
        }
        if ($stream === false) {
            throw $this->away('cannot be reached: ' . ($error !== '' ? $error : trim($errors[0] ?? 'nobody says why')));
        }
        // Nothing is read ahead; and the chunk size, which is for that, is free for the mark.
        stream_set_read_buffer($stream, 0);
        $this->stream = $stream;
    }

    /** @return int The mark that it had. */
    private function mark(int $state): int
    {
        return stream_set_chunk_size($this->stream, getmypid() * 4 + $state);
    }

    /** Whether nothing has come since the last answer, not even the end. */
    private function probeSilence(): bool
    {
        // With 0 a stream with TLS would wait for ever.
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
            // Whatever happened: an exception may even come from a signal's handler.
            $keep ? $this->mark(self::IDLE) : $this->close();
        }
    }

    /** @return bool Whether the other end took it all; if not, it may have said why. */
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
        for ($want = self::FIRST_READ; ; $want = self::NEXT_READ) {
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

    private function limitWait(Deadline $deadline): void
    {
        // Less than a millisecond would be none at all for PHP.
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
