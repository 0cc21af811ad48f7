<?php

declare(strict_types=1);

namespace Ferrite\Tests\Package;

use PHPUnit\Framework\TestCase;

abstract class PackageTestCase extends TestCase
{
    protected const SECRET = 'sixteen bytes, +';
    protected const KEY = 'shop';

    private ?string $folder = null;

    protected function tearDown(): void
    {
        if ($this->folder !== null) {
            array_map('unlink', glob("$this->folder/*"));
            rmdir($this->folder);
        }
    }

    protected function folder(): string
    {
        if ($this->folder === null) {
            $this->folder = sys_get_temp_dir() . '/ferrite-' . bin2hex(random_bytes(6));
            mkdir($this->folder, 0700);
        }
        return $this->folder;
    }

    /** @param list<mixed> ...$steps For every connection. */
    protected function unixServer(array ...$steps): ScriptedServer
    {
        return $this->unixServerWith([$steps]);
    }

    /** @param list<list<list<mixed>>> $plan For each connection. */
    protected function unixServerWith(array $plan): ScriptedServer
    {
        return new ScriptedServer($plan, "unix://{$this->folder()}/" . bin2hex(random_bytes(4)) . '.sock');
    }

    /** @param list<mixed> ...$steps For every connection. */
    protected function tcpServer(array ...$steps): ScriptedServer
    {
        return new ScriptedServer([$steps], 'tcp://127.0.0.1:0');
    }

    protected function dsn(ScriptedServer $server): string
    {
        return str_starts_with($server->address, 'unix:')
            ? $server->address
            : sprintf('http://%s:%s@%s', self::KEY, rawurlencode(self::SECRET), $server->address);
    }

    /** @return \Throwable What the callback threw, of this class. */
    protected function thrown(string $class, callable $callback): \Throwable
    {
        try {
            $callback();
        } catch (\Throwable $e) {
            self::assertInstanceOf($class, $e);
            return $e;
        }
        self::fail("no $class was thrown");
    }
}
