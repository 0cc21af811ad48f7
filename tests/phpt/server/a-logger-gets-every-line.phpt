--TEST--
A logger gets level, message and context, and standard error stays quiet
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\Server;

require __DIR__ . '/../support.inc';

$lines = [];
$server = new Server('127.0.0.1:0', origins: ['*'], logger: function (string $level, string $message, array $context) use (&$lines): void {
    $lines[] = [$level, $message, $context];
});
$server->onStart(function () use ($server): void {
    $server->after(0.0, fn () => $server->stop(0.0));
});
$server->run();
$levels = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency'];
var_dump(count($lines) >= 2, array_diff(array_column($lines, 0), $levels));
$text = implode("\n", array_column($lines, 1)) . json_encode(array_column($lines, 2));
// At start: the listener, the version, the ceiling of connections; a warning names its option.
var_dump(preg_match('/127\.0\.0\.1:\d+/', $text), str_contains($text, phpversion('ferrite')));
var_dump(in_array('warning', array_column($lines, 0), true), str_contains($text, 'origins'));

// One that throws is not the server's end.
$server = new Server('127.0.0.1:0', logger: fn () => throw new \DomainException('bad logger'));
$server->after(0.0, fn () => $server->stop(0.0));
@$server->run();
echo "done\n";
?>
--EXPECT--
bool(true)
array(0) {
}
int(1)
bool(true)
bool(true)
bool(true)
done
