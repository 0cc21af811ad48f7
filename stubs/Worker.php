<?php

declare(strict_types=1);

namespace Ferrite;

/**
 * One worker of a server, as it was when {@see Server::worker()} returned it.
 *
 * Only the server makes these objects; they are neither cloneable nor serialisable.
 */
final class Worker
{
    /** Number of the worker, from 0; its replacement has the same. */
    public readonly int $index;

    /** Number of workers of the server. */
    public readonly int $count;

    /** Number of the generation, from 1; each reload makes a new one. */
    public readonly int $generation;

    /** Process id. */
    public readonly int $pid;

    /** True in one of the workers: the one in which {@see Server::every()}, `onJoin`, `onLeave` and the logger run. */
    public readonly bool $leader;

    private function __construct() {}
}
