<?php

declare(strict_types=1);

namespace Ferrite\Adapter;

use Ferrite\Server;
use Revolt\EventLoop;

/**
 * Runs a server inside Revolt's event loop, and so beside all of AMPHP.
 *
 * ```php
 * $adapter = Ferrite\Adapter\RevoltLoop::attach($server);
 * Revolt\EventLoop::onSignal(SIGTERM, fn () => $adapter->stop());
 * Revolt\EventLoop::run();
 * ```
 *
 * Revolt calls back in Fibers, so the server's callbacks may suspend (`Amp\delay()`, a query): meanwhile the loop and
 * the callbacks of other clients go on, and those of the same client wait. A callback that blocks stops the loop, but
 * never the network.
 */
final class RevoltLoop
{
    private string $callbackId = '';

    private function __construct(private readonly Server $server)
    {
    }

    /**
     * Starts the server unless it runs already, and makes the loop call it whenever there is something to do.
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

    /**
     * Removes the server from the loop, which ends if it has nothing else. The server goes on without its callbacks.
     */
    public function detach(): void
    {
        EventLoop::cancel($this->callbackId);
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
