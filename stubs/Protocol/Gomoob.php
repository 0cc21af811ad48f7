<?php

declare(strict_types=1);

namespace Ferrite\Protocol;

/**
 * The protocol of gomoob/php-websocket-server, spoken by a server that is given it as `dialect`.
 *
 * A client tags its connection with the parameter `tags` of its URL, `?tags={"language":"FR"}`, and sends texts
 * such as `{"message":"Bonjour","tags":{"language":"FR"}}`. The message is forwarded, as JSON, to every connection
 * that has all these tags, the sender among them; without tags, to everybody. PHP is not entered for that unless it
 * is asked for a message or an authorisation. docs/from-gomoob.md says what differs from the original.
 *
 * What cannot be forwarded goes to {@see \Ferrite\Server::onError()} as an InvalidArgumentException in the words of
 * the original, and its sender is closed with 1000. {@see \Ferrite\Server::onMessage()} is called before.
 *
 * ```php
 * $server = new Ferrite\Server('0.0.0.0:8080', origins: ['https://app.example'], dialect: new Ferrite\Protocol\Gomoob());
 * $server->run();
 * ```
 */
final class Gomoob
{
    /**
     * @param bool $legacy true = send to whom the original would: a tag that no connection has does not count, and
     *     after tags that no connection has together the next one begins anew.
     * @param (callable(array<mixed>): mixed)|null $messageParser Makes the message, which is then written by
     *     `json_encode()`, of one that is an object or a list. An exception refuses it. null = only texts are
     *     accepted.
     * @param (callable(\Ferrite\Connection, mixed, array<string, string|int>, array<mixed>): bool)|null $authorizeSend
     *     Whether the sender may send this message to these tags, given this metadata; anything but true refuses.
     *     null = everybody may.
     */
    public function __construct(
        bool $legacy = false,
        ?callable $messageParser = null,
        ?callable $authorizeSend = null,
    ) {}
}
