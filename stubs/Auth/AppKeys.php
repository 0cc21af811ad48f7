<?php

declare(strict_types=1);

namespace Ferrite\Auth;

use Ferrite\ConfigurationException;

/**
 * Authenticates applications by key and secret, for the option `auth` of {@see \Ferrite\Server}.
 *
 * A client sends both in the query parameters `key` and `secret`, as clients of Gomoob's server do, or in the header
 * `Authorization: Basic …`. The key becomes {@see \Ferrite\Connection::$user}. Secrets are compared in constant time,
 * and a secret in the query is made unreadable in {@see \Ferrite\Request::$queryString}.
 *
 * For other servers and for programs, not for pages: visitors of a page can read its secrets.
 *
 * ```php
 * $server = new Ferrite\Server(auth: new Ferrite\Auth\AppKeys(['billing' => getenv('BILLING_SECRET')]));
 * ```
 *
 * Immutable; no dump, export or stack trace shows a secret. Neither cloneable nor serialisable.
 */
final class AppKeys
{
    /**
     * @param array<array-key, string> $secrets The secret of each key; a key has no colon.
     *
     * @throws ConfigurationException The array is empty, or a key or a secret is.
     */
    public function __construct(
        #[\SensitiveParameter]
        array $secrets,
    ) {}

    /**
     * Reads the YAML file of Gomoob's server, once:
     *
     * ```yaml
     * applications:
     *   - key: application1
     *     secret: 7Uxk2…
     *     authorizeOpen: true    # may open a connection with its key alone
     * ```
     *
     * All three fields are needed. A secret that looks like a number has to be in quotes.
     *
     * @throws ConfigurationException The file cannot be read or does not have this form; the message names the file and
     *     the number of the application, and nothing of the file's content.
     */
    public static function fromFile(string $file): AppKeys {}
}
