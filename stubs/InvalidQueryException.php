<?php

declare(strict_types=1);

namespace Ferrite;

/**
 * A query over tags cannot be read, or is larger than a query may be. If it cannot be read, the message begins with the
 * column, in characters from 1: `column 6: expected a value, but the query ends here`.
 */
class InvalidQueryException extends \LogicException implements Exception
{
}
