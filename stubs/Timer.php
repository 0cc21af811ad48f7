<?php

declare(strict_types=1);

namespace Ferrite;

/**
 * A timer of {@see Server::after()} or {@see Server::every()}. It runs whether or not this object is kept.
 *
 * Made by the server only; neither cloneable nor serialisable.
 */
final class Timer
{
    private function __construct() {}

    /**
     * Its callback is not called any more, also when it was already due, and is let go of. Without effect
     * on a timer that is over; a timer may cancel itself.
     */
    public function cancel(): void {}
}
