<?php

declare(strict_types=1);

namespace Ferrite\Tests\Gomoob;

/** A process that runs `server.php`. */
final class RunningServer
{
    public readonly string $address;

    /** @var resource */
    private $process;

    /** @var resource */
    private $output;

    /** @param array<string, mixed> $options for server.php */
    public function __construct(array $options = [])
    {
        $extension = getenv('FERRITE_EXT');
        $command = [PHP_BINARY, '-n', '-d', "extension=$extension", __DIR__ . '/server.php', json_encode((object) $options)];
        $this->process = proc_open($command, [1 => ['pipe', 'w'], 2 => ['redirect', 1]], $pipes);
        $this->output = $pipes[1];
        $this->address = $this->line('~listening on ws://(\S+)~')[1];
    }

    /**
     * The next line that matches.
     *
     * @return array<string>
     */
    public function line(string $pattern): array
    {
        $seen = '';
        $deadline = microtime(true) + 10;
        while (microtime(true) < $deadline) {
            $read = [$this->output];
            $write = $except = null;
            if (stream_select($read, $write, $except, 0, 100_000) === 0) {
                continue;
            }
            $line = fgets($this->output);
            if ($line === false) {
                break;
            }
            if (preg_match($pattern, $line, $match) === 1) {
                return $match;
            }
            $seen .= $line;
        }
        throw new \RuntimeException("no line like $pattern, but:\n$seen");
    }

    /** Ends it; the exit code. */
    public function stop(): int
    {
        proc_terminate($this->process, 15);
        stream_get_contents($this->output);
        fclose($this->output);

        return proc_close($this->process);
    }
}
