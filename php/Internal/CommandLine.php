<?php

declare(strict_types=1);

namespace Ferrite\Internal;

use Ferrite\Published;
use Ferrite\Publisher;
use Ferrite\PublisherException;
use Ferrite\ServerAwayException;
use Ferrite\ServerHealth;

/** The program `vendor/bin/ferrite`. */
final class CommandLine
{
    private const DONE = 0;
    private const FAILED = 1;
    private const USAGE = 2;
    /** EX_TEMPFAIL of sysexits.h: try again later. */
    private const LATER = 75;

    private const HELP = <<<'TEXT'
        usage: ferrite publish TOPIC [DATA]
               ferrite broadcast [DATA]
               ferrite flush --spool=FILE [--for=SECONDS]
               ferrite health

        Speaks to the clients of a running server. Without DATA the message is what comes on standard input.

          --dsn=DSN          unix:///run/app/control.sock or http(s)://key:secret@host:port; better in the environment,
                             as FERRITE_DSN: everybody on the machine can see a command line
          --timeout=SECONDS  for each message (5)
          --ca=FILE          who may sign the certificate of https
          --id=ID            send it once, however often this is repeated within ten minutes
          --binary           DATA is no text
          --spool=FILE       where messages wait while the server is away
          --for=SECONDS      begin no message after that; without it, flush until nothing is left

        Exit status: 0 done (or spooled), 1 refused or failed, 2 wrong usage, 75 the server is away: try again later.

        TEXT;

    /** @var array<string, string> */
    private array $options = [];

    /**
     * @param resource $input
     * @param resource $output
     * @param resource $errors
     */
    public function __construct(private $input, private $output, private $errors)
    {
    }

    /**
     * Runs one command.
     *
     * @param list<string> $arguments Without the program's name.
     * @param string|null $dsn Value of the environment variable FERRITE_DSN.
     *
     * @return int The exit status.
     */
    public function run(#[\SensitiveParameter] array $arguments, #[\SensitiveParameter] ?string $dsn): int
    {
        try {
            $words = $this->parse($arguments);
            if (isset($this->options['help']) || $words === ['help']) {
                fwrite($this->output, self::HELP);
                return self::DONE;
            }
            return $this->command($words, $dsn);
        } catch (\ValueError $e) {
            fwrite($this->errors, "ferrite: {$e->getMessage()}\nferrite --help says more\n");
            return self::USAGE;
        } catch (PublisherException $e) {
            fwrite($this->errors, "ferrite: {$e->getMessage()}\n");
            return $e instanceof ServerAwayException ? self::LATER : self::FAILED;
        }
    }

    /** @param list<string> $words */
    private function command(array $words, #[\SensitiveParameter] ?string $dsn): int
    {
        $command = array_shift($words);
        $most = ['publish' => 2, 'broadcast' => 1, 'flush' => 0, 'health' => 0][$command]
            ?? throw new \ValueError($command === null ? 'what shall be done?' : "there is no '$command'");
        if (count($words) > $most || $command === 'publish' && $words === []) {
            throw new \ValueError("$command takes other arguments");
        }
        $publisher = new Publisher(
            $this->options['dsn'] ?? $dsn ?? throw new \ValueError('where? --dsn=… or FERRITE_DSN'),
            $this->seconds('timeout') ?? 5.0,
            spool: $this->options['spool'] ?? null,
            caFile: $this->options['ca'] ?? null,
            persistent: false,
        );
        $binary = isset($this->options['binary']);
        $id = $this->options['id'] ?? null;
        return match ($command) {
            'publish' => $this->sent($publisher->publish($words[0], $this->data($words[1] ?? null), $binary, id: $id)),
            'broadcast' => $this->sent($publisher->broadcast($this->data($words[0] ?? null), $binary, id: $id)),
            'flush' => $this->flush($publisher),
            'health' => $this->health($publisher->health()),
        };
    }

    private function sent(Published $published): int
    {
        fwrite($this->output, $published->isSpooled() ? "spooled\n" : "sent to $published->connections connections\n");
        return self::DONE;
    }

    private function flush(Publisher $publisher): int
    {
        if (!isset($this->options['spool'])) {
            throw new \ValueError('flush what? --spool=FILE');
        }
        $flushed = $publisher->flush($this->seconds('for'));
        fwrite($this->output, "sent $flushed->sent, rejected $flushed->rejected\n");
        if ($flushed->isEmpty) {
            return self::DONE;
        }
        if ($flushed->reason !== null) {
            throw $flushed->reason;
        }
        fwrite($this->errors, "ferrite: some are left: time is up, or another process is at it\n");
        return self::LATER;
    }

    private function health(ServerHealth $health): int
    {
        fwrite($this->output, strtolower($health->name) . "\n");
        return $health === ServerHealth::Ok ? self::DONE : self::LATER;
    }

    private function data(?string $given): string
    {
        return $given ?? (string) stream_get_contents($this->input);
    }

    private function seconds(string $option): ?float
    {
        $given = $this->options[$option] ?? null;
        if ($given !== null && !is_numeric($given)) {
            throw new \ValueError("$option has to be a number of seconds");
        }
        return $given === null ? null : (float) $given;
    }

    /**
     * Reads the options.
     *
     * @param list<string> $arguments
     *
     * @return list<string> The other arguments.
     */
    private function parse(#[\SensitiveParameter] array $arguments): array
    {
        $words = [];
        while (($argument = array_shift($arguments)) !== null) {
            if ($argument === '--') {
                return [...$words, ...$arguments];
            }
            if (!str_starts_with($argument, '-')) {
                $words[] = $argument;
            } elseif (in_array($argument, ['-h', '--help', '--binary'], true)) {
                $this->options[$argument === '--binary' ? 'binary' : 'help'] = '';
            } elseif (preg_match('/^--(dsn|timeout|ca|id|spool|for)(?:=(.*))?$/Ds', $argument, $found) === 1) {
                $this->options[$found[1]] = $found[2] ?? array_shift($arguments)
                    ?? throw new \ValueError("--$found[1] needs a value");
            } else {
                throw new \ValueError('there is no option ' . explode('=', $argument)[0]);
            }
        }
        return $words;
    }
}
