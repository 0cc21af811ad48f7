<?php

declare(strict_types=1);

namespace Ferrite\Auth;

use Ferrite\ConfigurationException;

/**
 * Lets in clients that bring a JSON Web Token (RFC 7519), for the option `auth` of {@see \Ferrite\Server}.
 *
 * The token is looked for in the header `Authorization: Bearer …`, then in a query parameter, then in a cookie, if one
 * is named. It is checked before PHP is entered: signature, expiry, audience, issuer. A client without a good one is
 * told 401. Which algorithm is used depends on the key alone: HS256 with a secret, RS256 or ES256 with a public key,
 * never on what the token says.
 *
 * Files are read here, so that a wrong one is found where it is named, and again within some seconds of a change. One
 * that cannot be used then is logged, and the keys before stay in use.
 *
 * ```php
 * $server = new Ferrite\Server(auth: new Ferrite\Auth\Jwt(
 *     publicKey: '/app/config/jwt/public.pem',
 *     audience: 'chat',
 *     issuer: 'https://login.example',
 * ));
 * ```
 *
 * Immutable; no dump, export or stack trace shows the secret. Neither cloneable nor serialisable.
 */
final class Jwt
{
    /**
     * @param string|null $secret Shared with the issuer, at least 32 bytes: HS256. One of `secret`, `publicKey` and
     *     `jwks` has to be given.
     * @param string|null $publicKey A public key, RSA (RS256, 2048–8192 bits) or P-256 (ES256): the name of a PEM file,
     *     or the PEM itself.
     * @param string|null $jwks A file with a JSON Web Key Set. The token's `kid` chooses among its RSA and P-256 keys;
     *     others in it are left out.
     * @param string|list<string>|null $audience The token must name one of these (`aud`). null = it must name none;
     *     an empty list is refused.
     * @param string|null $issuer The token must be by this one (`iss`). null = by whoever has the key.
     * @param string|null $userClaim Claim that becomes {@see Identity::$user}: a string, or an int. null = none.
     * @param string|null $topicsClaim Claim with topics to join: a list of strings. null = none.
     * @param string|null $tagsClaim Claim with tags to have: an object of strings and ints. null = none.
     * @param string|null $queryParameter Where browsers send the token, which cannot set headers. Its value is made
     *     unreadable in {@see \Ferrite\Request::$queryString} afterwards. null = not there.
     * @param string|null $cookie Where it may also be; the check of `origins` keeps other sites from using it.
     *     null = not there.
     * @param float $leeway Seconds by which the issuer's clock may differ, at most 600.
     * @param bool $requireExpiry Whether a token without `exp` is refused.
     * @param bool $closeOnExpiry Whether the connection is closed when the token expires, with 3000
     *     ({@see \Ferrite\CloseCode::Unauthorized}). Otherwise the token matters at the handshake only.
     *
     * @throws ConfigurationException On every wrong value; the message names the option and the file, never the secret.
     */
    public function __construct(
        #[\SensitiveParameter]
        ?string $secret = null,
        #[\SensitiveParameter]
        ?string $publicKey = null,
        ?string $jwks = null,
        string|array|null $audience = null,
        ?string $issuer = null,
        ?string $userClaim = 'sub',
        ?string $topicsClaim = 'topics',
        ?string $tagsClaim = 'tags',
        ?string $queryParameter = 'token',
        ?string $cookie = null,
        float $leeway = 30.0,
        bool $requireExpiry = true,
        bool $closeOnExpiry = true,
    ) {}
}
