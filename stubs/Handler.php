<?php

declare(strict_types=1);

namespace Ferrite;

/**
 * The callbacks of a server as one object, for {@see Server::handler()}.
 *
 * Order and errors are as for the `on…` methods of {@see Server}. {@see BaseHandler} spares the methods that
 * an application does not need.
 */
interface Handler
{
    /** A client asks to connect, see {@see Server::onHandshake()}. */
    public function onHandshake(Handshake $handshake): void;

    /** A client was accepted, see {@see Server::onOpen()}. */
    public function onOpen(Connection $connection): void;

    /**
     * A complete message, see {@see Server::onMessage()}.
     *
     * @param string $data Valid UTF-8 unless binary.
     */
    public function onMessage(Connection $connection, string $data, bool $binary): void;

    /** A connection is over, see {@see Server::onClose()}. */
    public function onClose(Connection $connection, int $code, string $reason): void;

    /** A callback threw, see {@see Server::onError()}. */
    public function onError(\Throwable $error, ?Connection $connection): void;
}
