<?php

declare(strict_types=1);

namespace Ferrite;

/**
 * Compressed messages for clients that can (permessage-deflate, RFC 7692); all browsers can.
 *
 * A text of at least `threshold` bytes leaves compressed; a binary message only where `$compress` of the
 * sending call says so. A publish or broadcast is compressed once for all clients with the same
 * parameters. What clients send is never inflated beyond
 * {@see Limits::$maxMessageSize}: the connection is closed with 1009 instead.
 */
final class Compression
{
    /**
     * @param int $level 1 (fastest) to 9 (smallest).
     * @param int $threshold Texts of fewer bytes leave as they are.
     * @param int $windowBits 9 to 15: the base-2 logarithm of the window in bytes, for both directions.
     * @param bool $contextTakeover Whether a message may refer back to earlier ones. Smaller messages, but
     *     360 KiB for each connection that uses both directions, and a fan-out is compressed for each recipient. Cannot be
     *     combined with {@see SlowConsumer::DropOldest}. Without it a connection keeps nothing.
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
