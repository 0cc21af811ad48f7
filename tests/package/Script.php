<?php

declare(strict_types=1);

namespace Ferrite\Tests\Package;

/** A PHP process: a script, or pages served by PHP's own web server, whose one process serves one after the other. */
final class Script
{
    public readonly int $pid;
    /** @var resource */
    private $process;
    /** @var array<int, resource> */
    private array $pipes = [];

    /** @param string $code PHP, with the package loaded; `$argv` has the arguments. */
    public static function run(string $folder, string $code, string ...$arguments): self
    {
        return new self([PHP_BINARY, self::file($folder, $code), ...$arguments]);
    }

    /** The pages' address, once it listens. */
    public static function serve(string $folder, string $code, ?self &$script): string
    {
        $script = new self([PHP_BINARY, '-S', '127.0.0.1:0', self::file($folder, $code)]);
        while (($line = fgets($script->pipes[2])) !== false) {
            if (preg_match('~\(http://(.+)\) started~', $line, $found) === 1) {
                return $found[1];
            }
        }
        throw new \RuntimeException('the web server does not start');
    }

    /**
     * Asks for a page.
     *
     * @param array<string, string> $query
     *
     * @return \Closure(): string Waits for it and returns its text.
     */
    public static function get(string $address, array $query): \Closure
    {
        $stream = stream_socket_client("tcp://$address", timeout: 10.0);
        fwrite($stream, 'GET /?' . http_build_query($query) . " HTTP/1.0\r\nHost: $address\r\n\r\n");
        return function () use ($stream): string {
            stream_set_timeout($stream, 20);
            return explode("\r\n\r\n", stream_get_contents($stream), 2)[1] ?? '';
        };
    }

    /** What it printed, when it has ended. */
    public function output(): string
    {
        fclose($this->pipes[0]);
        $output = stream_get_contents($this->pipes[1]) . stream_get_contents($this->pipes[2]);
        proc_close($this->process);
        return $output;
    }

    public function line(): string
    {
        return rtrim((string) fgets($this->pipes[1]));
    }

    public function __destruct()
    {
        if (is_resource($this->process)) {
            proc_terminate($this->process, SIGKILL);
            proc_close($this->process);
        }
    }

    /** @param list<string> $command */
    private function __construct(array $command)
    {
        $this->process = proc_open($command, [['pipe', 'r'], ['pipe', 'w'], ['pipe', 'w']], $this->pipes);
        $this->pid = proc_get_status($this->process)['pid'];
    }

    private static function file(string $folder, string $code): string
    {
        $file = $folder . '/' . bin2hex(random_bytes(4)) . '.php';
        file_put_contents($file, '<?php require ' . var_export(__DIR__ . '/bootstrap.php', true) . ";\n$code");
        return $file;
    }
}
