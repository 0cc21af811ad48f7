<?php

declare(strict_types=1);

namespace Ferrite\Tests\Package;

/** The connection outlives the page, and yet nobody gets another's answer. */
final class KeptConnectionTest extends PackageTestCase
{
    private const PAGE = <<<'PHP'
        pcntl_async_signals(true);
        pcntl_signal(SIGUSR1, fn () => exit('interrupted'));
        $publisher = new Ferrite\Publisher($_GET['dsn'], timeout: 10.0, persistent: ($_GET['persistent'] ?? '1') === '1');
        echo $publisher->broadcast($_GET['data'])->connections;
        PHP;

    private ?Script $pages = null;
    private ?Script $script = null;

    protected function tearDown(): void
    {
        $this->pages = $this->script = null;
        parent::tearDown();
    }

    public function testTheNextPageFindsTheConnectionOfTheLast(): void
    {
        $server = $this->unixServer(['api']);
        $pages = Script::serve($this->folder(), self::PAGE, $this->pages);
        foreach (['a' => '1', 'b' => '2', 'c' => '3'] as $data => $connections) {
            self::assertSame($connections, Script::get($pages, ['dsn' => $server->address, 'data' => $data])());
            self::assertSame(0, $server->request()->connection);
        }
    }

    public function testIfItShallNotBeKeptEachPageHasItsOwn(): void
    {
        $server = $this->unixServer(['api']);
        $pages = Script::serve($this->folder(), self::PAGE, $this->pages);
        foreach ([0, 1] as $connection) {
            Script::get($pages, ['dsn' => $server->address, 'data' => "$connection", 'persistent' => '0'])();
            self::assertSame($connection, $server->request()->connection);
        }
    }

    public function testAPageThatEndsInTheMiddleLeavesItsAnswerToNobody(): void
    {
        $server = $this->unixServerWith([
            // The answer to the first page comes when the second one asks: nothing is there to be seen before.
            [['request'], ['request'], ['answer', 200, ['connections' => 666]], ['answer', 200, ['connections' => 667]]],
            [['request'], ['answer', 200, ['connections' => 2]]],
        ]);
        $pages = Script::serve($this->folder(), self::PAGE, $this->pages);
        $first = Script::get($pages, ['dsn' => $server->address, 'data' => 'first']);
        $server->request();
        posix_kill($this->pages->pid, SIGUSR1);
        self::assertSame('interrupted', $first());
        self::assertSame('2', Script::get($pages, ['dsn' => $server->address, 'data' => 'second'])());
    }

    public function testAServerThatWasStartedAnewIsFound(): void
    {
        $address = "unix://{$this->folder()}/control";
        $pages = Script::serve($this->folder(), self::PAGE, $this->pages);
        for ($i = 0; $i < 2; $i++) {
            $server = new ScriptedServer([[['api']]], $address);
            self::assertSame('1', Script::get($pages, ['dsn' => $address, 'data' => 'a'])());
            $server->stop();
            unlink("{$this->folder()}/control");
        }
    }

    public function testAChildDoesNotUseItsParentsConnection(): void
    {
        $server = $this->unixServer(['api']);
        $this->script = Script::run($this->folder(), <<<'PHP'
            $publisher = new Ferrite\Publisher($argv[1], timeout: 10.0);
            $publisher->broadcast('parent');
            $child = pcntl_fork();
            $publisher->broadcast($child === 0 ? 'child' : 'parent meanwhile');
            if ($child !== 0) {
                pcntl_wait($status);
                $publisher->broadcast('parent again');
                $another = new Ferrite\Publisher($argv[1], timeout: 10.0);
                $another->broadcast('parent, another publisher');
            }
            PHP, $server->address);
        self::assertSame('', $this->script->output());
        $where = [];
        foreach ($server->stop() as $line) {
            if (isset($line->line)) {
                $where[json_decode($line->body)->data] = $line->connection;
            }
        }
        ksort($where);
        self::assertSame(
            ['child' => 1, 'parent' => 0, 'parent again' => 0, 'parent meanwhile' => 0, 'parent, another publisher' => 0],
            $where,
        );
    }

    public function testASignalsHandlerMayPublishInTheMiddleOfAnotherCall(): void
    {
        $one = [['request'], ['until', 1], ['answer', 200, ['connections' => 1]]];
        $two = [['request'], ['answer', 200, ['connections' => 2]]];
        $server = $this->unixServerWith([$one, $two]);
        $this->script = Script::run($this->folder(), <<<'PHP'
            pcntl_async_signals(true);
            $publisher = new Ferrite\Publisher($argv[1], timeout: 10.0);
            pcntl_signal(SIGUSR1, fn () => print('handler ' . $publisher->broadcast('handler')->connections . "\n"));
            echo 'script ' . $publisher->broadcast('script')->connections . "\n";
            PHP, $server->address);
        $server->request();
        posix_kill($this->script->pid, SIGUSR1);
        self::assertSame("handler 2\nscript 1\n", $this->script->output());
    }

    public function testAHandlerThatThrowsInTheMiddleSpoilsNothing(): void
    {
        $one = [['request'], ['request'], ['answer', 200, ['connections' => 666]]];
        $server = $this->unixServerWith([$one, [['api']]]);
        $this->script = Script::run($this->folder(), <<<'PHP'
            pcntl_async_signals(true);
            pcntl_signal(SIGUSR1, fn () => throw new Exception('enough'));
            $publisher = new Ferrite\Publisher($argv[1], timeout: 10.0);
            try {
                $publisher->broadcast('first');
            } catch (Exception $e) {
                echo $e->getMessage(), ' ', $publisher->broadcast('second')->connections;
            }
            PHP, $server->address);
        $server->request();
        posix_kill($this->script->pid, SIGUSR1);
        self::assertSame('enough 1', $this->script->output());
    }

    public function testAProcessWithThousandsOfDescriptorsPublishes(): void
    {
        $server = $this->unixServer(['api']);
        $this->script = Script::run($this->folder(), <<<'PHP'
            posix_setrlimit(POSIX_RLIMIT_NOFILE, 4096, posix_getrlimit()['hard openfiles']);
            for ($i = 0; $i < 1500; $i++) {
                $open[] = fopen('/dev/null', 'r');
            }
            echo (new Ferrite\Publisher($argv[1], timeout: 10.0))->broadcast('a')->connections;
            PHP, $server->address);
        self::assertSame('1', $this->script->output());
    }
}
