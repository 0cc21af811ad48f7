<?php

declare(strict_types=1);

namespace Ferrite\Auth;

use Ferrite\ConfigurationException;

/**
 * Authenticates clients by JSON Web Token (RFC 7519), for the option `auth` of {@see \Ferrite\Server}.
 *
 * The server looks for the token in the header `Authorization: Bearer …`, then in a query parameter, then in a cookie,
 * if one is named. It checks the token before PHP is entered: signature, expiry, audience, issuer. A client without a
 * valid token is answered 401. The key alone decides which algorithms are accepted: HS256, HS384 and HS512 with a
 * secret that is long enough for them, those of its kind with a public key; the token's `alg` has to be one of these.
 *
 * The constructor reads the files, so that an error shows in the line that names the file. The server reads them again
 * within some seconds of a change. If a changed file cannot be used, the server logs that, and the keys before stay in
 * use.
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
     * @param string|null $publicKey A public key: RSA of 2048–8192 bits (RS256, RS384, RS512, PS256, PS384, PS512),
     *     P-256 (ES256), P-384 (ES384), P-521 (ES512), secp256k1 (ES256K) or Ed25519 (EdDSA). The name of a PEM file,
     *     or the PEM itself.
     * @param string|null $jwks A file with a JSON Web Key Set. The token's `alg` and `kid` choose among its keys of
     *     these kinds; other keys in it are skipped. If several fit, any of them may have signed.
     * @param string|list<string>|null $audience The token must name one of these (`aud`). null = it must name none; an
     *     empty list is refused.
     * @param string|null $issuer The token must name this issuer (`iss`). null = any issuer that has the key.
     * @param string|null $userClaim Claim that becomes {@see Identity::$user}: a string, or an int. null = none.
     * @param string|null $topicsClaim Claim with topics to join: a list of strings and ints, or one string. null =
     *     none.
     * @param string|null $tagsClaim Claim with tags to have: an object of strings and ints; an empty list counts as no
     *     tags, and a null in the object as no tag. null = none.
     * @param string|null $queryParameter Query parameter with the token, for browsers, which cannot set headers. Its
     *     value is made unreadable in {@see \Ferrite\Request::$queryString} afterwards. null = none.
     * @param string|null $cookie Cookie that may also hold the token; the check of `origins` keeps other sites from
     *     using it. null = none.
     * @param float $leeway Seconds by which the issuer's clock may differ, at most 600.
     * @param bool $requireExpiry true = a token without `exp` is refused.
     * @param bool $closeOnExpiry true = the connection is closed when the token expires, with 3000
     *     ({@see \Ferrite\CloseCode::Unauthorized}). false = the token matters at the handshake only.
     *
     * @throws ConfigurationException A value is wrong; the message names the option and the file, never the secret.
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
