<?php

declare(strict_types=1);

namespace Ferrite\Internal;

/** Address of a control API, with the credentials for it. */
final class Address
{
    private const MIN_SECRET_BYTES = 16;
    /** `sun_path` of Linux, without its final NUL. */
    private const MAX_PATH_BYTES = 107;
    private const MAX_PORT = 65535;

    private function __construct(
        /** For `stream_socket_client()`. */
        public readonly string $transport,
        /** For the `Host` header; the certificate's name if there is TLS. */
        public readonly string $host,
        /** For messages: without key and secret. */
        public readonly string $shown,
        public readonly bool $isSecure = false,
        public readonly ?Signer $signer = null,
    ) {
    }

    /** @throws \ValueError The text is no address; the message contains nothing of it. */
    public static function parse(#[\SensitiveParameter] string $dsn): self
    {
        if (str_starts_with($dsn, 'unix://')) {
            return self::unix(substr($dsn, strlen('unix://')));
        }
        $parts = '~^(https?)://([^:@/?#]+):([^:@/?#]+)@([^:@/?#\[\]]+|\[[0-9a-fA-F:.]+\]):(\d{1,5})/?$~D';
        if (preg_match($parts, $dsn, $found) !== 1) {
            throw new \ValueError(
                'dsn has to be unix:///path, http://key:secret@host:port or https://key:secret@host:port,'
                . ' with reserved characters in key and secret percent-encoded'
            );
        }
        [, $scheme, $key, $secret, $host, $port] = $found;
        $key = rawurldecode($key);
        $secret = rawurldecode($secret);
        if (preg_match('/^[\x21-\x7e]+$/D', $key) !== 1) {
            throw new \ValueError('dsn: the key has to be printable ASCII without spaces');
        }
        if (strlen($secret) < self::MIN_SECRET_BYTES) {
            throw new \ValueError(sprintf('dsn: the secret has to have at least %d bytes', self::MIN_SECRET_BYTES));
        }
        if ((int) $port < 1 || (int) $port > self::MAX_PORT) {
            throw new \ValueError('dsn: there is no such port');
        }
        $secure = $scheme === 'https';
        return new self(
            ($secure ? 'tls' : 'tcp') . "://$host:$port",
            "$host:$port",
            "$scheme://$host:$port",
            $secure,
            new Signer($key, $secret),
        );
    }

    private static function unix(string $path): self
    {
        // PHP would truncate a longer path, and connect to the wrong socket.
        if (!str_starts_with($path, '/') || strlen($path) > self::MAX_PATH_BYTES || str_contains($path, "\0")) {
            $most = self::MAX_PATH_BYTES;
            throw new \ValueError("dsn: unix:// needs an absolute path of at most $most bytes");
        }
        return new self("unix://$path", 'ferrite', "unix://$path");
    }
}
