<?php

declare(strict_types=1);

namespace Ferrite;

/**
 * How dead clients are found out: a ping on a silent connection, and the close callback with 1006 when no
 * answer comes.
 *
 * Any received byte counts as life, and so does that a client takes what was sent before the ping. Pings are spread by
 * ±10 %.
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
