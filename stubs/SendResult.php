<?php

declare(strict_types=1);

namespace Ferrite;

/**
 * What became of a message at the moment it was sent. None of these is an error.
 */
enum SendResult
{
    /** Handed over, and the client keeps up. */
    case Queued;

    /**
     * Handed over, but the client's socket is full at the moment: slow down until {@see Server::onDrain()}.
     */
    case Buffered;

    /** Not sent: the client's buffer is full and {@see Limits::$slowConsumer} dropped the message. */
    case Dropped;

    /** Not sent: the connection is closed or closing, or this message made the policy close it. */
    case Closed;
}
