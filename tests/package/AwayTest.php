<?php

declare(strict_types=1);

namespace Ferrite\Tests\Package;

use Ferrite\Published;
use Ferrite\Publisher;
use Ferrite\RefusedException;
use Ferrite\ServerAwayException;
use Ferrite\WhenAway;

/** What can go wrong between here and the server: each time one exception, in time, and nothing sent twice. */
final class AwayTest extends PackageTestCase
{
    private const REFUSED = ['answer', 413, ['error' => ['code' => 'too_large', 'message' => 'no']]];

    public function testWhatDoesNotExistIsAwayAtOnce(): void
    {
        $folder = $this->folder();
        $this->assertAway('No such file', "unix://$folder/none.sock");
        touch("$folder/plain.sock");
        $this->assertAway('Connection refused', "unix://$folder/plain.sock");
        $this->assertAway('Connection refused', 'http://key:sixteen bytes or more@127.0.0.1:1');
    }

    /** @dataProvider faults */
    public function testAFaultIsOneExceptionInTime(string $message, array ...$steps): void
    {
        foreach (['unix', 'tcp'] as $kind) {
            $server = $kind === 'unix' ? $this->unixServer(...$steps) : $this->tcpServer(...$steps);
            $this->assertAway($message, $this->dsn($server));
            $requests = array_filter($server->stop(), fn ($line) => isset($line->line));
            self::assertLessThanOrEqual(1, count($requests), 'what was never kept is not tried twice');
        }
    }

    public static function faults(): iterable
    {
        $head = "HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n";
        $garbage = 'does not answer as a control API does';
        return [
            'nobody reads' => ['did not answer in time', ['hold']],
            'no answer' => ['did not answer in time', ['request'], ['hold']],
            'half a head' => ['did not answer in time', ['request'], ['raw', 'HTTP/1.1 200 OK'], ['hold']],
            'half a body' => ['did not answer in time', ['request'], ['raw', "$head{\"connect"], ['hold']],
            'closed at once' => ['closed the connection', ['close']],
            'closed instead of an answer' => ['closed the connection', ['request'], ['close']],
            'closed in the middle' => ['closed the connection', ['request'], ['raw', "$head{\"connect"], ['close']],
            'a reset' => ['closed the connection', ['request'], ['reset']],
            'no HTTP' => [$garbage, ['request'], ['raw', "SSH-2.0-OpenSSH_9.2\r\n"], ['hold']],
            'another HTTP' => [$garbage, ['request'], ['raw', "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}"]],
            'no status' => [$garbage, ['request'], ['raw', "HTTP/1.1 OK\r\nContent-Length: 2\r\n\r\n{}"]],
            'no length' => [$garbage, ['request'], ['raw', "HTTP/1.1 200 OK\r\n\r\n{}"], ['hold']],
            'two lengths' => [
                $garbage, ['request'], ['raw', "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}"],
            ],
            'a negative length' => [$garbage, ['request'], ['raw', "HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n{}"]],
            'chunks' => [
                $garbage, ['request'], ['raw', "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"],
            ],
            'far too much' => [$garbage, ['request'], ['raw', "HTTP/1.1 200 OK\r\nContent-Length: 16777217\r\n\r\n{}"], ['hold']],
            'a head without end' => [$garbage, ['request'], ['raw', "HTTP/1.1 200 OK\r\nX: " . str_repeat('x', 20000)], ['hold']],
            'a shorter length' => [$garbage, ['request'], ['raw', "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{\"connections\":12}"]],
            'no JSON' => [$garbage, ['request'], ['raw', "{$head}<h1>Welcome!</h1>"]],
            'a redirection' => ['it says 302', ['request'], ['answer', 302, ['error' => ['code' => 'a', 'message' => 'b']]]],
            'a 404 of somebody else' => ['it says 404', ['request'], ['answer', 404, ['oops' => 'b']]],
            'it ends' => ['does not serve: bye', ['request'], ['answer', 503, ['error' => ['code' => 'stopping', 'message' => 'bye']]]],
            'it had no time' => ['does not serve: slow', ['request'], ['answer', 408, ['error' => ['code' => 'timeout', 'message' => 'slow']]]],
            'a proxy without its server' => ['it says 502', ['request'], ['answer', 502, []]],
        ];
    }

    public function testAServerThatDripsIsAwayInTime(): void
    {
        // As fast as it likes: what counts is the whole.
        $drops = array_fill(0, 400, ['raw', 'x']);
        $server = $this->unixServer(['request'], ['raw', "HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n"], ...[...$drops, ['hold']]);
        $this->assertAway('did not answer in time', $this->dsn($server));
    }

    public function testAMessageThatNobodyTakesIsAwayInTime(): void
    {
        $server = $this->unixServer(['hold']);
        $this->assertAway('did not take the message in time', $this->dsn($server), str_repeat('x', 8 << 20));
    }

    public function testWhatIsRefusedBeforeItWasTakenIsARefusal(): void
    {
        // It answers 413 by the header, reads nothing more and closes.
        $server = $this->unixServer(self::REFUSED, ['hold']);
        $publisher = new Publisher($this->dsn($server), timeout: 0.2);
        $e = $this->thrown(\Throwable::class, fn () => $publisher->broadcast(str_repeat('x', 8 << 20)));
        self::assertInstanceOf(ServerAwayException::class, $e, 'while it keeps the connection nobody knows');

        $server = $this->tcpServer(['answer', 413, self::REFUSED[2]], ['close']);
        $publisher = new Publisher($this->dsn($server), timeout: 5.0);
        $e = $this->thrown(\Throwable::class, fn () => $publisher->broadcast(str_repeat('x', 8 << 20)));
        self::assertContains($e::class, [RefusedException::class, ServerAwayException::class], 'by who was faster');
    }

    public function testALargeMessageArrives(): void
    {
        $server = $this->unixServer(['request'], ['answer', 200, ['connections' => 1]]);
        $data = str_repeat('0123456789', 300_000);
        self::assertSame(1, (new Publisher($this->dsn($server), timeout: 10.0))->broadcast($data)->connections);
        self::assertSame(sha1("{\"data\":\"$data\"}"), $server->request()->sha1);
    }

    public function testAKeptConnectionThatWasClosedMeanwhileIsReplacedUnnoticed(): void
    {
        $once = [['request'], ['answer', 200, ['connections' => 1]], ['close']];
        $server = $this->unixServerWith([$once, [['api']]]);
        $publisher = new Publisher($this->dsn($server));
        $publisher->broadcast('first');
        $server->next('closed');
        self::assertSame(1, $publisher->broadcast('second')->connections);
        self::assertSame([1], $this->connectionsOf($server, 'second'));
    }

    public function testAKeptConnectionThatIsClosedInTheMiddleIsReplacedAndTheIdIsTheSame(): void
    {
        foreach ([['close'], ['reset']] as $end) {
            $first = [['request'], ['answer', 200, ['connections' => 1]], ['request'], $end];
            $server = $this->unixServerWith([$first, [['api']]]);
            $publisher = new Publisher($this->dsn($server));
            $publisher->broadcast('first');
            self::assertSame(1, $publisher->broadcast('second', id: 'mine')->connections);
            $requests = array_values(array_filter($server->stop(), fn ($line) => isset($line->line)));
            self::assertSame([0, 0, 1], array_column($requests, 'connection'));
            self::assertSame($requests[1]->body, $requests[2]->body);
            self::assertSame('mine', $requests[1]->headers->{'Idempotency-Key'});
            self::assertSame('mine', $requests[2]->headers->{'Idempotency-Key'});
            unset($publisher);
        }
    }

    public function testAConnectionIsTriedAnewOnceAndNotForEver(): void
    {
        $first = [['request'], ['answer', 200, ['connections' => 1]], ['request'], ['close']];
        $server = $this->unixServerWith([$first, [['request'], ['close']]]);
        $publisher = new Publisher($this->dsn($server));
        $publisher->broadcast('first');
        $this->thrown(ServerAwayException::class, fn () => $publisher->broadcast('second'));
        self::assertSame([0, 1], $this->connectionsOf($server, 'second'));
    }

    /** @dataProvider leftovers */
    public function testWhatNobodyAskedForIsNobodysAnswer(array ...$behindTheAnswer): void
    {
        $first = [['request'], ...$behindTheAnswer];
        $server = $this->unixServerWith([$first, [['request'], ['answer', 200, ['connections' => 2]]]]);
        $publisher = new Publisher($this->dsn($server));
        self::assertSame(1, $publisher->broadcast('first')->connections);
        if (count($behindTheAnswer) > 1) {
            // Until it has come: this process can only see it on the stream itself.
            $server->next('said');
        }
        self::assertSame(2, $publisher->broadcast('second')->connections);
    }

    public static function leftovers(): iterable
    {
        $one = '{"connections":1}';
        $answer = "HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n$one";
        return [
            'in the same packet' => [['raw', $answer . $answer]],
            'a moment later' => [['raw', $answer], ['raw', $answer], ['say', 'said']],
            'it says close and does not' => [['raw', "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 17\r\n\r\n$one"]],
        ];
    }

    public function testAfterADeadlineTheLateAnswerIsNobodys(): void
    {
        $late = ['answer', 200, ['connections' => 666]];
        $server = $this->unixServerWith([[['request'], ['request'], $late], [['request'], ['answer', 200, ['connections' => 2]]]]);
        $publisher = new Publisher($this->dsn($server), timeout: 0.05);
        $this->thrown(ServerAwayException::class, fn () => $publisher->broadcast('first'));
        self::assertSame(2, (new Publisher($this->dsn($server), timeout: 5.0))->broadcast('second')->connections);
    }

    public function testWhoeverDoesNotCareIsToldAndNotThrownAt(): void
    {
        $publisher = new Publisher("unix://{$this->folder()}/none", whenAway: WhenAway::Ignore);
        foreach ([$publisher->publish('a', 'b'), $publisher->to()->send('b'), $publisher->to()->close()] as $published) {
            self::assertInstanceOf(Published::class, $published);
            self::assertTrue($published->isIgnored());
            self::assertFalse($published->isSent() || $published->isSpooled());
            self::assertNull($published->connections);
            self::assertStringContainsString('No such file', $published->reason->getMessage());
        }
        $this->thrown(ServerAwayException::class, fn () => $publisher->stats());
    }

    public function testARefusalIsThrownEvenAtWhoeverDoesNotCare(): void
    {
        $server = $this->unixServer(['request'], self::REFUSED);
        $publisher = new Publisher($this->dsn($server), whenAway: WhenAway::Ignore);
        $this->thrown(RefusedException::class, fn () => $publisher->broadcast('a'));
    }

    private function assertAway(string $message, string $dsn, string $data = 'Hello'): void
    {
        $begun = hrtime(true);
        // What is not about time may take what a busy machine needs.
        $timeout = str_contains($message, 'in time') ? 0.2 : 10.0;
        $away = $this->thrown(ServerAwayException::class, fn () => (new Publisher($dsn, $timeout))->publish('news', $data));
        // Generous: what it must not be is without end.
        self::assertLessThan(10.0, (hrtime(true) - $begun) / 1e9);
        self::assertStringContainsString($message, $away->getMessage());
    }

    /** @return list<int> Over which connections this message came. */
    private function connectionsOf(ScriptedServer $server, string $data): array
    {
        $found = array_filter($server->stop(), fn ($line) => str_contains($line->body ?? '', $data));
        return array_values(array_column($found, 'connection'));
    }
}
