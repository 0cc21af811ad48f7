<?php

declare(strict_types=1);

namespace Ferrite;

/**
 * The workers of a server: PHP processes that handle its events behind one process that owns the sockets.
 *
 * ```php
 * $server = new Ferrite\Server(workers: new Ferrite\Workers(count: 4, maxMessages: 100_000, handlerTimeout: 30.0));
 * ```
 *
 * A worker that is replaced for a limit finishes its events first, and its successor is ready before. Each worker has
 * limits within a tenth of these, so that they are not all replaced at once. docs/workers.md.
 */
final class Workers
{
    /**
     * @param int $count Number of workers, 0 to 256. 0 = the server runs in the script's own process.
     * @param int|null $maxMessages Events after which a worker is replaced. null = never for that.
     * @param int|null $maxMemory Bytes of memory (resident set) at which a worker is replaced; looked at every second.
     *     null = never for that.
     * @param float|null $maxAge Seconds after which a worker is replaced. null = never for that.
     * @param float|null $handlerTimeout Seconds that one callback may take; then its worker is ended as by `kill -9`,
     *     and the event is given to another worker, marked as the second attempt. null = no limit.
     * @param bool $redeliver false = an event that a worker had begun when it was killed is dropped, and counted,
     *     instead of being given to another worker.
     *
     * @throws ConfigurationException For a value out of range.
     */
    public function __construct(
        public readonly int $count,
        public readonly ?int $maxMessages = null,
        public readonly ?int $maxMemory = null,
        public readonly ?float $maxAge = null,
        public readonly ?float $handlerTimeout = null,
        public readonly bool $redeliver = true,
    ) {}
}
