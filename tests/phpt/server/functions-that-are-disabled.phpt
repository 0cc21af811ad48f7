--TEST--
A function of PHP's that is disabled, or whose name the script has taken, is missed where it is needed only
--EXTENSIONS--
ferrite
pcntl
--INI--
disable_functions=json_encode,fopen,pcntl_signal_dispatch,gc_enabled
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests {
    use Ferrite\{Protocol\Gomoob, Request, Response};

    require __DIR__ . '/../support.inc';

    echo thrown(fn () => Response::json(['a' => 1])), "\n";

    $server = server(dialect: new Gomoob(messageParser: fn (array $message): array => $message));
    $errors = [];
    $server->onRequest(fn (Request $request): Response => Response::json(['a' => 1]))
        ->onError(function (\Throwable $error) use (&$errors): void {
            $errors[] = $error::class . ': ' . $error->getMessage();
        });
    $server->start();
    echo is_resource($server->stream()) ? "a stream\n" : "none\n";
    $client = Client::connect($server);
    $client->send('{"message":{"a":1},"tags":{}}');
    echo $client->closed(), "\n";

    // Signals are still served.
    pcntl_async_signals(true);
    $heard = false;
    pcntl_signal(SIGALRM, function () use (&$heard): void {
        $heard = true;
    });
    pcntl_alarm(1);
    $server->poll(patience(5));
    echo $heard ? "heard\n" : "not heard\n";
    watchdog();
    echo Client::ask($server, '/', ['Upgrade' => [], 'Connection' => 'close'])->status, "\n";
    echo implode("\n", $errors), "\n";
    $server->stop(0.0);
}

namespace {
    if (!function_exists('json_encode')) {
        function json_encode(mixed $data, int $flags): mixed
        {
            return 7;
        }
    }
    echo Ferrite\Tests\thrown(fn () => Ferrite\Response::json(['a' => 1])), "\n";
}
?>
--EXPECT--
Ferrite\StateException: PHP's function json_encode() is needed, and is disabled
a stream
1000
heard
500
Ferrite\StateException: PHP's function json_encode() is needed, and is disabled
Ferrite\StateException: PHP's function json_encode() is needed, and is disabled
Ferrite\StateException: PHP's function json_encode() is needed, and is disabled
