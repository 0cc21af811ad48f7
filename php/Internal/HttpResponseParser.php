<?php

declare(strict_types=1);

namespace Ferrite\Internal;

use Ferrite\ServerAwayException;

/**
 * Parses one HTTP/1.1 response. It accepts only the form that a control API sends: without a Content-Length, for
 * example, a response is refused.
 */
final class HttpResponseParser
{
    private const MAX_HEAD = 16 * 1024;
    private const MAX_BODY = 16 * 1024 * 1024;

    private string $bytes = '';
    private int $bodyAt = 0;
    private int $length = 0;
    private int $status = 0;
    private bool $keepAlive = true;

    /** @param string $from Server's address, for error messages. */
    public function __construct(private readonly string $from)
    {
    }

    /**
     * Takes the next bytes.
     *
     * @return HttpResponse|null null = the response is incomplete.
     *
     * @throws ServerAwayException The bytes are no response of a control API.
     */
    public function feed(string $bytes): ?HttpResponse
    {
        $this->bytes .= $bytes;
        if ($this->bodyAt === 0 && !$this->readHead()) {
            return null;
        }
        $excess = strlen($this->bytes) - $this->bodyAt - $this->length;
        if ($excess < 0) {
            return null;
        }
        // Bytes after a complete response belong to no request.
        $body = substr($this->bytes, $this->bodyAt, $this->length);
        return new HttpResponse($this->status, $body, $this->keepAlive && $excess === 0);
    }

    /** Reads status and headers once they are complete; false before. */
    private function readHead(): bool
    {
        // The bytes so far: a peer that begins differently is refused at once.
        $known = substr('HTTP/1.1 ', 0, strlen($this->bytes));
        if (strncmp($this->bytes, $known, strlen($known)) !== 0) {
            throw $this->malformed('it does not begin as HTTP/1.1');
        }
        $end = strpos($this->bytes, "\r\n\r\n");
        if (($end === false ? strlen($this->bytes) : $end) > self::MAX_HEAD) {
            throw $this->malformed('its headers are too long');
        }
        if ($end === false) {
            return false;
        }
        $lines = explode("\r\n", substr($this->bytes, 0, $end));
        if (preg_match('/^HTTP\/1\.1 ([2-5]\d\d)(?: |$)/D', $lines[0], $found) !== 1) {
            throw $this->malformed('it has no status');
        }
        $this->status = (int) $found[1];
        $length = null;
        foreach (array_slice($lines, 1) as $line) {
            [$name, $value] = explode(':', $line, 2) + [1 => ''];
            $value = trim($value, " \t");
            switch (strtolower($name)) {
                case 'content-length':
                    if ($length !== null || preg_match('/^\d{1,9}$/D', $value) !== 1) {
                        throw $this->malformed('its length is not one number');
                    }
                    $length = (int) $value;
                    break;
                case 'transfer-encoding':
                    throw $this->malformed('it has a Transfer-Encoding');
                case 'connection':
                    $this->keepAlive = strcasecmp($value, 'close') !== 0;
                    break;
            }
        }
        if ($length === null) {
            throw $this->malformed('it has no Content-Length');
        }
        if ($length > self::MAX_BODY) {
            throw $this->malformed("it has $length bytes");
        }
        $this->length = $length;
        $this->bodyAt = $end + 4;
        return true;
    }

    private function malformed(string $why): ServerAwayException
    {
        return new ServerAwayException("{$this->from} does not answer as a control API does: $why");
    }
}
