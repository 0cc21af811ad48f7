<?php

declare(strict_types=1);

namespace Gomoob\WebSocket;

/** A message that says of which type it is. */
interface IMessage extends \JsonSerializable
{
    /** @return string|null */
    public function getType();

    /** @return array<mixed> */
    public function getMetadata();
}
