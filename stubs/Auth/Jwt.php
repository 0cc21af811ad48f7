<?php

declare(strict_types=1);

namespace Ferrite\Auth;

use Ferrite\ConfigurationException;

/**
 * Lets in clients that bring a JSON Web Token (RFC 7519), for the option `auth` of {@see \Ferrite\Server}.
 *
 * The token is looked for in the header `Authorization: Bearer …`, then in a query parameter, then in a cookie, if one
 * is named. It is checked before PHP is entered: signature, expiry, audience, issuer. A client without a good one is
 * told 401. Which algorithms are accepted depends on the key alone: HS256, HS384 and HS512 with a secret that is long
 * enough for them, those of its kind with a public key; the token's `alg` has to be one of these.
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
     * @param string|null $secret Shared with the issuer, at least 32 bytes: HS256; from 48 bytes on HS384, from 64
     *     HS512 too. One of `secret`, `publicKey` and `jwks` has to be given.
     * @param string|null $publicKey A public key: RSA of 2048–8192 bits (RS256, RS384, RS512, PS256, PS384, PS512), P-256
     *     (ES256), P-384 (ES384), P-521 (ES512), secp256k1 (ES256K) or Ed25519 (EdDSA). The name of a PEM file, or the
     *     PEM itself.
     * @param string|null $jwks A file with a JSON Web Key Set. The token's `alg` and `kid` choose among its keys of these
     *     kinds; others in it are left out. Of several that fit, each may have signed.
     * @param string|list<string>|null $audience The token must name one of these (`aud`). null = it must name none;
     *     an empty list is refused.
     * @param string|null $issuer The token must be by this one (`iss`). null = by whoever has the key.
     * @param string|null $userClaim Claim that becomes {@see Identity::$user}: a string, or an int. null = none.
     * @param string|null $topicsClaim Claim with topics to join: a list of strings and ints, or one
     *     string. null = none.
     * @param string|null $tagsClaim Claim with tags to have: an object of strings and ints; an empty list is
     *     none, and so is a null in it. null = none.
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
