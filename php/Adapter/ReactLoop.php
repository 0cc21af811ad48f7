<?php

declare(strict_types=1);

namespace Ferrite\Adapter;

use Ferrite\Server;
use React\EventLoop\Loop;
use React\EventLoop\LoopInterface;

/**
 * Runs a server inside ReactPHP's event loop.
 *
 * ```php
 * $adapter = Ferrite\Adapter\ReactLoop::attach($server);
 * React\EventLoop\Loop::addSignal(SIGTERM, fn () => $adapter->stop());
 * React\EventLoop\Loop::run();
 * ```
 *
 * The server's callbacks run in Fibers, so `React\Async\await()` works in them: meanwhile the loop and the callbacks of
 * other clients go on, and those of the same client wait. A callback that blocks stops the loop, but never the network.
 */
final class ReactLoop
{
    /** @param resource $stream */
    private function __construct(
        private readonly Server $server,
        private readonly LoopInterface $loop,
        private $stream,
    ) {
    }

    /**
     * Starts the server unless it runs already, and makes the loop call it whenever there is something to do.
     *
     * @param LoopInterface|null $loop null = `Loop::get()`.
     *
     * @throws \Ferrite\Exception As `Server::start()` does.
     */
    public static function attach(Server $server, ?LoopInterface $loop = null): self
    {
        if ($server->addresses() === []) {
            $server->start();
        }
        $adapter = new self($server, $loop ?? Loop::get(), $server->stream());
        $adapter->loop->addReadStream($adapter->stream, fn () => (new \Fiber($adapter->poll(...)))->start());
        return $adapter;
    }

    /**
     * Removes the server from the loop, which ends if it has nothing else. The server goes on without its callbacks.
     */
    public function detach(): void
    {
        $this->loop->removeReadStream($this->stream);
    }

    /**
     * Removes the server from the loop and stops it; see `Server::stop()`. The loop is blocked until that is done.
     *
     * @param float $grace Seconds until the remaining clients are cut off; 0.0 = at once.
     */
    public function stop(float $grace = 10.0): void
    {
        $this->detach();
        $this->server->stop($grace);
    }

    private function poll(): void
    {
        $this->server->poll();
        if ($this->server->addresses() === []) {
            // A callback has stopped the server: the stream stays silent, and the loop would wait for it for ever.
            $this->detach();
        }
    }
}
