<?php

declare(strict_types=1);

namespace Gomoob\WebSocket;

/** Makes messages of what clients sent, if that is no text. */
interface IMessageParser
{
    /**
     * @param array<mixed> $arrayMessage the message as `json_decode()` gives it
     *
     * @return mixed what `json_encode()` makes of it is what the recipients get
     *
     * @throws \InvalidArgumentException it is none; whoever sent it is closed
     */
    public function parse(array $arrayMessage);
}
