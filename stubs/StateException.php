<?php

declare(strict_types=1);

namespace Ferrite;

/**
 * The right call at the wrong time or place: run while running, answered twice, used in a forked child, in a
 * SAPI other than CLI.
 */
class StateException extends \LogicException implements Exception
{
}
