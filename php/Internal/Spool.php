<?php

declare(strict_types=1);

namespace Ferrite\Internal;

use Ferrite\Flushed;
use Ferrite\PublisherException;
use Ferrite\RefusedException;
use Ferrite\SpoolException;

/**
 * Messages that wait for a server, in a file: a line that says where those begin that were not sent yet, then a line of
 * JSON for each, appended under a lock. When all were sent the file is emptied.
 *
 * Two locks, so that nobody who only appends ever waits for the network: the file itself is locked to append and to
 * empty it, `FILE.lock` by whoever sends. After each message the first line is written anew, in one write of fixed
 * length. A process that is killed in between leaves a message that is sent again, with the same id; one that is killed
 * while it appends leaves half a line, which is skipped.
 */
final class Spool
{
    private const HEAD = '{"sent":%20d}' . "\n";
    private const HEAD_LENGTH = 30;
    /** How long nobody tries again after a deadline, so that not every page waits for one: 1 to 2 s. */
    private const BACKOFF_SECONDS = 2;

    public function __construct(private readonly string $file, private readonly int $maxBytes)
    {
    }

    public function isEmpty(): bool
    {
        clearstatcache(true, $this->file);
        return !@filesize($this->file);
    }

    /** Whether a deadline has just passed in vain. */
    public function isBackingOff(): bool
    {
        clearstatcache(true, "$this->file.lock");
        return (int) @filemtime("$this->file.lock") > time();
    }

    public function backOff(): void
    {
        $this->open("$this->file.lock", 'c');
        @touch("$this->file.lock", time() + self::BACKOFF_SECONDS);
    }

    /**
     * @param \Throwable|null $reason Why it is spooled; for the exception if that fails too.
     *
     * @throws SpoolException
     */
    public function append(SpooledMessage $message, ?\Throwable $reason = null): void
    {
        $file = $this->open($this->file, 'c+');
        flock($file, LOCK_EX);
        $size = fstat($file)['size'];
        $this->readHead($file);
        if ($size < self::HEAD_LENGTH) {
            // New, or whoever made it was killed before there was a message in it.
            ftruncate($file, $size = 0);
            $text = sprintf(self::HEAD, self::HEAD_LENGTH);
        } else {
            fseek($file, -1, SEEK_END);
            // Half a line is ended, so that it can be told from the next.
            $text = fgetc($file) === "\n" ? '' : "\n";
        }
        $text .= $message->toLine();
        if ($size + strlen($text) > $this->maxBytes) {
            throw new SpoolException("spool: $this->file is full: it may have $this->maxBytes bytes", 0, $reason);
        }
        fseek($file, $size);
        if (@fwrite($file, $text) !== strlen($text)) {
            ftruncate($file, $size);
            throw new SpoolException("spool: $this->file cannot be written; is the disk full?", 0, $reason);
        }
    }

    /**
     * Sends what waits, in order, until the time is up or so many are done. Returns at once if another process is at
     * it.
     *
     * @param \Closure(SpooledMessage): void $send
     *
     * @throws SpoolException
     */
    public function flush(\Closure $send, ?Deadline $deadline = null, int $messages = PHP_INT_MAX): Flushed
    {
        $sent = $rejected = 0;
        $reason = null;
        $mayContinue = function () use (&$sent, &$rejected, &$reason, $messages, $deadline): bool {
            return $sent + $rejected < $messages && $reason === null && $deadline?->hasPassed() !== true;
        };
        // Again and again: who appended while this process had the lock has left it to this process.
        while (!$this->isEmpty() && $mayContinue()) {
            $lock = $this->open("$this->file.lock", 'c');
            if (!flock($lock, LOCK_EX | LOCK_NB)) {
                break;
            }
            $file = $this->open($this->file, 'c+');
            $reader = $this->open($this->file, 'r');
            $at = $this->readHead($file);
            while ($mayContinue() && ($line = $this->nextLine($file, $reader, $at)) !== null) {
                try {
                    $message = SpooledMessage::fromLine($line);
                    if ($message !== null) {
                        $send($message);
                        $sent++;
                    }
                } catch (RefusedException $e) {
                    $this->reject($message, $e);
                    $rejected++;
                } catch (PublisherException $e) {
                    $reason = $e;
                    break;
                }
                $at += strlen($line);
                fseek($file, 0);
                fwrite($file, sprintf(self::HEAD, $at));
            }
            // All are let go of before it is looked once more.
            unset($lock, $file, $reader);
        }
        return new Flushed($sent, $rejected, $this->isEmpty(), $reason);
    }

    /**
     * @param resource $file
     * @param resource $reader The same file, for what is read ahead would be lost with each write.
     *
     * @return string|null null = that was all, and the file is empty now.
     */
    private function nextLine($file, $reader, int $at): ?string
    {
        if (ftell($reader) !== $at) {
            fseek($reader, $at);
        }
        $line = fgets($reader);
        if ($line !== false && str_ends_with($line, "\n")) {
            return $line;
        }
        // The end, unless somebody appends just now. With the lock nobody does.
        flock($file, LOCK_EX);
        try {
            fseek($reader, $at);
            $line = fgets($reader);
            if ($line !== false && str_ends_with($line, "\n")) {
                return $line;
            }
            ftruncate($file, 0);
            return null;
        } finally {
            flock($file, LOCK_UN);
        }
    }

    /** What will never be sent must not keep the others from it. */
    private function reject(SpooledMessage $message, RefusedException $why): void
    {
        $name = "$this->file.rejected";
        clearstatcache(true, $name);
        if ((int) @filesize($name) > $this->maxBytes) {
            rename($name, "$name.old");
        }
        $line = $message->toLine(['error' => $why->error, 'message' => $why->getMessage()]);
        if (@fwrite($this->open($name, 'a'), $line) !== strlen($line)) {
            throw new SpoolException("spool: $name cannot be written; is the disk full?");
        }
    }

    /**
     * @param resource $file
     *
     * @return int Where those begin that were not sent yet.
     *
     * @throws SpoolException It is no spool.
     */
    private function readHead($file): int
    {
        fseek($file, 0);
        $head = (string) fread($file, self::HEAD_LENGTH);
        // Empty, or the beginning of the first head. Any other short file is somebody else's.
        if (strlen($head) < self::HEAD_LENGTH && str_starts_with(sprintf(self::HEAD, self::HEAD_LENGTH), $head)) {
            return self::HEAD_LENGTH;
        }
        if (preg_match('/^\{"sent": *(\d+)\}\n$/D', $head, $found) !== 1) {
            throw new SpoolException("spool: $this->file is not the spool of a publisher");
        }
        return (int) $found[1];
    }

    /** @return resource */
    private function open(string $name, string $mode)
    {
        // Messages are nobody else's business.
        $umask = umask(0077);
        $stream = @fopen($name, $mode);
        umask($umask);
        return $stream !== false ? $stream : throw new SpoolException("spool: $name cannot be opened");
    }
}
