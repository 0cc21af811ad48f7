<?php

declare(strict_types=1);

namespace Ferrite;

/**
 * The HTTP request with which a client connected, or that {@see Server::onRequest()} answers.
 *
 * Its content is untrusted: header values are bytes, not necessarily UTF-8.
 *
 * Only the server makes requests; they are neither cloneable nor serialisable.
 */
final class Request
{
    /** `GET`, `HEAD`, `POST`, `PUT`, `PATCH`, `DELETE` or `OPTIONS`; `GET` for a WebSocket handshake. */
    public readonly string $method;

    /** The path as the client sent it, not decoded: `/chat`. */
    public readonly string $path;

    /** The part after the `?`, not decoded; empty if there is none. */
    public readonly string $queryString;

    /**
     * The client's IP address without a port; behind a PROXY header or a trusted proxy, the address that these report.
     * Empty for a client of a Unix socket.
     */
    public readonly string $remoteAddress;

    /** True if the client speaks TLS, to this server or to a trusted proxy that says so. */
    public readonly bool $secure;

    /**
     * The certificate that the client has proved to own, in PEM form as `openssl_x509_parse()` takes it; null unless
     * {@see Tls::$clientCa} demands one.
     */
    public readonly ?string $clientCertificate;

    private function __construct() {}

    /**
     * The query string, decoded as PHP decodes `$_GET`.
     *
     * @return array<int|string, mixed>
     */
    public function query(): array {}

    /**
     * One header; several of the same name are joined by `, `. Null if there is none.
     *
     * @param string $name In any case.
     */
    public function header(string $name): ?string {}

    /**
     * All headers in the order of their first appearance, by lower-case name.
     *
     * @return array<array-key, list<string>> PHP makes an int of a name that is a decimal number.
     */
    public function headers(): array {}

    /**
     * Cookies by name, values decoded as PHP decodes `$_COOKIE`; the first of a name counts.
     *
     * @return array<array-key, string> PHP makes an int of a name that is a decimal number.
     */
    public function cookies(): array {}

    /**
     * The subprotocols that the client offers, in its order.
     *
     * @return list<string>
     */
    public function protocols(): array {}

    /** The body, with its chunks joined; empty if there is none. */
    public function body(): string {}
}
