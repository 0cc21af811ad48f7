<?php

declare(strict_types=1);

namespace Ferrite;

/**
 * A certificate with its private key, for clients that connect with `wss://`.
 *
 * The files are in PEM form. The constructor reads them, so that an error shows in the line that names the file. The
 * server reads them again when it starts, and while it runs whenever they change: within ten seconds, or at once with
 * {@see Server::reloadTls()}. Open connections keep the certificate they began with.
 *
 * The server speaks TLS 1.2 and 1.3, with session tickets. docs/tls.md has recipes.
 */
final class Tls
{
    /**
     * @param string $certificate File with the certificate, followed by the intermediate ones: `fullchain.pem`.
     * @param string $key File with its private key, not encrypted: `privkey.pem`.
     * @param string|null $clientCa File with certificates of authorities; every client then has to show a certificate
     *     that one of them has signed ({@see Request::$clientCertificate}). null = clients need none.
     *
     * @throws ConfigurationException A file is outside `open_basedir`, cannot be read or has the wrong content, or the
     *     key belongs to another certificate; the message names the option and the file, as in
     *     `tls.key: /etc/ssl/chat.key is not the key of the certificate in …`.
     */
    public function __construct(
        public readonly string $certificate,
        public readonly string $key,
        public readonly ?string $clientCa = null,
    ) {}
}
