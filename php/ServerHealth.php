<?php

declare(strict_types=1);

namespace Ferrite;

/** State of a server, as {@see PublisherInterface::health()} reports it. */
enum ServerHealth
{
    /** The server serves. */
    case Ok;

    /** The server stops, and serves nothing any more. */
    case Stopping;

    /** The server does not answer. */
    case Away;
}
