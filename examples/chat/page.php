<?php

declare(strict_types=1);

/** The chat's page, from PHP's built-in web server; a real site would use its own web server. */
final class Page
{
    /** @var resource|null */
    private $process = null;

    public function __construct(private readonly int $port, private readonly string $chatUrl)
    {
    }

    public function url(): string
    {
        return "http://127.0.0.1:{$this->port}/";
    }

    /** @return list<string> */
    public function origins(): array
    {
        return ["http://127.0.0.1:{$this->port}", "http://localhost:{$this->port}"];
    }

    /** Starts the web server, and sees to it that it ends with this script. */
    public function serve(): void
    {
        $this->process = proc_open(
            [PHP_BINARY, '-n', '-S', "127.0.0.1:{$this->port}", '-t', __DIR__ . '/public', __DIR__ . '/router.php'],
            [['file', '/dev/null', 'r'], ['file', '/dev/null', 'w'], ['file', '/dev/null', 'w']],
            $pipes,
            null,
            ['CHAT_URL' => $this->chatUrl] + getenv(),
        ) ?: throw new RuntimeException('cannot start the web server of the page');
        register_shutdown_function($this->stop(...));

        for ($deadline = hrtime(true) + 5e9; !$this->answers(); usleep(20_000)) {
            if (hrtime(true) > $deadline || !proc_get_status($this->process)['running']) {
                throw new RuntimeException("the web server of the page does not start on port {$this->port}");
            }
        }
    }

    public function stop(): void
    {
        if ($this->process !== null) {
            proc_terminate($this->process);
            proc_close($this->process);
            $this->process = null;
        }
    }

    private function answers(): bool
    {
        $socket = @stream_socket_client("tcp://127.0.0.1:{$this->port}", timeout: 1.0);

        return $socket !== false && fclose($socket);
    }
}

/** The preferred port of this machine if it is free, else any free one. */
function free_port(int $preferred): int
{
    $socket = @stream_socket_server("tcp://127.0.0.1:$preferred") ?: stream_socket_server('tcp://127.0.0.1:0');

    return (int) substr(strrchr(stream_socket_get_name($socket, false), ':'), 1);
}
