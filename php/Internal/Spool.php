<?php

declare(strict_types=1);

namespace Ferrite\Internal;

use Ferrite\Flushed;
use Ferrite\PublisherException;
use Ferrite\RefusedException;
use Ferrite\SpoolException;

/**
 * Messages that wait for a server, in a file. Its first line has the offset of the first unsent message; each further
 * line is a message in JSON, appended under a lock. Once all are sent the file is emptied.
 *
 * There are two locks, so that a process that only appends never waits for the network: one on the file itself, to
 * append and to empty it, and one on `FILE.lock`, for the process that sends. After each message the first line is
 * rewritten, in one write of fixed length. A process that is killed before that leaves a message that is sent again,
 * with the same id; a process that is killed while it appends leaves half a line, which is skipped.
 */
final class Spool
{
    private const HEAD = '{"sent":%20d}' . "\n";
    private const HEAD_LENGTH = 30;
    /**
     * Pause of all processes after a missed deadline, so that not every page waits for one. File times are whole
     * seconds, so the pause takes 1 to 2 s.
     */
    private const BACKOFF_SECONDS = 2;

    public function __construct(private readonly string $file, private readonly int $maxBytes)
    {
    }

    public function isEmpty(): bool
    {
        clearstatcache(true, $this->file);
        return !@filesize($this->file);
    }

    /** True for a short time after a missed deadline. */
    public function isBackingOff(): bool
    {
        clearstatcache(true, "$this->file.lock");
        return (int) @filemtime("$this->file.lock") > time();
    }

    /** Begins the pause after a missed deadline. */
    public function backOff(): void
    {
        $this->open("$this->file.lock", 'c');
        @touch("$this->file.lock", time() + self::BACKOFF_SECONDS);
    }

    /**
     * Appends a message.
     *
     * @param \Throwable|null $reason Reason for spooling it; becomes the previous exception if that fails.
     *
     * @throws SpoolException The file is full, cannot be written, or is no spool.
     */
    public function append(SpooledMessage $message, ?\Throwable $reason = null): void
    {
        $file = $this->open($this->file, 'c+');
        flock($file, LOCK_EX);
        $size = fstat($file)['size'];
        $this->readHead($file);
        if ($size < self::HEAD_LENGTH) {
            // A new file, or one whose creator was killed before it wrote a message.
            ftruncate($file, $size = 0);
            $text = sprintf(self::HEAD, self::HEAD_LENGTH);
        } else {
            fseek($file, -1, SEEK_END);
            // A line break after half a line separates it from the next message.
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
     * Sends the waiting messages, in order, until the deadline passes or so many are done. Returns at once if another
     * process is sending them.
     *
     * @param \Closure(SpooledMessage): void $send
     * @param Deadline|null $deadline null = no limit of time.
     * @param int $messages Most messages to send or reject.
     *
     * @throws SpoolException The file cannot be used.
     */
    public function flush(\Closure $send, ?Deadline $deadline = null, int $messages = PHP_INT_MAX): Flushed
    {
        $sent = $rejected = 0;
        $reason = null;
        $mayContinue = function () use (&$sent, &$rejected, &$reason, $messages, $deadline): bool {
            return $sent + $rejected < $messages && $reason === null && $deadline?->hasPassed() !== true;
        };
        // Repeat, since other processes leave messages that they append under this lock to this process.
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
            // Release the lock and the streams before the next check.
            unset($lock, $file, $reader);
        }
        return new Flushed($sent, $rejected, $this->isEmpty(), $reason);
    }

    /**
     * @param resource $file Stream for the head.
     * @param resource $reader Another stream of the same file, since each write discards the data read ahead.
     *
     * @return string|null null = there was no further message, and the file is empty now.
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
        // The end, unless another process appends right now. The lock excludes that.
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

    /** Moves a refused message to another file, so that it does not block the later ones. */
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
     * @return int Offset of the first unsent message.
     *
     * @throws SpoolException The file is no spool.
     */
    private function readHead($file): int
    {
        fseek($file, 0);
        $head = (string) fread($file, self::HEAD_LENGTH);
        // Empty, or the beginning of the first head. Any other short file belongs to another program.
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
        // Other users must not read messages.
        $umask = umask(0077);
        $stream = @fopen($name, $mode);
        umask($umask);
        return $stream !== false ? $stream : throw new SpoolException("spool: $name cannot be opened");
    }
}
