<?php

declare(strict_types=1);

namespace Ferrite\Tests\Package;

final class CommandLineTest extends PackageTestCase
{
    public function testItPublishesItsArgumentsAndItsInput(): void
    {
        $server = $this->unixServer(['api']);
        $dsn = "--dsn=$server->address";
        self::assertSame([0, "sent to 1 connections\n", ''], $this->ferrite(['publish', 'news', 'Hello', $dsn, '--id', 'x']));
        self::assertSame([0, "sent to 2 connections\n", ''], $this->ferrite(['broadcast', $dsn, '--binary'], "\0\xff"));
        self::assertSame([0, "sent to 3 connections\n", ''], $this->ferrite(['publish', $dsn, '--', '--topic', '-h']));
        $request = $server->request();
        self::assertSame(['{"topic":"news","data":"Hello"}', 'x'], [$request->body, $request->headers->{'Idempotency-Key'}]);
        self::assertSame('{"data":"AP8=","binary":true}', $server->request()->body);
        self::assertSame('{"topic":"--topic","data":"-h"}', $server->request()->body);
    }

    public function testTheAddressMayComeFromTheEnvironment(): void
    {
        $server = $this->unixServer(['request'], ['answer', 200, ['status' => 'ok']]);
        self::assertSame([0, "ok\n", ''], $this->ferrite(['health'], env: ['FERRITE_DSN' => $server->address]));
        $server->stop();
        self::assertSame([75, "away\n", ''], $this->ferrite(['health'], env: ['FERRITE_DSN' => $server->address]));
    }

    public function testItFlushes(): void
    {
        $dsn = "--dsn=unix://{$this->folder()}/control.sock";
        $spool = "--spool={$this->folder()}/spool";
        self::assertSame([0, "sent 0, rejected 0\n", ''], $this->ferrite(['flush', $dsn, $spool]));
        self::assertSame([0, "spooled\n", ''], $this->ferrite(['publish', 'news', 'Hello', $dsn, $spool]));
        self::assertSame([0, "spooled\n", ''], $this->ferrite(['publish', 'a topic', 'Hello', $dsn, $spool]));
        [$status, $output, $errors] = $this->ferrite(['flush', $dsn, $spool]);
        self::assertSame([75, "sent 0, rejected 0\n"], [$status, $output]);
        self::assertStringContainsString('No such file', $errors);
        $server = new ScriptedServer([[['api']]], "unix://{$this->folder()}/control.sock");
        self::assertSame([75, "sent 0, rejected 0\n"], array_slice($this->ferrite(['flush', $dsn, $spool, '--for=0']), 0, 2));
        self::assertSame([0, "sent 1, rejected 1\n", ''], $this->ferrite(['flush', $dsn, $spool]));
    }

    public function testWhatIsRefusedAndWhatIsAwayAreToldApart(): void
    {
        $server = $this->unixServer(['api']);
        $refused = $this->ferrite(['publish', 'a topic', 'Hello', "--dsn=$server->address"]);
        self::assertSame([1, '', "ferrite: topic: no spaces\n"], $refused);
        self::assertSame(75, $this->ferrite(['broadcast', 'a', '--dsn=unix:///nowhere/at/all'])[0]);
    }

    /** @dataProvider wrongUsage */
    public function testWrongUsageIsExplained(string $message, string ...$arguments): void
    {
        [$status, $output, $errors] = $this->ferrite($arguments);
        self::assertSame([2, ''], [$status, $output]);
        self::assertStringContainsString($message, $errors);
        self::assertStringNotContainsString('nobody', $errors);
    }

    public static function wrongUsage(): iterable
    {
        $dsn = '--dsn=unix:///a';
        return [
            ['what shall be done'],
            ["no 'punish'", 'punish'],
            ['--dsn', 'health'],
            ['dsn', 'health', '--dsn=http://key:tell nobody@host'],
            ['other arguments', 'publish', $dsn],
            ['other arguments', 'broadcast', 'a', 'b', $dsn],
            ['no option --secret', 'health', '--secret=tell nobody'],
            ['--id needs', 'health', '--id'],
            ['--spool', 'flush', $dsn],
            ['timeout', 'health', $dsn, '--timeout=soon'],
            ['timeout', 'health', $dsn, '--timeout=250'],
        ];
    }

    public function testHelpIsHelp(): void
    {
        foreach ([['--help'], ['-h'], ['help'], ['publish', '--help']] as $arguments) {
            [$status, $output] = $this->ferrite($arguments);
            self::assertSame(0, $status);
            self::assertStringStartsWith('usage: ferrite publish', $output);
        }
    }

    /**
     * @param list<string> $arguments
     * @param array<string, string> $env
     *
     * @return array{int, string, string} Status, output, errors.
     */
    private function ferrite(array $arguments, string $input = '', array $env = []): array
    {
        $command = [PHP_BINARY, '-n', '-d', 'display_errors=1', dirname(__DIR__, 2) . '/php/bin/ferrite', ...$arguments];
        $process = proc_open($command, [['pipe', 'r'], ['pipe', 'w'], ['pipe', 'w']], $pipes, env_vars: $env + getenv());
        fwrite($pipes[0], $input);
        fclose($pipes[0]);
        $output = stream_get_contents($pipes[1]);
        $errors = stream_get_contents($pipes[2]);
        return [proc_close($process), $output, $errors];
    }
}
