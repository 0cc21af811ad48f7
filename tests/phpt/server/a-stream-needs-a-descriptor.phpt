--TEST--
Without a free descriptor stream() throws a StateException that says so, and the server goes on
--EXTENSIONS--
ferrite
--SKIPIF--
<?php is_executable('/bin/sh') || print 'skip a shell sets the limit'; ?>
--FILE--
<?php

declare(strict_types=1);

$script = <<<'PHP'
$server = new Ferrite\Server('127.0.0.1:0', ioThreads: 1, logger: fn () => null);
$server->after(0.0, function () { echo "a timer\n"; });
$server->start();
for ($files = []; $file = @fopen('/dev/null', 'r'); $files[] = $file);
try {
    $server->stream();
} catch (Throwable $error) {
    echo $error::class, ': ', $error->getMessage(), "\n";
}
$server->poll(0.5);
array_pop($files);
echo is_resource($server->stream()) ? "a stream\n" : "none\n";
$server->stop(0.0);
PHP;
$php = [PHP_BINARY, '-n', '-d', 'extension=' . getenv('FERRITE_EXT'), '-d', 'display_errors=1', '-r', $script];
passthru('ulimit -n 120; exec ' . implode(' ', array_map(escapeshellarg(...), $php)));
?>
--EXPECTF--
Ferrite\StateException: No stream can be made beside those that are open: %s
a timer
a stream
