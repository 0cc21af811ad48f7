<?php

declare(strict_types=1);

namespace Ferrite\Tests\Package;

use Ferrite\Publisher;
use Ferrite\ServerAwayException;

final class TlsTest extends PackageTestCase
{
    protected function setUp(): void
    {
        if (!extension_loaded('openssl')) {
            self::markTestSkipped('this PHP has no TLS');
        }
    }

    public function testWithTheRightAuthorityItIsAsWithoutTls(): void
    {
        $certificate = $this->certificate('localhost');
        $server = $this->tlsServer($certificate, ['api']);
        $publisher = $this->publisher($server, 'localhost', $certificate);
        self::assertSame([1, 2], [$publisher->broadcast('a')->connections, $publisher->broadcast('b')->connections]);
        $requests = [$server->request(), $server->request()];
        self::assertSame([0, 0], array_column($requests, 'connection'));
        self::assertTrue(isset($requests[0]->headers->{'Ferrite-Signature'}));
    }

    public function testAnUnknownAuthorityIsToldNothing(): void
    {
        $server = $this->tlsServer($this->certificate('localhost'), ['api']);
        $publisher = $this->publisher($server, 'localhost', null);
        $e = $this->thrown(ServerAwayException::class, fn () => $publisher->broadcast('a'));
        self::assertStringContainsString('certificate verify failed', $e->getMessage());
        self::assertSame([], array_filter($server->stop(), fn ($line) => isset($line->line)));
    }

    public function testAnotherNameIsToldNothing(): void
    {
        $certificate = $this->certificate('chat.example');
        $server = $this->tlsServer($certificate, ['api']);
        $publisher = $this->publisher($server, 'localhost', $certificate);
        $e = $this->thrown(ServerAwayException::class, fn () => $publisher->broadcast('a'));
        self::assertStringContainsString('did not match expected name', $e->getMessage());
        self::assertSame([], array_filter($server->stop(), fn ($line) => isset($line->line)));
    }

    public function testAConnectionThatAnotherAuthorityVouchedForIsNotShared(): void
    {
        $certificate = $this->certificate('localhost');
        $server = $this->tlsServer($certificate, ['api']);
        $this->publisher($server, 'localhost', $certificate)->broadcast('a');
        $stranger = $this->publisher($server, 'localhost', $this->certificate('localhost'));
        $this->thrown(ServerAwayException::class, fn () => $stranger->broadcast('b'));
    }

    public function testAServerThatDoesNotShakeHandsIsAwayInTime(): void
    {
        $server = $this->tcpServer(['hold']);
        $publisher = $this->publisher($server, 'localhost', null, 0.2);
        $begun = hrtime(true);
        $this->thrown(ServerAwayException::class, fn () => $publisher->broadcast('a'));
        self::assertLessThan(10.0, (hrtime(true) - $begun) / 1e9);
    }

    public function testFaultsAreThoseWithoutTls(): void
    {
        $certificate = $this->certificate('localhost');
        $message = function (array ...$steps) use ($certificate): string {
            $server = $this->tlsServer($certificate, ...$steps);
            $publisher = $this->publisher($server, 'localhost', $certificate, 0.3);
            return $this->thrown(ServerAwayException::class, fn () => $publisher->broadcast('a'))->getMessage();
        };
        self::assertStringContainsString('did not answer in time', $message(['request'], ['hold']));
        self::assertStringContainsString('closed the connection', $message(['request'], ['close']));
    }

    private function publisher(ScriptedServer $server, string $host, ?string $caFile, float $timeout = 10.0): Publisher
    {
        $port = substr(strrchr($server->address, ':'), 1);
        $dsn = sprintf('https://%s:%s@%s:%s', self::KEY, rawurlencode(self::SECRET), $host, $port);
        return new Publisher($dsn, $timeout, caFile: $caFile);
    }

    private function tlsServer(string $certificate, array ...$steps): ScriptedServer
    {
        return new ScriptedServer([$steps], 'tls://127.0.0.1:0', $certificate);
    }

    /** @return string A file with a certificate that is its own authority, and its key. */
    private function certificate(string $name): string
    {
        file_put_contents($settings = "{$this->folder()}/openssl.cnf", "[req]\ndistinguished_name = dn\n[dn]\n"
            . "[ext]\nsubjectAltName = DNS:$name\nbasicConstraints = CA:TRUE\n");
        $options = ['config' => $settings, 'digest_alg' => 'sha256', 'x509_extensions' => 'ext'];
        $key = openssl_pkey_new(['private_key_type' => OPENSSL_KEYTYPE_RSA, 'private_key_bits' => 2048] + $options);
        $request = openssl_csr_new(['CN' => $name], $key, $options);
        $certificate = openssl_csr_sign($request, null, $key, 1, $options, random_int(1, PHP_INT_MAX));
        openssl_x509_export($certificate, $pem);
        openssl_pkey_export($key, $keyPem, null, $options);
        $file = "{$this->folder()}/" . bin2hex(random_bytes(4)) . '.pem';
        file_put_contents($file, $pem . $keyPem);
        return $file;
    }
}
