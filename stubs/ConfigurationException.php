<?php

declare(strict_types=1);

namespace Ferrite;

/** An option has a wrong value; the message begins with the option's name. Thrown at construction. */
class ConfigurationException extends \LogicException implements Exception
{
}
