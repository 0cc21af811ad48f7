<?php

declare(strict_types=1);

namespace Ferrite;

/** A message could not be written to the spool: the spool is full, or the file cannot be used. The message is lost. */
final class SpoolException extends \RuntimeException implements PublisherException
{
}
