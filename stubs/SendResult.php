<?php

declare(strict_types=1);

namespace Ferrite;

/** Result of a send at the moment of the call. None of these is an error. */
enum SendResult
{
    /** Queued, and the client keeps up. */
    case Queued;

    /** Queued, but the client's socket is full at the moment: slow down until {@see Server::onDrain()}. */
    case Buffered;

    /** Not sent: the client's buffer is full and {@see Limits::$slowConsumer} dropped the message. */
    case Dropped;

    /** Not sent: the connection is closed or closing, or this message made the policy close it. */
    case Closed;
}
