--TEST--
What is opened after standard error was closed, and has its number, gets no log line
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

$script = <<<'PHP'
$file = tempnam(sys_get_temp_dir(), 'ferrite');
fclose(STDERR);
$data = fopen($file, 'r+');
fwrite($data, 'data');
$server = new Ferrite\Server('127.0.0.1:0', ioThreads: 1);
$server->after(0.0, function () use ($server) {
    $server->stop(0.0);
    throw new Exception('unheard');
});
$server->run();
echo file_get_contents($file) === 'data' ? "untouched\n" : "written to\n";
unlink($file);
PHP;
$command = [PHP_BINARY, '-n', '-d', 'extension=' . getenv('FERRITE_EXT'), '-d', 'display_errors=0', '-d', 'log_errors=1'];
foreach (['', '2>&-'] as $closed) {
    echo shell_exec(implode(' ', array_map(escapeshellarg(...), [...$command, '-r', $script])) . " $closed");
    $script = str_replace('fclose(STDERR);', '', $script);
}
?>
--EXPECT--
untouched
untouched
