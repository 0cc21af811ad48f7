<?php

declare(strict_types=1);

namespace Ferrite;

/**
 * The server did not answer in time: it does not run, is stopping, cannot be reached, is too slow, or another program
 * listens there.
 *
 * The message may have been sent, if its answer was lost. To try again without sending it twice, repeat the call with
 * the same `$id`.
 */
final class ServerAwayException extends \RuntimeException implements PublisherException
{
}
