<?php

declare(strict_types=1);

namespace Ferrite\Internal;

/**
 * A key and its secret.
 *
 * The secret is no property: it would be in what `var_export()`, an array cast or an error page shows of whatever holds
 * this.
 */
final class Signer
{
    /** @var \WeakMap<self, string>|null */
    private static ?\WeakMap $secrets = null;

    public function __construct(private readonly string $key, #[\SensitiveParameter] string $secret)
    {
        self::$secrets ??= new \WeakMap();
        self::$secrets[$this] = $secret;
    }

    /** The headers that sign a request. */
    public function headers(string $method, string $path, string $id, string $body): string
    {
        $now = time();
        $signature = hash_hmac('sha256', "$method\n$path\n$now\n$id\n$body", self::$secrets[$this]);
        return "Ferrite-Key: {$this->key}\r\nFerrite-Timestamp: $now\r\nFerrite-Signature: $signature\r\n";
    }
}
