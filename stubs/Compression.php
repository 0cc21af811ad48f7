<?php

declare(strict_types=1);

namespace Ferrite;

/**
 * Compression of messages (permessage-deflate, RFC 7692) for clients that support it; all browsers do.
 *
 * Texts of at least `threshold` bytes are compressed; a binary message only if the sending call passes `$compress`. A
 * publish or broadcast is compressed once for all clients with the same parameters. A received message is never
 * inflated beyond {@see Limits::$maxMessageSize}: the connection is closed with 1009 instead.
 */
final class Compression
{
    /**
     * @param int $level 1 (fastest) to 9 (smallest).
     * @param int $threshold Texts of fewer bytes are sent uncompressed.
     * @param int $windowBits 9 to 15: the base-2 logarithm of the window in bytes, for both directions.
     * @param bool $contextTakeover true = messages may refer back to earlier ones. Messages get smaller, but each
     *     connection that uses both directions needs 360 KiB, and a fan-out is compressed for each recipient. Cannot be
     *     combined with {@see SlowConsumer::DropOldest}. false = a connection keeps no memory for compression.
     *
     * @throws ConfigurationException A value is out of range; the message begins with its name, as in
     *     `compression.level: …`.
     */
    public function __construct(
        public readonly int $level = 1,
        public readonly int $threshold = 1024,
        public readonly int $windowBits = 15,
        public readonly bool $contextTakeover = false,
    ) {}
}
