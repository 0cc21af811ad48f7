<?php

declare(strict_types=1);

namespace Ferrite;

/**
 * A {@see Handler} with empty methods; override those that you need.
 *
 * A method that is not overridden counts as not registered: clients are accepted, and errors reach PHP's warning log.
 *
 * ```php
 * $server->handler(new class extends Ferrite\BaseHandler {
 *     public function onMessage(Ferrite\Connection $connection, string $data, bool $binary): void
 *     {
 *         $connection->send($data, $binary);
 *     }
 * });
 * ```
 */
abstract class BaseHandler implements Handler
{
    public function onHandshake(Handshake $handshake): void {}

    public function onOpen(Connection $connection): void {}

    public function onMessage(Connection $connection, string $data, bool $binary): void {}

    public function onClose(Connection $connection, int $code, string $reason): void {}

    public function onError(\Throwable $error, ?Connection $connection): void {}
}
