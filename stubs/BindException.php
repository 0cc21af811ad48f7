<?php

declare(strict_types=1);

namespace Ferrite;

/** The server cannot listen on an address; the message names the address and the reason. */
class BindException extends \RuntimeException implements Exception
{
}
