<?php

declare(strict_types=1);

namespace Ferrite\Tests\Package;

/** A process that plays a control API, or what goes wrong with one; see server.php. */
final class ScriptedServer
{
    private const PATIENCE = 10.0;

    public readonly string $address;
    /** @var resource */
    private $process;
    /** @var array<int, resource> */
    private array $pipes = [];
    private string $unread = '';
    /** @var list<\stdClass> All that it has said so far. */
    public array $said = [];

    /**
     * @param list<list<list<mixed>>> $plan The steps for each connection; the last ones for all that follow.
     * @param string $listen `unix:///path`, or a TCP address with port 0.
     */
    public function __construct(array $plan, string $listen, ?string $certificate = null)
    {
        $command = [PHP_BINARY, __DIR__ . '/server.php', $listen, json_encode($plan), ...(array) $certificate];
        $this->process = proc_open($command, [['pipe', 'r'], ['pipe', 'w'], STDERR], $this->pipes);
        $name = $this->next('listening');
        $this->address = str_starts_with($listen, 'unix:') ? $listen : $name;
    }

    public function __destruct()
    {
        $this->stop();
    }

    /** What the next request was. */
    public function request(): \stdClass
    {
        return $this->line(fn (\stdClass $line) => isset($line->line)) ?? throw new \RuntimeException('no request came');
    }

    /** The value of the next line that has this name. */
    public function next(string $name): mixed
    {
        $line = $this->line(fn (\stdClass $line) => property_exists($line, $name));
        return $line !== null ? $line->$name : throw new \RuntimeException("the server ended before it said '$name'");
    }

    /**
     * All that it did and nobody asked after yet; it does nothing more.
     *
     * @return list<\stdClass>
     */
    public function stop(): array
    {
        if (!is_resource($this->process)) {
            return [];
        }
        fclose($this->pipes[0]);
        $lines = [];
        while (($line = $this->line(fn () => true)) !== null) {
            $lines[] = $line;
        }
        fclose($this->pipes[1]);
        proc_close($this->process);
        return $lines;
    }

    /** @return \stdClass|null null = it has ended. */
    private function line(\Closure $fits): ?\stdClass
    {
        $until = microtime(true) + self::PATIENCE * (float) (getenv('FERRITE_TEST_SLOW') ?: 1);
        stream_set_blocking($this->pipes[1], false);
        while (true) {
            while (($end = strpos($this->unread, "\n")) !== false) {
                $line = json_decode(substr($this->unread, 0, $end), flags: JSON_THROW_ON_ERROR);
                $this->unread = substr($this->unread, $end + 1);
                $this->said[] = $line;
                if ($fits($line)) {
                    return $line;
                }
            }
            $read = [$this->pipes[1]];
            $none = null;
            stream_select($read, $none, $none, 1);
            $bytes = fread($this->pipes[1], 1 << 20);
            if (($bytes === '' || $bytes === false) && feof($this->pipes[1])) {
                return null;
            }
            $this->unread .= $bytes;
            if (microtime(true) > $until) {
                throw new \RuntimeException('the server does not say what was waited for');
            }
        }
    }
}
