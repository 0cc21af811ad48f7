<?php

declare(strict_types=1);

namespace Gomoob\WebSocket;

/** Parses messages that are objects or lists and not texts. */
interface IMessageParser
{
    /**
     * @param array<mixed> $arrayMessage the message as `json_decode()` returns it
     *
     * @return mixed the value to forward; `json_encode()` writes it
     *
     * @throws \InvalidArgumentException the message is invalid; its sender is closed
     */
    public function parse(array $arrayMessage);
}
