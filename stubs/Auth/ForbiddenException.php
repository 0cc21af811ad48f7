<?php

declare(strict_types=1);

namespace Ferrite\Auth;

use Ferrite\Exception;

/**
 * A rule of {@see \Ferrite\Server::onSubscribe()} refuses a topic, which the message names. A callback of a connection
 * that does not catch it closes that connection with 3003 ({@see \Ferrite\CloseCode::Forbidden}) instead of 1011.
 */
class ForbiddenException extends \RuntimeException implements Exception
{
}
