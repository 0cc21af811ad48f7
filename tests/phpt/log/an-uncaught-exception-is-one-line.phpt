--TEST--
An exception that nobody hears is a warning of one line: what is in its message can forge none, nor speak to a terminal
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\Connection;

require __DIR__ . '/../support.inc';

final class Odd extends \RuntimeException
{
    public function __toString(): string
    {
        throw new \LogicException('nobody asks');
    }
}
$server = server();
$server->onMessage(function (Connection $connection, string $data): void {
    throw match ($data) {
        'odd' => new Odd("\x9b"),
        // Where it was thrown can be anybody's words, too.
        'elsewhere' => new \ErrorException('where?', 0, E_WARNING, "a\nfile\x1b[2J\u{9b}31m", 7),
        default => new \DomainException("refused: $data", 0, new \LogicException("before\nthat")),
    };
});
$server->start();
foreach (["x\n[2026-12-01] all is well\r\x1b[2J\u{9b}31m\u{2028}\x00", str_repeat('long ', 100_000), 'odd', 'elsewhere'] as $text) {
    ob_start();
    $client = Client::connect($server);
    $client->send($text);
    $closed = $client->closed();
    $shown = trim(ob_get_clean());
    echo strlen($shown) < 5000 && !preg_match('/[\x00-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80\xa8/', $shown) ? "plain\n" : "not plain\n";
    echo $closed, ' ', substr(preg_replace('~/\S*/~', '', $shown), 0, 220), "\n";
    echo $text === 'elsewhere' ? strstr($shown, ' in a\\n') . "\n" : '';
}
// A handler of the script's hears it as it hears other warnings.
set_error_handler(function (int $kind, string $message, string $file, int $line): bool {
    echo $kind === E_WARNING, ' ', substr($message, 0, 40), ' ', basename($file), ' ', $line, "\n";

    return true;
});
$client = Client::connect($server);
$client->send("a\nb");
$client->closed();
// What it sets meanwhile stays so.
set_error_handler(fn (): bool => ini_set('display_errors', '0') !== false);
$client = Client::connect($server);
$client->send('c');
$client->closed();
$server->stop(0.0);
restore_error_handler();
restore_error_handler();
trigger_error('not shown');
?>
--EXPECTF--
plain
1011 Warning: Uncaught DomainException: refused: x\n[2026-12-01] all is well\r\x1b[2J\u{9b}31m\u{2028}\x00; after LogicException: before\nthat in an-uncaught-exception-is-one-line.php:%d; trace: #0 [internal function]: %s
plain
1011 Warning: Uncaught DomainException: refused: long long %s
plain
1011 Warning: Uncaught Ferrite\Tests\Odd: \x9b; trace: #0 %s
plain
1011 Warning: Uncaught ErrorException: where?; trace: #0 %s
 in a\nfile\x1b[2J\u{9b}31m on line 7
1 Uncaught DomainException: refused: a\nb;%san-uncaught-exception-is-one-line.php %d
