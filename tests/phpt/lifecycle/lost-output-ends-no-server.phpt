--TEST--
When the reader of standard output has gone, output is lost and the server goes on; if PHP ends, the log says why
--EXTENSIONS--
ferrite
--SKIPIF--
<?php
if (getenv('USE_ZEND_ALLOC') === '0') die('skip where leaks are looked for, a script that is left by exit() loses its cycles');
?>
--FILE--
<?php

declare(strict_types=1);

$script = <<<'PHP'
fgets(STDIN);
$server = new Ferrite\Server('127.0.0.1:0', ioThreads: 1);
$server->after(0.0, function () { echo "lost\n"; });
$server->after(0.001, function () { throw new Exception('lost as well'); });
$server->after(0.002, function () { echo "lost too\n"; });
$server->after(0.003, function () use ($server) {
    fwrite(STDERR, "still there\n");
    $server->stop(0.0);
});
HOW;
fwrite(STDERR, 'after it ' . ini_get('ignore_user_abort') . "\n");
PHP;
$ways = [
    'run' => '$server->run()',
    'poll' => '$server->start(); while ($server->addresses() !== []) { $server->poll(0.1); }',
    'only by onStop' => '$server = new Ferrite\Server("127.0.0.1:0", ioThreads: 1); $server->onStop(function () { echo "lost\n"; });
        $server->after(0.0, fn () => $server->stop(0.0)); $server->run()',
    'and the script exits' => '$server->after(0.0, function () { echo "lost\n"; exit; }); $server->run()',
    'and a fatal error ends the script' => 'register_shutdown_function(function () { fwrite(STDERR, error_get_last()["message"] . "\n"); });
        $server->after(0.0, function () { eval("function one() {} function one() {}"); }); $server->run()',
    'and an exception does, with a server that runs' => '$server->start(); ignore_user_abort(true); throw new Exception("lost")',
    'as the script wants it' => 'ignore_user_abort(false); ini_set("ignore_user_abort", "1"); ini_set("ignore_user_abort", "0"); $server->run()',
];
foreach ($ways as $what => $how) {
    $command = [PHP_BINARY, '-n', '-d', 'extension=' . getenv('FERRITE_EXT'), '-d', 'display_errors=1', '-d', 'log_errors=0'];
    $command = [...$command, '-r', str_replace('HOW', $how, $script)];
    $process = proc_open($command, [['pipe', 'r'], ['pipe', 'w'], ['pipe', 'w']], $pipes);
    fclose($pipes[1]);
    fwrite($pipes[0], "go\n");
    $lines = explode("\n", trim(preg_replace('/^ferrite .*\n/m', '', stream_get_contents($pipes[2]))));
    sort($lines);
    echo "$what:\n", implode("\n", $lines), "\n", proc_close($process), "\n";
}
?>
--EXPECTF--
run:
after it 0
still there
warning: ferrite %s standard output cannot be written: what the script prints is lost
0
poll:
after it 0
still there
warning: ferrite %s standard output cannot be written: what the script prints is lost
0
only by onStop:
after it 0
warning: ferrite %s standard output cannot be written: what the script prints is lost
0
and the script exits:
warning: ferrite %s standard output cannot be written: what the script prints is lost
0
and a fatal error ends the script:
Cannot redeclare %s (previously declared in %s)
warning: ferrite %s standard output cannot be written: what the script prints is lost
255
and an exception does, with a server that runs:
warning: ferrite %s standard output cannot be written: what the script prints is lost
255
as the script wants it:
error: ferrite %s standard output cannot be written, and PHP ends the script for that (ignore_user_abort)
255
