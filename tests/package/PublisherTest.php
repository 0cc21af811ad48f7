<?php

declare(strict_types=1);

namespace Ferrite\Tests\Package;

use Ferrite\RemoteAudience;
use Ferrite\Publisher;
use Ferrite\PublisherInterface;
use Ferrite\RefusedException;
use Ferrite\RemoteConnection;
use Ferrite\ServerAwayException;
use Ferrite\ServerHealth;
use Ferrite\UnauthorizedException;

/** What is asked, word for word, and what is made of the answers. */
final class PublisherTest extends PackageTestCase
{
    private const TWELVE = ['answer', 200, ['connections' => 12]];

    public function testAMessageToATopicIsOneRequest(): void
    {
        $server = $this->unixServer(['request'], self::TWELVE);
        $published = (new Publisher($this->dsn($server)))->publish('news', 'Hello', id: 'order 7');

        self::assertSame(12, $published->connections);
        self::assertTrue($published->isSent());
        self::assertFalse($published->isSpooled() || $published->isIgnored());
        self::assertSame('order 7', $published->id);
        $request = $server->request();
        self::assertSame('POST /v1/publish HTTP/1.1', $request->line);
        self::assertSame('{"topic":"news","data":"Hello"}', $request->body);
        self::assertEquals((object) [
            'Host' => 'ferrite',
            'Content-Type' => 'application/json',
            'Content-Length' => '31',
            'Idempotency-Key' => 'order 7',
        ], $request->headers);
    }

    /** @dataProvider bodies */
    public function testEveryArgumentHasItsField(\Closure $call, string $line, string $body): void
    {
        $server = $this->unixServer(['request'], self::TWELVE);
        $call(new Publisher($this->dsn($server)));
        $request = $server->request();
        self::assertSame("POST $line HTTP/1.1", $request->line);
        self::assertSame($body, $request->body);
    }

    public static function bodies(): iterable
    {
        $to = fn (\Closure $narrow) => fn (PublisherInterface $p) => $narrow($p->to())->send('x');
        return [
            [fn ($p) => $p->publish('a', 'b', except: 7), '/v1/publish', '{"topic":"a","except":[7],"data":"b"}'],
            [fn ($p) => $p->publish('a', 'b', except: [7, 8]), '/v1/publish', '{"topic":"a","except":[7,8],"data":"b"}'],
            [fn ($p) => $p->publish('a', "\0\xff", true), '/v1/publish', '{"topic":"a","data":"AP8=","binary":true}'],
            [fn ($p) => $p->publish('a', 'b', compress: false), '/v1/publish', '{"topic":"a","data":"b","compress":false}'],
            'what looks like something else stays what it is' => [
                fn ($p) => $p->publish("a*\"\0\\/", "é\u{2028}\0\"</script>"),
                '/v1/publish',
                '{"topic":"a*\"\u0000\\\\/","data":"é\u2028\u0000\"</script>"}',
            ],
            [fn ($p) => $p->broadcast(''), '/v1/broadcast', '{"data":""}'],
            [fn ($p) => $p->broadcast('b', except: [1]), '/v1/broadcast', '{"except":[1],"data":"b"}'],
            'everybody' => [$to(fn ($a) => $a), '/v1/send', '{"to":{},"data":"x"}'],
            'nobody' => [$to(fn ($a) => $a->user(...[])), '/v1/send', '{"to":{"users":[]},"data":"x"}'],
            'several values widen, however they are given' => [
                $to(fn ($a) => $a->topic('a', 'b')->user('0')->topic('c')),
                '/v1/send',
                '{"to":{"topics":["a","b","c"],"users":["0"]},"data":"x"}',
            ],
            [
                $to(fn ($a) => $a->connection(1, 2)->except(3)->except(4)),
                '/v1/send',
                '{"to":{"connections":[1,2],"except":[3,4]},"data":"x"}',
            ],
            [
                $to(fn ($a) => $a->tags(['lang' => 'FR', '7' => 12])),
                '/v1/send',
                '{"to":{"tags":{"lang":"FR","7":"12"}},"data":"x"}',
            ],
            'tags that are a list to PHP' => [
                $to(fn ($a) => $a->tags(['0' => 'a', '1' => 'b'])),
                '/v1/send',
                '{"to":{"tags":{"0":"a","1":"b"}},"data":"x"}',
            ],
            'no tags ask for nothing' => [$to(fn ($a) => $a->tags([])), '/v1/send', '{"to":{},"data":"x"}'],
            [$to(fn ($a) => $a->tags('lang=FR & !muted')), '/v1/send', '{"to":{"tags":"lang=FR & !muted"},"data":"x"}'],
            'tags given again narrow' => [
                $to(fn ($a) => $a->tags('a | b')->tags(['lang' => 'FR', 'say "\\"' => '('])->tags('c=")"')),
                '/v1/send',
                '{"to":{"tags":"(a | b) & (\"lang\"=\"FR\" & \"say \\\\\"\\\\\\\\\\\\\"\"=\"(\") & (c=\")\")"},"data":"x"}',
            ],
            [
                fn ($p) => $p->to()->user('ann')->close(1008, 'banned'),
                '/v1/close',
                '{"to":{"users":["ann"]},"code":1008,"reason":"banned"}',
            ],
            [fn ($p) => $p->to()->topic('a')->count(), '/v1/count', '{"to":{"topics":["a"]}}'],
        ];
    }

    public function testASelectorMakesAnotherAudience(): void
    {
        $all = (new Publisher('unix:///nowhere'))->to();
        $french = $all->tags(['lang' => 'FR']);
        self::assertNotSame($all, $french);
        self::assertEquals([], $all->selection->tags);
        self::assertSame($all, $all->tags([]));
    }

    /** @dataProvider queriesThatReachOut */
    public function testAQueryCannotReachOutOfItsBrackets(string $query): void
    {
        $audience = new RemoteAudience($this->createStub(\Ferrite\Internal\Sender::class));
        $this->thrown(\ValueError::class, fn () => $audience->tags($query));
    }

    public static function queriesThatReachOut(): iterable
    {
        return [['a) | (b'], [')('], ['(a'], ['a="'], ['a="x\\"'], ['a="\\\\" | b="'], ['"(" | )']];
    }

    public function testQuotedBracketsAreText(): void
    {
        $audience = new RemoteAudience($this->createStub(\Ferrite\Internal\Sender::class));
        $query = 'a=")" & (b="\\")" | c="\\\\")';
        self::assertSame([$query], $audience->tags($query)->selection->tags);
    }

    public function testEachCallHasAnotherId(): void
    {
        $server = $this->unixServer(['api']);
        $publisher = new Publisher($this->dsn($server));
        $ids = [$publisher->broadcast('a')->id, $publisher->broadcast('b')->id];
        self::assertMatchesRegularExpression('/^[0-9a-f]{32}$/', $ids[0]);
        self::assertNotSame($ids[0], $ids[1]);
        self::assertSame($ids[0], $server->request()->headers->{'Idempotency-Key'});
    }

    public function testOneConnectionServesAllCalls(): void
    {
        $server = $this->unixServer(['api']);
        $publisher = new Publisher($this->dsn($server));
        for ($i = 1; $i <= 3; $i++) {
            self::assertSame($i, $publisher->broadcast("$i")->connections);
            self::assertSame(0, $server->request()->connection);
        }
    }

    /** @dataProvider wrongArguments */
    public function testWrongArgumentsThrowAtTheCallAndNothingIsSent(string $class, string $message, \Closure $call): void
    {
        $server = $this->unixServer(['api']);
        $publisher = new Publisher($this->dsn($server));
        self::assertStringContainsString($message, $this->thrown($class, fn () => $call($publisher))->getMessage());
        self::assertSame([], $server->stop());
    }

    public static function wrongArguments(): iterable
    {
        return [
            [\ValueError::class, 'data is not valid UTF-8', fn ($p) => $p->publish('a', "\xff")],
            [\ValueError::class, 'topic is not valid UTF-8', fn ($p) => $p->publish("\xff", 'a')],
            [\ValueError::class, 'to is not valid UTF-8', fn ($p) => $p->to()->user("\xff")->send('a')],
            [\ValueError::class, 'to is not valid UTF-8', fn ($p) => $p->to()->user("\xff")->connections()],
            [\ValueError::class, 'reason is not valid UTF-8', fn ($p) => $p->to()->close(1000, "\xff")],
            [\ValueError::class, 'prefix is not valid UTF-8', fn ($p) => $p->topics("\xff")],
            [\ValueError::class, 'topic is not valid UTF-8', fn ($p) => $p->presence("\xff")],
            [\ValueError::class, 'id ', fn ($p) => $p->broadcast('a', id: '')],
            [\ValueError::class, 'id ', fn ($p) => $p->broadcast('a', id: "a\r\nb: c")],
            [\ValueError::class, 'id ', fn ($p) => $p->broadcast('a', id: "a\n")],
            [\ValueError::class, 'id ', fn ($p) => $p->broadcast('a', id: str_repeat('x', 65))],
            [\ValueError::class, 'id ', fn ($p) => $p->to()->close(id: ' a')],
            [\TypeError::class, 'except', fn ($p) => $p->broadcast('a', except: ['7'])],
            [\TypeError::class, 'int', fn ($p) => $p->to()->tags(['a' => 1.5])],
        ];
    }

    /** @dataProvider refusals */
    public function testARefusalSaysWhatIsWrongAndWhere(int $status, array $error, ?string $field, ?int $column): void
    {
        $server = $this->unixServer(['request'], ['answer', $status, ['error' => $error]]);
        $refused = $this->thrown(RefusedException::class, fn () => (new Publisher($this->dsn($server)))->broadcast('a'));
        self::assertSame($field === null ? 'no' : "$field: no", $refused->getMessage());
        self::assertSame([$error['code'], $status, $status], [$refused->error, $refused->status, $refused->getCode()]);
        self::assertSame([$field, $column], [$refused->field, $refused->column]);
    }

    public static function refusals(): iterable
    {
        $query = ['code' => 'invalid_query', 'field' => 'to.tags', 'column' => 9, 'message' => 'no'];
        return [
            [400, ['code' => 'invalid_field', 'field' => 'topic', 'message' => 'no'], 'topic', null],
            [400, $query, 'to.tags', 9],
            [404, ['code' => 'not_found', 'message' => 'no'], null, null],
            [413, ['code' => 'too_large', 'message' => 'no'], null, null],
            [422, ['code' => 'idempotency_mismatch', 'message' => 'no'], null, null],
        ];
    }

    public function testOverTcpEachRequestIsSigned(): void
    {
        $server = $this->tcpServer(['request'], self::TWELVE, ['request'], ['answer', 200, ['figure' => 1]]);
        $publisher = new Publisher($this->dsn($server));
        $before = time();
        $publisher->publish('news', 'Hello', id: 'one');
        $publisher->stats();

        $post = $server->request();
        $now = $post->headers->{'Ferrite-Timestamp'};
        self::assertSame($server->address, $post->headers->Host);
        self::assertSame(self::KEY, $post->headers->{'Ferrite-Key'});
        self::assertTrue($now >= $before && $now <= time());
        self::assertSame(
            hash_hmac('sha256', "POST\n/v1/publish\n$now\none\n{\"topic\":\"news\",\"data\":\"Hello\"}", self::SECRET),
            $post->headers->{'Ferrite-Signature'},
        );
        $get = $server->request();
        self::assertSame(
            hash_hmac('sha256', "GET\n/v1/stats\n{$get->headers->{'Ferrite-Timestamp'}}\n\n", self::SECRET),
            $get->headers->{'Ferrite-Signature'},
        );
        self::assertFalse(isset($get->headers->{'Idempotency-Key'}));
    }

    public function testAWrongKeyAndAWrongClockAreToldApart(): void
    {
        $wrong = ['answer', 401, ['error' => ['code' => 'unauthorized', 'message' => 'no such key or signature']]];
        $server = $this->tcpServer(['request'], $wrong);
        $e = $this->thrown(UnauthorizedException::class, fn () => (new Publisher($this->dsn($server)))->broadcast('a'));
        self::assertSame('no such key or signature', $e->getMessage());
        self::assertNull($e->clockOffset);

        $clock = ['answer', 401, ['error' => ['code' => 'clock', 'message' => 'no', 'now' => time() + 1000]]];
        $server = $this->tcpServer(['request'], $clock);
        $e = $this->thrown(UnauthorizedException::class, fn () => (new Publisher($this->dsn($server)))->broadcast('a'));
        self::assertEqualsWithDelta(-1000, $e->clockOffset, 60);
        self::assertSame("this machine's clock is " . -$e->clockOffset . " seconds behind the server's", $e->getMessage());
    }

    public function testConnectionsComePageByPage(): void
    {
        $ann = ['id' => 57, 'user' => 'ann', 'topics' => ['news'], 'tags' => ['lang' => 'FR'], 'buffered' => 3, 'latency' => 0.012];
        $bob = ['id' => 58, 'user' => null, 'topics' => [], 'tags' => [], 'buffered' => 0, 'latency' => null];
        $server = $this->unixServer(
            ['request'],
            ['answer', 200, ['connections' => [$ann], 'total' => 2, 'next' => 57]],
            ['request'],
            ['answer', 200, ['connections' => [$bob], 'total' => 2, 'next' => null]],
        );
        $audience = (new Publisher($this->dsn($server)))->to()
            ->topic('a&b', 'c')->user('ann')->connection(1, 2)->tags(['lang' => 'FR'])->except(1);
        $found = iterator_to_array($audience->connections(), false);
        self::assertEquals([new RemoteConnection(57, 'ann', ['news'], ['lang' => 'FR'], 3, 0.012), new RemoteConnection(58)], $found);
        $query = 'topic=a%26b&topic=c&user=ann&id=1&id=2&except=1&tags=%22lang%22%3D%22FR%22&limit=1000';
        self::assertSame("GET /v1/connections?$query HTTP/1.1", $server->request()->line);
        self::assertSame("GET /v1/connections?$query&after=57 HTTP/1.1", $server->request()->line);
    }

    public function testNobodyIsListedWithoutAsking(): void
    {
        $publisher = new Publisher('unix:///nowhere/at/all');
        self::assertSame([], iterator_to_array($publisher->to()->user()->connections()));
    }

    public function testTopicsPresenceAndFigures(): void
    {
        $server = $this->unixServer(
            ['request'],
            ['answer', 200, ['topics' => [['topic' => 'news', 'connections' => 12]], 'next' => 'news']],
            ['request'],
            ['answer', 200, ['topics' => [['topic' => 'nx 1', 'connections' => 1]], 'next' => null]],
            ['request'],
            ['answer', 200, ['users' => ['ann', 'bob'], 'connections' => 5]],
            ['request'],
            ['answer', 200, ['connections' => 5, 'seconds' => 0.5]],
        );
        $publisher = new Publisher($this->dsn($server));
        self::assertSame(['news' => 12, 'nx 1' => 1], iterator_to_array($publisher->topics('n')));
        $presence = $publisher->presence('n&1');
        self::assertSame(['n&1', ['ann', 'bob'], 5], [$presence->topic, $presence->users, $presence->connections]);
        self::assertSame(['connections' => 5, 'seconds' => 0.5], $publisher->stats());
        self::assertSame('GET /v1/topics?prefix=n&limit=1000 HTTP/1.1', $server->request()->line);
        self::assertSame('GET /v1/topics?prefix=n&limit=1000&after=news HTTP/1.1', $server->request()->line);
        self::assertSame('GET /v1/presence?topic=n%261 HTTP/1.1', $server->request()->line);
        self::assertSame('GET /v1/stats HTTP/1.1', $server->request()->line);
    }

    public function testHealthIsAnAnswerEvenWithoutAServer(): void
    {
        $server = $this->unixServer(
            ['request'],
            ['answer', 200, ['status' => 'ok']],
            ['request'],
            ['answer', 503, ['status' => 'stopping']],
        );
        $publisher = new Publisher($this->dsn($server));
        self::assertSame(ServerHealth::Ok, $publisher->health());
        self::assertSame(ServerHealth::Stopping, $publisher->health());
        $server->stop();
        self::assertSame(ServerHealth::Away, $publisher->health());
        $other = $this->tcpServer(['request'], ['answer', 200, ['status' => 1]]);
        self::assertSame(ServerHealth::Away, (new Publisher($this->dsn($other)))->health());
    }

    /** @dataProvider strangeAnswers */
    public function testAnAnswerOfAnotherShapeIsNone(\Closure $call, mixed $answer): void
    {
        $server = $this->unixServer(['request'], ['answer', 200, $answer]);
        $this->thrown(ServerAwayException::class, fn () => $call(new Publisher($this->dsn($server))));
    }

    public static function strangeAnswers(): iterable
    {
        $connections = fn ($p) => iterator_to_array($p->connections());
        $topics = fn ($p) => iterator_to_array($p->topics());
        return [
            [fn ($p) => $p->broadcast('a'), []],
            [fn ($p) => $p->broadcast('a'), ['connections' => '12']],
            [fn ($p) => $p->broadcast('a'), [1]],
            [fn ($p) => $p->broadcast('a'), 12],
            [$connections, ['connections' => 1]],
            [$connections, ['connections' => [1]]],
            [$connections, ['connections' => [['id' => 'x']]]],
            [$connections, ['connections' => [], 'next' => []]],
            [$topics, ['topics' => [['topic' => 1, 'connections' => 1]]]],
            [fn ($p) => $p->presence('a'), ['users' => 'ann', 'connections' => 1]],
        ];
    }

    /** @dataProvider wrongSettings */
    public function testAWrongSettingIsNamed(string $name, array $settings): void
    {
        $e = $this->thrown(\ValueError::class, fn () => new Publisher(...$settings + ['dsn' => 'unix:///a']));
        self::assertStringStartsWith($name, $e->getMessage());
        self::assertStringNotContainsString('tell nobody', "$e");
    }

    public static function wrongSettings(): iterable
    {
        return [
            ['dsn', ['dsn' => '']],
            ['dsn', ['dsn' => 'unix://a']],
            ['dsn', ['dsn' => 'unix:///' . str_repeat('a', 107)]],
            ['dsn', ['dsn' => 'http://127.0.0.1:9000']],
            ['dsn', ['dsn' => 'http://key:tell nobody@127.0.0.1:9000']],
            ['dsn', ['dsn' => 'http://key:tell nobody at all@127.0.0.1']],
            ['dsn', ['dsn' => 'http://key:tell nobody at all@127.0.0.1:99999']],
            ['dsn', ['dsn' => 'http://key:tell nobody at/all@127.0.0.1:9000']],
            ['dsn', ['dsn' => 'http://k%0Aey:tell nobody at all@127.0.0.1:9000']],
            ['dsn', ['dsn' => 'ftp://key:tell nobody at all@127.0.0.1:9000']],
            ['timeout', ['timeout' => 0.0]],
            ['timeout', ['timeout' => 250.0]],
            ['timeout', ['timeout' => NAN]],
            ['caFile', ['caFile' => '/none.pem']],
            ['caFile', ['caFile' => '/']],
        ];
    }

    public function testTheSecretIsShownNowhere(): void
    {
        $publisher = new Publisher('http://shop:tell+nobody%2C+ever@127.0.0.1:1');
        $e = $this->thrown(ServerAwayException::class, fn () => $publisher->publish('a', 'b'));
        ob_start();
        var_dump($publisher, $publisher->to(), $e);
        $shown = ob_get_clean() . print_r($publisher, true) . print_r($publisher->to(), true) . var_export($publisher, true)
            . print_r((array) $publisher, true) . json_encode($publisher) . "$e";
        self::assertStringNotContainsString('nobody', $shown);
        self::assertStringContainsString('http://127.0.0.1:1', $shown);
        $this->thrown(\LogicException::class, fn () => serialize($publisher));
        $this->thrown(\Error::class, fn () => clone $publisher);
    }

    public function testTheSecretIsPercentDecoded(): void
    {
        $server = $this->tcpServer(['request'], self::TWELVE);
        (new Publisher("http://a%40b:%2F%3A%40%25+ sixteen bytes@$server->address"))->broadcast('x', id: 'i');
        $headers = $server->request()->headers;
        self::assertSame('a@b', $headers->{'Ferrite-Key'});
        self::assertSame(
            hash_hmac('sha256', "POST\n/v1/broadcast\n{$headers->{'Ferrite-Timestamp'}}\ni\n{\"data\":\"x\"}", '/:@%+ sixteen bytes'),
            $headers->{'Ferrite-Signature'},
        );
    }
}
