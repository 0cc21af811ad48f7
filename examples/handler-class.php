<?php

declare(strict_types=1);

// All callbacks as methods of one object, as in an application with a container.
//
//   php -d extension=target/release/libferrite.so examples/handler-class.php [ADDRESS]
//
// Connect to /?name=Ada and send an arithmetic task such as "6 * 7".

use Ferrite\BaseHandler;
use Ferrite\Connection;
use Ferrite\Handshake;
use Ferrite\Server;

require __DIR__ . '/need-ferrite.php';

/** A calculator; BaseHandler has empty bodies for the callbacks that it does not need. */
final class Calculator extends BaseHandler
{
    public function onHandshake(Handshake $handshake): void
    {
        $name = $handshake->request->query()['name'] ?? '';
        if (!is_string($name) || $name === '') {
            $handshake->reject(400, 'Connect with ?name=…');
            return;
        }
        $handshake->accept(user: $name);
    }

    public function onOpen(Connection $connection): void
    {
        // $data is free for the application; here it counts the tasks of this client.
        $connection->data = 0;
        $connection->send("Hello {$connection->user}, what shall I work out?");
    }

    public function onMessage(Connection $connection, string $data, bool $binary): void
    {
        $connection->data++;
        $connection->send("{$connection->data}: $data = " . $this->calculate($data));
    }

    public function onError(\Throwable $error, ?Connection $connection): void
    {
        // The server closes this connection with 1011 after this callback; other clients are not affected.
        fwrite(STDERR, "client {$connection?->id}: {$error->getMessage()}\n");
        $connection?->send("Sorry: {$error->getMessage()}");
    }

    private function calculate(string $task): int|float
    {
        if (preg_match('/^\s*(-?\d{1,9})\s*([-+*\/])\s*(-?\d{1,9})\s*$/', $task, $parts) !== 1) {
            throw new \InvalidArgumentException('I only know two numbers and one of + - * /');
        }
        [, $left, $operator, $right] = $parts;

        return match ($operator) {
            '+' => $left + $right,
            '-' => $left - $right,
            '*' => $left * $right,
            '/' => $left / $right, // by zero: DivisionByZeroError, which goes to onError, too
        };
    }
}

$server = new Server($argv[1] ?? '127.0.0.1:8080');
$server->handler(new Calculator());
$server->run();
