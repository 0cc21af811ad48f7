<?php

declare(strict_types=1);

namespace Ferrite;

/**
 * Policy for a client that does not read, when a message would exceed {@see Limits::$sendBuffer}, and for the clients
 * with the most waiting bytes when all together exceed {@see Limits::$totalSendBuffer}.
 *
 * Clients that read are not affected by any of these.
 */
enum SlowConsumer
{
    /**
     * The waiting messages are dropped and the client is closed with 1013; the send returns {@see SendResult::Closed}.
     */
    case Close;

    /**
     * The new message is dropped, and the send returns {@see SendResult::Dropped}; the waiting ones are kept. Over the
     * total the newest waiting messages are dropped, though their sends returned {@see SendResult::Buffered}.
     */
    case DropNewest;

    /**
     * The oldest waiting messages are dropped to make room. The new one is always kept, and the send returns
     * {@see SendResult::Queued} or {@see SendResult::Buffered}. A burst may exceed the limit for the moment, until the
     * I/O thread has made room.
     */
    case DropOldest;
}
