<?php

declare(strict_types=1);

namespace Ferrite;

/** A message could not be put into the spool: it is full, or the file cannot be used. The message is lost. */
final class SpoolException extends \RuntimeException implements PublisherException
{
}
