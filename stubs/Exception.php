<?php

declare(strict_types=1);

namespace Ferrite;

/**
 * What all exceptions of Ferrite have in common. Wrong arguments of methods throw PHP's own `ValueError` and
 * `TypeError` instead.
 */
interface Exception extends \Throwable
{
}
