--TEST--
What destructors throw when the loop lets go of values reaches onError, and nobody else: in run() and in poll()
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\{Connection, Handshake, Request, Server};

require __DIR__ . '/../support.inc';

/** A value whose end throws. */
final class Bomb
{
    public function __construct(private string $what)
    {
    }

    public function __destruct()
    {
        throw new \LogicException("the end of $this->what");
    }
}

/** An exception whose end throws. */
final class FragileException extends \RuntimeException
{
    public function __destruct()
    {
        throw new \LogicException("the end of \"{$this->getMessage()}\"");
    }
}

/** Answers an ordinary request. */
function ask(Server|string $to, string $path): Client
{
    $plain = ['Upgrade' => [], 'Connection' => 'close', 'Sec-WebSocket-Key' => [], 'Sec-WebSocket-Version' => []];

    return Client::ask($to, $path, $plain);
}

/** A server every callback of which returns a bomb, takes its own place and ends with a bomb; what is reported is logged. */
function fragile(\ArrayObject $log): Server
{
    $server = server();
    $bodies = [
        'onHandshake' => fn (Handshake $handshake) => $handshake->accept('ann', ['lobby']),
        'onOpen' => function (Connection $connection): void {
            $connection->data = new Bomb('data');
        },
        'onMessage' => function (Connection $connection, string $text): void {
            $connection->send("heard $text");
            if ($text === 'throw') {
                throw new FragileException('an exception of onMessage');
            }
        },
        'onAuthorize' => fn (Connection $connection, string $text): mixed => $text === 'bomb' ? null : $text !== 'forbidden',
        'onClose' => function (Connection $connection, int $code) use ($log): void {
            // The last one is let go at the stop, or goes by itself.
            $log[] = "{$connection->request->path} is closed" . ($code === 1006 || $code === 1001 ? '' : ", $code");
        },
        'onRequest' => fn (Request $request) => $request->path === '/bomb' ? null : "answered $request->path",
        'onJoin' => fn () => null,
        'onLeave' => fn () => null,
        'onStart' => fn () => null,
        'onStop' => function () use ($log): void {
            $log[] = 'stopped';
        },
    ];
    foreach ($bodies as $method => $body) {
        $bomb = new Bomb("the closure of $method");
        $server->$method(function (mixed ...$arguments) use ($server, $method, $body, $bomb): mixed {
            $server->$method(fn (mixed ...$next): mixed => $body(...$next) ?? new Bomb("what the next $method returned"));

            return $body(...$arguments) ?? new Bomb("what $method returned");
        });
        unset($bomb);
    }
    $server->onError(function (\Throwable $error, ?Connection $connection) use ($log): mixed {
        $whose = $connection === null ? '' : "{$connection->request->path}: ";
        for ($at = $error; $at !== null; $at = $at->getPrevious()) {
            $log[] = $whose . $at->getMessage();
        }

        return $error->getMessage() === 'the end of what onOpen returned' ? new Bomb('what onError returned') : null;
    });
    $server->announcePresence('lobby', toClients: false);
    $bomb = new Bomb('the closure of a timer');
    $server->after(0, fn (): Bomb => ($bomb !== null) ? new Bomb('what a timer returned') : $bomb);
    unset($bomb);
    $server->after(0, fn () => $log[] = 'the next timer runs');

    return $server;
}

/** What clients meet: nobody is hit by what was let go for another. */
function clients(Server $server, \ArrayObject $log): void
{
    $said = fn (string $line): bool => in_array($line, $log->getArrayCopy(), true);
    $polled = \Fiber::getCurrent() === null ? [$server] : [];
    $to = $polled === [] ? $server->addresses()[0] : $server;
    [$first, $second, $third] = [Client::connect($to, '/first'), Client::connect($to, '/second'), Client::connect($to, '/third')];
    foreach (['one', 'two'] as $text) {
        foreach ([$first, $second, $third] as $client) {
            $client->send($text);
            echo $client->text(), "\n";
        }
    }
    $first->send('throw');
    echo $first->text(), ', ', $first->closed(), "\n";
    $second->send('forbidden');
    echo $second->closed(), "\n";
    $third->send('still there');
    echo $third->text(), "\n";
    echo ask($to, '/x')->body, "\n";
    echo ask($to, '/bomb')->status, "\n";
    $third->send('bomb');
    echo $third->closed(), "\n";
    // Else the user may still be there when the fourth comes, who then joins nothing.
    until(fn (): bool => $said('/third is closed, 1011'), ...$polled);
    $fourth = Client::connect($to, '/fourth');
    until(fn (): bool => $said('/fourth: the end of what the next onOpen returned'), ...$polled);
}

function report(\ArrayObject $log): string
{
    $counted = array_count_values($log->getArrayCopy());
    ksort($counted);

    return implode("\n", array_map(fn (string $line, int $times): string => "  $times times $line", array_keys($counted), $counted));
}

echo "poll()\n";
$polled = new \ArrayObject();
$server = fragile($polled);
$server->start();
clients($server, $polled);
$server->stop(0.0);
echo report($polled), "\nrun()\n";
unset($server);
$run = new \ArrayObject();
$server = fragile($run);
play($server, fn () => clients($server, $run));
echo report($run) === report($polled) ? 'the same' : report($run), "\n";
?>
--EXPECTF--
poll()

Warning: Uncaught LogicException: the end of what onError returned; trace: %s in %s on line %d
heard one
heard one
heard one
heard two
heard two
heard two

Warning: Uncaught LogicException: the end of "an exception of onMessage"; trace: %s in %s on line %d
heard throw, 1011
3003 not authorised
heard still there
answered /x
500
1011
  1 times /first is closed, 1011
  1 times /first: an exception of onMessage
  1 times /first: the end of the closure of onAuthorize
  1 times /first: the end of the closure of onClose
  1 times /first: the end of the closure of onMessage
  1 times /first: the end of the closure of onOpen
  1 times /first: the end of what onClose returned
  1 times /first: the end of what onMessage returned
  1 times /first: the end of what onOpen returned
  1 times /first: the end of what the next onMessage returned
  1 times /fourth is closed
  1 times /fourth: the end of what the next onClose returned
  1 times /fourth: the end of what the next onOpen returned
  1 times /second is closed, 3003
  1 times /second: the end of what the next onClose returned
  2 times /second: the end of what the next onMessage returned
  1 times /second: the end of what the next onOpen returned
  1 times /third is closed, 1011
  1 times /third: The callback of onAuthorize must return bool, another object returned
  1 times /third: the end of what the next onAuthorize returned
  1 times /third: the end of what the next onClose returned
  3 times /third: the end of what the next onMessage returned
  1 times /third: the end of what the next onOpen returned
  1 times The callback of onRequest must return Ferrite\Response, string or null, another object returned
  1 times stopped
  4 times the end of data
  1 times the end of the closure of a timer
  1 times the end of the closure of onHandshake
  1 times the end of the closure of onJoin
  1 times the end of the closure of onLeave
  1 times the end of the closure of onRequest
  1 times the end of the closure of onStart
  1 times the end of the closure of onStop
  1 times the end of what a timer returned
  1 times the end of what onHandshake returned
  1 times the end of what onJoin returned
  1 times the end of what onLeave returned
  1 times the end of what onStart returned
  1 times the end of what onStop returned
  3 times the end of what the next onHandshake returned
  1 times the end of what the next onJoin returned
  1 times the end of what the next onLeave returned
  1 times the end of what the next onRequest returned
  1 times the next timer runs
run()

Warning: Uncaught LogicException: the end of what onError returned; trace: %s in %s on line %d
heard one
heard one
heard one
heard two
heard two
heard two

Warning: Uncaught LogicException: the end of "an exception of onMessage"; trace: %s in %s on line %d
heard throw, 1011
3003 not authorised
heard still there
answered /x
500
1011
the same
