<?php

declare(strict_types=1);

namespace Ferrite\Adapter;

use Ferrite\Server;
use Revolt\EventLoop;

/**
 * Runs a server inside Revolt's event loop, and so beside everything of AMPHP.
 *
 * ```php
 * $adapter = Ferrite\Adapter\RevoltLoop::attach($server);
 * Revolt\EventLoop::onSignal(SIGTERM, fn () => $adapter->stop());
 * Revolt\EventLoop::run();
 * ```
 *
 * Revolt calls back in Fibers, so the server's callbacks may suspend (`Amp\delay()`, a query): meanwhile the loop and
 * other clients' callbacks go on, those of the same client wait. One that blocks holds up the loop, and never the
 * network.
 */
final class RevoltLoop
{
    private string $callbackId = '';

    private function __construct(private readonly Server $server)
    {
    }

    /**
     * Starts the server unless it runs already, and has the loop call it whenever there is something to do.
     *
     * @throws \Ferrite\Exception As `Server::start()` does.
     */
    public static function attach(Server $server): self
    {
        if ($server->addresses() === []) {
            $server->start();
        }
        $adapter = new self($server);
        $adapter->callbackId = EventLoop::onReadable($server->stream(), $adapter->poll(...));
        return $adapter;
    }

    /** Lets go of the loop, which ends if nothing else is in it. The server goes on without its callbacks. */
    public function detach(): void
    {
        EventLoop::cancel($this->callbackId);
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
