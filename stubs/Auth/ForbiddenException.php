<?php

declare(strict_types=1);

namespace Ferrite\Auth;

use Ferrite\Exception;

/**
 * A rule of {@see \Ferrite\Server::onSubscribe()} refuses a topic; the message names the topic. If a callback of a
 * connection does not catch it, that connection is closed with 3003 ({@see \Ferrite\CloseCode::Forbidden}) instead of
 * 1011.
 */
class ForbiddenException extends \RuntimeException implements Exception
{
}
