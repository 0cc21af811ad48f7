<?php

declare(strict_types=1);

namespace Ferrite;

/** The server does not know the key, the secret is another, or the clocks differ. Nothing was sent. */
final class UnauthorizedException extends \RuntimeException implements PublisherException
{
    /**
     * @param int|null $clockOffset By how many seconds this machine's clock is ahead of the server's, negative if it is
     *     behind; null if that is not what was wrong.
     */
    public function __construct(
        string $message,
        public readonly ?int $clockOffset = null,
        ?\Throwable $previous = null,
    ) {
        parent::__construct($message, 401, $previous);
    }
}
