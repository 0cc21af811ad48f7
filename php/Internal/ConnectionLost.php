<?php

declare(strict_types=1);

namespace Ferrite\Internal;

/** The connection ended before the response was complete. */
final class ConnectionLost extends \RuntimeException
{
}
