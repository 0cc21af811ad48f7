<?php

declare(strict_types=1);

namespace Ferrite;

/**
 * A timer of {@see Server::after()} or {@see Server::every()}. It runs even if this object is not kept.
 *
 * Only the server makes timers; they are neither cloneable nor serialisable.
 */
final class Timer
{
    private function __construct() {}

    /**
     * Stops the timer: its callback is not called again, even if it was already due, and is released. Without effect on
     * a timer that is over; a timer may cancel itself.
     */
    public function cancel(): void {}
}
