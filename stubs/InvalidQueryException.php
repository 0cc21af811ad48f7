<?php

declare(strict_types=1);

namespace Ferrite;

/**
 * A query over tags that cannot be read, or that is larger than a query may be. The message of one that cannot be
 * read begins with the column, in characters from 1: `column 6: expected a value, but the query ends here`.
 */
class InvalidQueryException extends \LogicException implements Exception
{
}
