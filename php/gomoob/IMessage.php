<?php

declare(strict_types=1);

namespace Gomoob\WebSocket;

/** A message with a type. */
interface IMessage extends \JsonSerializable
{
    /** @return string|null */
    public function getType();

    /** @return array<mixed> */
    public function getMetadata();
}
