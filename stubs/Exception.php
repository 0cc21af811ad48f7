<?php

declare(strict_types=1);

namespace Ferrite;

/**
 * Implemented by all exceptions of Ferrite. Wrong arguments of methods throw PHP's own `ValueError` and `TypeError`
 * instead.
 */
interface Exception extends \Throwable
{
}
