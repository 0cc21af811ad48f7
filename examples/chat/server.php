<?php

declare(strict_types=1);

// A chat with rooms.
//
//   ./dev chat                                     installs, builds, runs this file
//   php -d extension=… examples/chat/server.php [PORT]
//
// The default port is 8080; if it is taken, a free one. Page and chat share it.
// With the files TLS_CERTIFICATE and TLS_KEY they are https:// and wss:// (docs/tls.md says how to make them).
//
// The client sends    {"type": "join", "room": "php"}    {"type": "say", "text": "Hello"}
// The server sends    joined (you, room)    people (of your room)    rooms (all)    said (a message)

use Ferrite\CloseCode;
use Ferrite\Compression;
use Ferrite\Connection;
use Ferrite\Handshake;
use Ferrite\Limits;
use Ferrite\Request;
use Ferrite\Response;
use Ferrite\Server;
use Ferrite\Tls;

require __DIR__ . '/../need-ferrite.php';
require __DIR__ . '/Rooms.php';

$certificate = getenv('TLS_CERTIFICATE');

// Only this page may connect, since it has the same host and port; pages of other sites are refused with 403.
$server = new Server(
    '127.0.0.1:' . free_port((int) ($argv[1] ?? 8080)),
    tls: $certificate ? new Tls($certificate, getenv('TLS_KEY') ?: $certificate) : null,
    limits: new Limits(maxMessageSize: 16 * 1024),
    // Lists of many people are long; short messages are sent uncompressed.
    compression: new Compression(),
);
$rooms = new Rooms();

// The page, for requests that do not ask for a WebSocket.
$server->onRequest(fn (Request $request): ?Response => $request->path !== '/' ? null : new Response(
    file_get_contents(__DIR__ . '/public/index.html'),
    headers: ['Content-Type' => 'text/html; charset=utf-8', 'Cache-Control' => 'no-cache'],
));

// Each message to clients is one JSON object, for one client or for all in a room. A room is a topic.
$tell = fn (Connection $to, array $message) => $to->send(encode($message));
$announce = function (string $room) use ($server, $rooms): void {
    $server->publish("room:$room", encode(['type' => 'people', 'people' => $rooms->people($room)]));
    $server->broadcast(encode(['type' => 'rooms', 'rooms' => $rooms->list()]));
};

// Moves a client from its room into another.
$move = function (Connection $who, string $room) use ($rooms, $tell, $announce): void {
    $before = $who->data;
    if ($before !== null && $before !== $room) {
        $who->unsubscribe("room:$before");
        $rooms->leave($who, $before);
        $announce($before);
    }
    $who->data = $room;
    $who->subscribe("room:$room");
    $rooms->enter($who, $room);
    $tell($who, ['type' => 'joined', 'room' => $room, 'you' => $who->id]);
    $announce($room);
};

$server->onHandshake(function (Handshake $handshake): void {
    $query = $handshake->request->query();
    if (!is_name($query['name'] ?? null) || !is_room($query['room'] ?? 'lobby')) {
        $handshake->reject(400, 'A name of 1 to 32 letters, please, and a room like "lobby".');
        return;
    }
    $handshake->accept(user: trim($query['name']));
});

$server->onOpen(function (Connection $who) use ($move): void {
    $move($who, $who->request->query()['room'] ?? 'lobby');
});

$server->onMessage(function (Connection $from, string $data) use ($server, $move): void {
    $message = json_decode($data, true, 4);
    $type = is_array($message) ? $message['type'] ?? null : null;

    if ($type === 'join' && is_room($message['room'] ?? null)) {
        $move($from, $message['room']);
    } elseif ($type === 'say' && is_string($message['text'] ?? null) && trim($message['text']) !== '') {
        $server->publish("room:{$from->data}", encode([
            'type' => 'said',
            'from' => ['id' => $from->id, 'name' => $from->user],
            'text' => trim($message['text']),
            'at' => (int) (microtime(true) * 1000),
        ]));
    } else {
        $from->close(CloseCode::PolicyViolation->value, 'not a message of this chat');
    }
});

// Called exactly once for every open, so the list never keeps a client that has gone.
$server->onClose(function (Connection $who) use ($rooms, $announce): void {
    $rooms->leave($who, $who->data);
    $announce($who->data);
});

$server->onStart(function (Server $server) use ($certificate): void {
    $host = str_replace('wss://', '', $server->addresses()[0]);
    echo 'Open ', $certificate ? 'https' : 'http', "://$host/ in two tabs. Ctrl-C stops the chat.\n";
});

$server->run();

/** The preferred port if it is free on this machine, else 0 for any free one. */
function free_port(int $preferred): int
{
    return @stream_socket_server("tcp://127.0.0.1:$preferred") === false ? 0 : $preferred;
}

function encode(array $message): string
{
    return json_encode($message, JSON_THROW_ON_ERROR | JSON_UNESCAPED_UNICODE);
}

function is_name(mixed $name): bool
{
    return is_string($name) && trim($name) !== '' && preg_match('/^[\p{L}\p{M}\p{N} .\'_-]{1,32}$/u', $name) === 1;
}

function is_room(mixed $room): bool
{
    return is_string($room) && preg_match('/^[a-z0-9-]{1,30}$/D', $room) === 1;
}
