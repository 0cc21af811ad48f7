<?php

declare(strict_types=1);

namespace Ferrite;

/**
 * A method was called at the wrong time or place: `run()` on a running server, a second answer to a handshake, use in a
 * forked child, a SAPI other than CLI.
 */
class StateException extends \LogicException implements Exception
{
}
