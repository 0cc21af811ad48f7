<?php

declare(strict_types=1);

namespace Ferrite;

/**
 * The answer to an HTTP request, see {@see Server::onRequest()}.
 *
 * The server adds `Content-Length` and `Connection: close`, and `Content-Type: text/plain; charset=utf-8` unless the
 * headers name another. The body is not sent in answer to a HEAD request.
 */
final class Response
{
    /**
     * @param string $body Any bytes.
     * @param int $status 200–599.
     * @param array<string, string|list<string>> $headers By name.
     *
     * @throws \ValueError The status is out of range; a header has an invalid name, contains CR, LF or NUL,
     *     or is one that the server itself sets (Content-Length, Transfer-Encoding, Connection, Upgrade).
     */
    public function __construct(
        public readonly string $body = '',
        public readonly int $status = 200,
        public readonly array $headers = [],
    ) {}

    /**
     * A value as `application/json`.
     *
     * @param int $status 200–599.
     *
     * @throws \JsonException The value cannot be encoded.
     * @throws \ValueError The status is out of range.
     * @throws StateException `json_encode()` is disabled in this PHP.
     */
    public static function json(mixed $data, int $status = 200): Response {}

    /**
     * A redirect to another URL.
     *
     * @param string $to A URL, or a path on this server.
     * @param int $status 300–399.
     *
     * @throws \ValueError The URL is empty, or has spaces, control characters or bytes outside ASCII; the status is out
     *     of range.
     */
    public static function redirect(string $to, int $status = 302): Response {}
}
