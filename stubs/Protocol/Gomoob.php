<?php

declare(strict_types=1);

namespace Ferrite\Protocol;

/**
 * The protocol of gomoob/php-websocket-server, for a server with this object as `dialect`.
 *
 * A client tags its connection with the parameter `tags` of its URL, `?tags={"language":"FR"}`, and sends texts such as
 * `{"message":"Bonjour","tags":{"language":"FR"}}`. The server forwards the message, as JSON, to every connection that
 * has all these tags, the sender included; without tags, to every connection. PHP is entered only for a message parser
 * or an authorisation. docs/from-gomoob.md lists the differences from the original.
 *
 * A message that cannot be forwarded goes to {@see \Ferrite\Server::onError()} as an InvalidArgumentException in the
 * words of the original, and its sender is closed with 1000. {@see \Ferrite\Server::onMessage()} is called before.
 *
 * ```php
 * $gomoob = new Ferrite\Protocol\Gomoob();
 * $server = new Ferrite\Server('0.0.0.0:8080', origins: ['https://app.example'], dialect: $gomoob);
 * $server->run();
 * ```
 */
final class Gomoob
{
    /**
     * @param bool $legacy true = choose recipients as the original's code does: a tag that no connection has does not
     *     count, and after tags that no connection has together the next one begins anew.
     * @param (callable(array<mixed>): mixed)|null $messageParser Gets a message that is an object or a list and returns
     *     the value to forward, which `json_encode()` then writes. An exception refuses the message. null = only texts
     *     are accepted.
     * @param (callable(\Ferrite\Connection, mixed, array<string, string|int>, array<mixed>): bool)|null $authorizeSend
     *     Gets the sender, the message, its tags and its metadata, and returns true to forward it; any other value
     *     refuses. null = every message is allowed.
     */
    public function __construct(
        bool $legacy = false,
        ?callable $messageParser = null,
        ?callable $authorizeSend = null,
    ) {}
}
