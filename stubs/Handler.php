<?php

declare(strict_types=1);

namespace Ferrite;

/**
 * The callbacks of a server as one object, for {@see Server::handler()}.
 *
 * Order and errors are as for the `on…` methods of {@see Server}. An application that needs only some of the methods
 * extends {@see BaseHandler}.
 */
interface Handler
{
    /** Called for a client that asks to connect, see {@see Server::onHandshake()}. */
    public function onHandshake(Handshake $handshake): void;

    /** Called for an accepted client, see {@see Server::onOpen()}. */
    public function onOpen(Connection $connection): void;

    /**
     * Called for a complete message, see {@see Server::onMessage()}.
     *
     * @param string $data The message; valid UTF-8 if it is a text message.
     * @param bool $binary false = a text message; true = a binary message of any bytes.
     */
    public function onMessage(Connection $connection, string $data, bool $binary): void;

    /** Called when a connection is over, see {@see Server::onClose()}. */
    public function onClose(Connection $connection, int $code, string $reason): void;

    /** Called when another callback threw, see {@see Server::onError()}. */
    public function onError(\Throwable $error, ?Connection $connection): void;
}
