<?php

declare(strict_types=1);

namespace Ferrite;

/**
 * Detects dead clients: a silent connection is pinged, and the close callback gets 1006 when no answer comes.
 *
 * Any received byte is a sign of life, and so is progress in reading data that was sent before the ping. Ping intervals
 * vary by ±10 %, so that the pings of many clients are spread.
 */
final class Heartbeat
{
    /**
     * @param float $interval Seconds between pings; 0.0 = no pings.
     * @param float $timeout Seconds to wait for a sign of life after a ping; greater than 0.
     *
     * @throws ConfigurationException A value is out of range; the message begins with its name, as in
     *     `heartbeat.interval: …`.
     */
    public function __construct(
        public readonly float $interval = 25.0,
        public readonly float $timeout = 10.0,
    ) {}
}
