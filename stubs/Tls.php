<?php

declare(strict_types=1);

namespace Ferrite;

/**
 * A certificate with its private key, for clients that connect with `wss://`.
 *
 * The files are in PEM form. They are read here, so that a wrong one is found where it is named, again when
 * the server starts, and whenever they change while it runs: within ten seconds, or at once with
 * {@see Server::reloadTls()}. Open connections go on with the certificate they began with.
 *
 * TLS 1.2 and 1.3 are spoken, with session tickets. docs/tls.md has recipes.
 */
final class Tls
{
    /**
     * @param string $certificate The certificate and behind it the intermediate ones: `fullchain.pem`.
     * @param string $key Its private key, not encrypted: `privkey.pem`.
     * @param string|null $clientCa Certificates of authorities; every client then has to show a certificate
     *     that one of them has signed ({@see Request::$clientCertificate}). null = clients need none.
     *
     * @throws ConfigurationException A file is not within `open_basedir`, cannot be read, is not what it should be, or the key belongs to
     *     another certificate; the message names the option and the file, as in
     *     `tls.key: /etc/ssl/chat.key is not the key of the certificate in …`.
     */
    public function __construct(
        public readonly string $certificate,
        public readonly string $key,
        public readonly ?string $clientCa = null,
    ) {}
}
