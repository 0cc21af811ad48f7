<?php

declare(strict_types=1);

namespace Ferrite;

/**
 * Nobody answered in time: the server does not run, ends, cannot be reached, is too slow, or something else listens
 * there.
 *
 * The message may have been sent, if its answer was lost. To try again without sending it twice, repeat the call with
 * the id that you gave it.
 */
final class ServerAwayException extends \RuntimeException implements PublisherException
{
}
