<?php

declare(strict_types=1);

namespace Ferrite;

/**
 * The server refuses this call for good: a topic with a space, a query that cannot be read, a message that is too
 * large. Nothing was sent.
 */
final class RefusedException extends \RuntimeException implements PublisherException
{
    /**
     * @param string $message In words; it begins with the field, if there is one.
     * @param string $error Code of the error, by the names of docs/control-api.md: `invalid_field`, `too_large`, ….
     * @param int $status The HTTP status of the answer.
     * @param string|null $field The field at fault: `topic`, `to.tags`, ….
     * @param int|null $column Column in a query over tags, in characters from 1.
     */
    public function __construct(
        string $message,
        public readonly string $error,
        public readonly int $status = 400,
        public readonly ?string $field = null,
        public readonly ?int $column = null,
        ?\Throwable $previous = null,
    ) {
        parent::__construct($message, $status, $previous);
    }
}
