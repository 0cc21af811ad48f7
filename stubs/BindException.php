<?php

declare(strict_types=1);

namespace Ferrite;

/**
 * An address cannot be listened on; the message names it and the reason.
 */
class BindException extends \RuntimeException implements Exception
{
}
