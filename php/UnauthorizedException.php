<?php

declare(strict_types=1);

namespace Ferrite;

use Ferrite\Internal\HttpResponse;

/** The server does not know the key, the secret differs, or the clocks differ. Nothing was sent. */
final class UnauthorizedException extends \RuntimeException implements PublisherException
{
    /**
     * @param int|null $clockOffset Seconds by which this machine's clock is ahead of the server's, negative if it is
     *     behind; null if the clock is not the reason.
     */
    public function __construct(
        string $message,
        public readonly ?int $clockOffset = null,
        ?\Throwable $previous = null,
    ) {
        parent::__construct($message, HttpResponse::UNAUTHORIZED, $previous);
    }
}
