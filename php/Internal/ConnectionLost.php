<?php

declare(strict_types=1);

namespace Ferrite\Internal;

/** The connection ended before there was a whole answer. */
final class ConnectionLost extends \RuntimeException
{
}
