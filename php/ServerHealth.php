<?php

declare(strict_types=1);

namespace Ferrite;

/** How a server is, as {@see PublisherInterface::health()} finds it. */
enum ServerHealth
{
    /** It serves. */
    case Ok;

    /** It ends, and does nothing more. */
    case Stopping;

    /** It does not answer. */
    case Away;
}
