<?php

declare(strict_types=1);

namespace Ferrite\Tests\Package;

use Ferrite\Publisher;
use Ferrite\RefusedException;
use Ferrite\ServerAwayException;
use Ferrite\SpoolException;
use Ferrite\UnauthorizedException;
use Ferrite\WhenAway;

/** Nothing lost, nothing twice, in order. */
final class SpoolTest extends PackageTestCase
{
    private const LOOP = <<<'PHP'
        [, $dsn, $spool, $name] = $argv;
        $publisher = new Ferrite\Publisher($dsn, timeout: 20.0, spool: $spool);
        stream_set_blocking(STDIN, false);
        for ($i = 0; $i < 1_000_000 && fread(STDIN, 1) === '' && !feof(STDIN); $i++) {
            $publisher->publish('news', "$name-$i");
            usleep(1000); // or the server, which is PHP, would be told more than it can take
        }
        echo $i;
        PHP;

    /** @var list<Script> */
    private array $scripts = [];

    protected function tearDown(): void
    {
        $this->scripts = [];
        parent::tearDown();
    }

    public function testAMessageWaitsUntilTheServerIsThereAndComesFirst(): void
    {
        $publisher = $this->publisher();
        $first = $publisher->publish('news', 'one', id: 'first');
        self::assertTrue($first->isSpooled());
        self::assertFalse($first->isSent() || $first->isIgnored());
        self::assertStringContainsString('No such file', $first->reason->getMessage());
        self::assertTrue($publisher->to()->user('ann')->send('two')->isSpooled());
        self::assertTrue($publisher->broadcast("\xff", true)->isSpooled());

        $server = $this->server(['api']);
        self::assertSame(4, $publisher->publish('news', 'four')->connections);
        self::assertSame(['one', 'two', '/w==', 'four'], $this->sent($server));
        self::assertSame(0, filesize($this->spool()));
    }

    public function testEachMessageKeepsItsIdAndItsWords(): void
    {
        $id = $this->publisher()->to()->topic('é"\\')->send("a\u{2028}/\0")->id;
        $server = $this->server(['api']);
        self::assertSame(1, $this->publisher()->flush()->sent);
        $request = $server->request();
        self::assertSame('POST /v1/send HTTP/1.1', $request->line);
        self::assertSame('{"to":{"topics":["é\"\\\\"]},"data":"a\u2028/\u0000"}', $request->body);
        self::assertSame($id, $request->headers->{'Idempotency-Key'});
    }

    public function testFlushSaysWhatBecameOfIt(): void
    {
        $publisher = $this->publisher();
        self::assertEquals([0, 0, true, null], array_values((array) $publisher->flush()));
        foreach (['a', 'b', 'c'] as $data) {
            $publisher->broadcast($data);
        }
        $flushed = $publisher->flush();
        self::assertSame([0, false], [$flushed->sent, $flushed->isEmpty]);
        self::assertInstanceOf(ServerAwayException::class, $flushed->reason);

        $one = [['request'], ['answer', 200, ['connections' => 1]], ['request'], ['close']];
        $server = new ScriptedServer([$one, [['close']]], "unix://{$this->socket()}");
        $flushed = $publisher->flush();
        self::assertSame([1, false], [$flushed->sent, $flushed->isEmpty]);
        $server->stop();
        unlink($this->socket());
        $server = $this->server(['api']);
        $flushed = $publisher->flush();
        self::assertSame([2, 0, true, null], array_values((array) $flushed));
        self::assertSame(['b', 'c'], $this->sent($server));
    }

    public function testWhatIsRefusedForGoodMakesWayAndIsKept(): void
    {
        $publisher = $this->publisher();
        $publisher->publish('a topic', 'one', id: 'x');
        $publisher->publish('news', 'two');
        $server = $this->server(['api']);
        $flushed = $publisher->flush();
        self::assertSame([1, 1, true], [$flushed->sent, $flushed->rejected, $flushed->isEmpty]);
        self::assertSame(['two'], $this->sent($server));
        $kept = json_decode(file_get_contents($this->spool() . '.rejected'));
        self::assertSame(['x', '/v1/publish', 'invalid_field', 'topic: no spaces'], [$kept->id, $kept->path, $kept->error, $kept->message]);
        self::assertSame('{"topic":"a topic","data":"one"}', $kept->body);
    }

    public function testHalfALineOfAProcessThatWasKilledIsSkipped(): void
    {
        $publisher = $this->publisher();
        $publisher->broadcast('one');
        $this->append('{"time":1,"id":"half","path":"/v1/broadcast","body":"{\"da');
        $publisher->broadcast('two');
        $this->append("{\"time\":1,\"id\":\"\xc3");
        $server = $this->server(['api']);
        self::assertSame([2, 0, true], array_slice(array_values((array) $publisher->flush()), 0, 3));
        self::assertSame(['one', 'two'], $this->sent($server));
        self::assertSame(0, filesize($this->spool()));
    }

    public function testHalfAHeadOfAProcessThatWasKilledIsReplaced(): void
    {
        $this->append('{"sent":      ');
        $server = $this->server(['api']);
        self::assertSame(1, $this->publisher()->broadcast('one')->connections);
        self::assertSame(0, filesize($this->spool()));
        $server->stop();
        $this->append('{"sent":      ');
        $this->publisher()->broadcast('two');
        unlink($this->socket());
        $server = $this->server(['api']);
        self::assertSame(1, $this->publisher()->flush()->sent);
    }

    public function testAFileOfSomebodyElseIsLeftAlone(): void
    {
        foreach ([str_repeat("root:x:0:0:root:/root:/bin/sh\n", 3), "a-short-name\n"] as $text) {
            file_put_contents($this->spool(), $text);
            $this->thrown(SpoolException::class, fn () => $this->publisher()->broadcast('one'));
            $this->thrown(SpoolException::class, fn () => $this->publisher()->flush());
            self::assertSame($text, file_get_contents($this->spool()));
        }
    }

    public function testAFullSpoolTakesNoMoreAndLosesNothing(): void
    {
        $publisher = $this->publisher(spoolBytes: 4096);
        $taken = 0;
        $full = $this->thrown(SpoolException::class, function () use ($publisher, &$taken): void {
            for (; $taken < 1000; $taken++) {
                $publisher->broadcast("$taken");
            }
        });
        self::assertStringContainsString('full', $full->getMessage());
        self::assertInstanceOf(ServerAwayException::class, $full->getPrevious());
        self::assertLessThanOrEqual(4096, filesize($this->spool()));
        $server = $this->server(['api']);
        $publisher->flush();
        self::assertSame(array_map('strval', range(0, $taken - 1)), $this->sent($server));
    }

    public function testASpoolThatCannotBeWrittenIsAnException(): void
    {
        $publisher = new Publisher("unix://{$this->socket()}", spool: '/proc/none/spool');
        $this->thrown(SpoolException::class, fn () => $publisher->broadcast('one'));
    }

    public function testOnlyTheUserCanReadWhatWaits(): void
    {
        $this->publisher()->broadcast('one');
        self::assertSame('0600', sprintf('%04o', fileperms($this->spool()) & 0777));
        self::assertSame(umask(), umask(umask()));
    }

    public function testAWrongKeyIsThrownAndKeepsWhatWaits(): void
    {
        $this->publisher()->broadcast('one');
        $no = ['answer', 401, ['error' => ['code' => 'unauthorized', 'message' => 'no']]];
        $server = $this->server(['request'], $no, ['request'], $no);
        $before = file_get_contents($this->spool());
        $this->thrown(UnauthorizedException::class, fn () => $this->publisher()->broadcast('two'));
        self::assertInstanceOf(UnauthorizedException::class, $this->publisher()->flush()->reason);
        self::assertSame($before, file_get_contents($this->spool()));
    }

    public function testARefusalIsThrownAndNotSpooled(): void
    {
        $server = $this->server(['api']);
        $this->thrown(RefusedException::class, fn () => $this->publisher()->publish('a topic', 'one'));
        self::assertFileDoesNotExist($this->spool());
    }

    public function testToCloseIsNeverSpooled(): void
    {
        $this->thrown(ServerAwayException::class, fn () => $this->publisher()->to()->user('ann')->close());
        self::assertFileDoesNotExist($this->spool());
    }

    public function testOneCallDoesNotSendAllThatWaits(): void
    {
        $publisher = $this->publisher(timeout: 20.0);
        for ($i = 0; $i < 300; $i++) {
            $publisher->broadcast("$i");
        }
        $server = $this->server(['api']);
        self::assertTrue($publisher->broadcast('300')->isSpooled(), 'behind those before it');
        self::assertGreaterThan(0, filesize($this->spool()));
        for ($i = 0; $i < 1000 && $publisher->broadcast('more')->isSpooled(); $i++);
        $sent = $this->sent($server);
        self::assertSame(array_map('strval', range(0, 300)), array_slice($sent, 0, 301));
        self::assertSame(count(array_unique(array_diff($sent, ['more']))), 301);
    }

    public function testAfterADeadlineOthersDoNotWaitForOne(): void
    {
        $begun = time();
        $server = $this->server(['hold']);
        $publisher = $this->publisher(timeout: 0.1);
        self::assertTrue($publisher->broadcast('one')->isSpooled());
        $lock = $this->spool() . '.lock';
        self::assertGreaterThanOrEqual($begun + 2, filemtime($lock), 'until then');
        // However slow this machine is.
        touch($lock, time() + 3600);
        $server->stop();
        unlink($this->socket());
        $server = $this->server(['api']);
        self::assertTrue($this->publisher()->broadcast('two')->isSpooled());
        self::assertSame([], $this->sent($server), 'nobody tried');
        unlink($this->socket());
        $server = $this->server(['api']);
        // What is called to flush flushes.
        self::assertSame(2, $this->publisher()->flush()->sent);
        self::assertSame(['one', 'two'], $this->sent($server));
    }

    public function testWhoAppendsJustWhenAllIsSentLosesNothing(): void
    {
        if (!is_readable('/proc/locks')) {
            self::markTestSkipped('nothing says who waits for a lock');
        }
        $this->publisher()->broadcast('one');
        $server = $this->server(['api']);
        // In the middle of appending, as another process would be.
        $file = fopen($this->spool(), 'c+');
        flock($file, LOCK_EX);
        $script = Script::run($this->folder(), <<<'PHP'
            echo (new Ferrite\Publisher($argv[1], timeout: 20.0, spool: $argv[2]))->flush()->sent;
            PHP, "unix://{$this->socket()}", $this->spool());
        self::assertSame('one', $server->next('sent'));
        // Until it waits for this process, or wrongly did not.
        $waits = fn () => preg_match("/-> FLOCK +ADVISORY +WRITE {$script->pid} /", file_get_contents('/proc/locks')) === 1;
        for ($i = 0; $i < 10_000 && !$waits() && fstat($file)['size'] > 0; $i++) {
            usleep(1000);
        }
        fseek($file, 0, SEEK_END);
        fwrite($file, '{"time":1,"id":"two","path":"/v1/broadcast","body":"{\"data\":\"two\"}"}' . "\n");
        flock($file, LOCK_UN);
        self::assertSame('2', $script->output());
        self::assertSame('two', $server->next('sent'));
    }

    public function testManyProcessesLoseNothingAndSendNothingTwiceWhileTheServerComesAndGoes(): void
    {
        foreach (['a', 'b', 'c', 'd'] as $name) {
            $scripts[$name] = Script::run($this->folder(), self::LOOP, "unix://{$this->socket()}", $this->spool(), $name);
        }
        $this->scripts = array_values($scripts);
        $sent = [];
        for ($i = 0; $i < 10; $i++) {
            // Its connections end as well, each after fifteen messages.
            $server = $this->server(['api', 15], ['close']);
            for ($j = 0; $j < 50; $j++) {
                $sent[] = $server->next('sent');
            }
            array_push($sent, ...$this->sent($server));
            unlink($this->socket());
        }
        $server = $this->server(['api']);
        $counts = array_map(fn (Script $script) => (int) $script->output(), $scripts);
        $flushed = $this->publisher(timeout: 20.0)->flush();
        self::assertNull($flushed->reason);
        self::assertTrue($flushed->isEmpty);
        array_push($sent, ...$this->sent($server));

        foreach ($counts as $name => $count) {
            $own = array_values(array_filter($sent, fn ($data) => $data[0] === $name));
            self::assertSame(array_map(fn ($i) => "$name-$i", range(0, $count - 1)), $own, 'each once, in order');
        }
    }

    public function testWhoeverIsKilledWhileItFlushesLosesNothingAndSendsNothingTwice(): void
    {
        $publisher = $this->publisher(timeout: 20.0);
        for ($i = 0; $i < 2000; $i++) {
            $publisher->broadcast("$i");
        }
        $server = $this->server(['api']);
        for ($i = 0; $i < 10; $i++) {
            $script = Script::run($this->folder(), <<<'PHP'
                (new Ferrite\Publisher($argv[1], timeout: 20.0, spool: $argv[2]))->flush();
                PHP, "unix://{$this->socket()}", $this->spool());
            $server->request();
            posix_kill($script->pid, SIGKILL);
            $script->output();
        }
        $rest = $publisher->flush();
        self::assertTrue($rest->isEmpty);
        self::assertGreaterThan(0, $rest->sent, 'they were killed before the end');
        self::assertSame(0, filesize($this->spool()));
        $server->stop();
        self::assertSame(array_map('strval', range(0, 1999)), array_column($server->said, 'sent'));
        $requests = count(array_column($server->said, 'line'));
        self::assertLessThanOrEqual(2010, $requests, 'each that was killed has at most one sent again');
    }

    /** @dataProvider wrongSettings */
    public function testAWrongSettingIsNamed(string $name, array $settings): void
    {
        $e = $this->thrown(\ValueError::class, fn () => new Publisher('unix:///a', ...$settings));
        self::assertStringStartsWith($name, $e->getMessage());
    }

    public static function wrongSettings(): iterable
    {
        return [
            ['whenAway', ['whenAway' => WhenAway::Spool]],
            ['whenAway', ['whenAway' => WhenAway::Throw, 'spool' => '/a']],
            ['spool ', ['spool' => 'a']],
            ['spool ', ['spool' => 'php://stdin']],
            ['spoolBytes', ['spool' => '/a', 'spoolBytes' => 0]],
        ];
    }

    private function publisher(float $timeout = 10.0, int $spoolBytes = 1 << 26): Publisher
    {
        return new Publisher("unix://{$this->socket()}", $timeout, spool: $this->spool(), spoolBytes: $spoolBytes);
    }

    private function spool(): string
    {
        return "{$this->folder()}/spool";
    }

    private function socket(): string
    {
        return "{$this->folder()}/control.sock";
    }

    private function server(array ...$steps): ScriptedServer
    {
        return new ScriptedServer([$steps], "unix://{$this->socket()}");
    }

    /** @return list<string> What was sent to clients, each time it was; the server is gone then. */
    private function sent(ScriptedServer $server): array
    {
        return array_column($server->stop(), 'sent');
    }

    private function append(string $text): void
    {
        file_put_contents($this->spool(), $text, FILE_APPEND);
    }
}
