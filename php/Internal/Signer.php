<?php

declare(strict_types=1);

namespace Ferrite\Internal;

/**
 * Signs requests with a key and its secret.
 *
 * The secret is no property, since `var_export()`, an array cast or an error page would show it with the object that
 * holds this one.
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

    /** Headers that sign a request. */
    public function headers(string $method, string $path, string $id, string $body): string
    {
        $now = time();
        $signature = hash_hmac('sha256', "$method\n$path\n$now\n$id\n$body", self::$secrets[$this]);
        return "Ferrite-Key: {$this->key}\r\nFerrite-Timestamp: $now\r\nFerrite-Signature: $signature\r\n";
    }
}
