<?php

declare(strict_types=1);

namespace Ferrite;

/**
 * Implemented by the exceptions of a {@see PublisherInterface}: the call was right and yet failed. Wrong arguments
 * throw PHP's own `ValueError` and `TypeError` instead.
 *
 * It does not extend the extension's `Ferrite\Exception`: the package works without the extension.
 */
interface PublisherException extends \Throwable
{
}
