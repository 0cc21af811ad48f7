--TEST--
Log lines, and exceptions that nobody hears, are dropped and counted while nobody reads standard error
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

require __DIR__ . '/../support.inc';

$script = <<<'PHP'
function run(int $times): Ferrite\Server
{
    $server = new Ferrite\Server('127.0.0.1:0', ioThreads: 1);
    $server->every(0.0001, function () use ($server, &$times): void {
        if (--$times <= 0) {
            $server->stop(0.0);
        }
        throw new RuntimeException(str_repeat('x', 500));
    });
    $server->run();

    return $server;
}
fgets(STDIN);
echo run(1000)->stats()['ferrite_log_lines_dropped_total'] > 100 ? "dropped\n" : "not dropped\n";
for ($i = 0; $i < 3; $i++) {
    run(1);
}
fgets(STDIN);
run(1);
echo "done\n";
PHP;
foreach ([['display_errors=0', 'log_errors=1'], ['display_errors=stderr', 'log_errors=0']] as $settings) {
    $command = [PHP_BINARY, '-n', '-d', 'extension=' . getenv('FERRITE_EXT')];
    foreach ($settings as $setting) {
        array_push($command, '-d', $setting);
    }
    $process = proc_open([...$command, '-r', $script], [['pipe', 'r'], ['pipe', 'w'], ['pipe', 'w']], $pipes);
    fwrite($pipes[0], "go\n");
    // Nobody reads standard error until this has come.
    echo fgets($pipes[1]);
    stream_set_blocking($pipes[2], false);
    for ($rest = ''; ($part = fread($pipes[2], 65536)) !== ''; $rest .= $part);
    stream_set_blocking($pipes[2], true);
    fwrite($pipes[0], "go on\n");
    $rest .= stream_get_contents($pipes[2]);
    echo fgets($pipes[1]), preg_match('/^warning: ferrite: \d+ log lines were dropped/m', $rest), "\n";
    echo preg_match('/^ferrite \S+ listening on /m', $rest), ' ', proc_close($process), "\n";
}
?>
--EXPECT--
dropped
done
1
1 0
dropped
done
1
1 0
