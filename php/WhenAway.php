<?php

declare(strict_types=1);

namespace Ferrite;

/** What a {@see Publisher} does with a message while the server is away. */
enum WhenAway
{
    /** The call throws {@see ServerAwayException}. */
    case Throw;

    /** The message is dropped, which {@see Published::isIgnored()} says: for what is stale a moment later. */
    case Ignore;

    /** The message is written to a file, to be sent by a later call. */
    case Spool;
}
