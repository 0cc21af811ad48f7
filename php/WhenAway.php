<?php

declare(strict_types=1);

namespace Ferrite;

/** Policy of a {@see Publisher} for messages while the server is away. */
enum WhenAway
{
    /** The call throws {@see ServerAwayException}. */
    case Throw;

    /**
     * The message is dropped, and {@see Published::isIgnored()} is true: for messages that are stale a moment later.
     */
    case Ignore;

    /** The message is written to a file, and a later call sends it. */
    case Spool;
}
