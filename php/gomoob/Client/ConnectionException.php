<?php

declare(strict_types=1);

namespace Gomoob\WebSocket\Client;

/** The server cannot be reached, does not speak WebSocket, or does not accept the data. */
class ConnectionException extends \RuntimeException
{
}
