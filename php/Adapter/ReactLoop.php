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
 * The server's callbacks run in Fibers, so `React\Async\await()` works in them: meanwhile the loop and other clients'
 * callbacks go on, those of the same client wait. One that blocks holds up the loop, and never the network.
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
     * Starts the server unless it runs already, and has the loop call it whenever there is something to do.
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

    /** Lets go of the loop, which ends if nothing else is in it. The server goes on without its callbacks. */
    public function detach(): void
    {
        $this->loop->removeReadStream($this->stream);
    }

    /** Lets go of the loop and stops the server; see `Server::stop()`. The loop stands until that is done. */
    public function stop(float $grace = 10.0): void
    {
        $this->detach();
        $this->server->stop($grace);
    }

    private function poll(): void
    {
        $this->server->poll();
        if ($this->server->addresses() === []) {
            // One of its callbacks has stopped it. Nothing will come any more, and the loop would wait for that.
            $this->detach();
        }
    }
}
