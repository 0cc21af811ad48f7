<?php

declare(strict_types=1);

namespace Ferrite;

/**
 * What a {@see PublisherInterface} throws when a call was right and yet did not work. Wrong arguments throw PHP's own
 * `ValueError` and `TypeError` instead.
 *
 * It does not extend the extension's `Ferrite\Exception`: the package does without the extension.
 */
interface PublisherException extends \Throwable
{
}
