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
// The client connects to    ?name=Ada&room=php, once for each room that it goes to
// The client sends          {"type": "say", "text": "Hello"}
// The server sends          joined (you, room)    people (of your room)    rooms (all)    said (a message)
//
// FERRITE_WORKERS=2 runs it with two workers (docs/workers.md). For that, nothing about the clients is in variables of
// PHP: a user is called "room/name#number", and the lists are made of the users that the server knows.

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

$certificate = getenv('TLS_CERTIFICATE');

// The first process chooses the port, and workers inherit the choice: they would find the port in use.
$port = getenv('CHAT_PORT');
if ($port === false) {
    $port = free_port((int) ($argv[1] ?? 8080));
    putenv("CHAT_PORT=$port");
}

// Only this page may connect, since it has the same host and port; pages of other sites are refused with 403.
$server = new Server(
    "127.0.0.1:$port",
    tls: $certificate ? new Tls($certificate, getenv('TLS_KEY') ?: $certificate) : null,
    limits: new Limits(maxMessageSize: 16 * 1024),
    // Lists of many people are long; short messages are sent uncompressed.
    compression: new Compression(),
);

// The page, for requests that do not ask for a WebSocket.
$server->onRequest(fn (Request $request): ?Response => $request->path !== '/' ? null : new Response(
    file_get_contents(__DIR__ . '/public/index.html'),
    headers: ['Content-Type' => 'text/html; charset=utf-8', 'Cache-Control' => 'no-cache'],
));

$server->onHandshake(function (Handshake $handshake): void {
    $query = $handshake->request->query();
    $name = $query['name'] ?? null;
    $room = $query['room'] ?? 'lobby';
    if (!is_name($name) || !is_room($room)) {
        $handshake->reject(400, 'A name of 1 to 32 letters, please, and a room like "lobby".');
        return;
    }
    // The number tells two tabs of one name apart. Everybody is in the topic of a room, and in that of all.
    $user = sprintf('%s/%s#%s', $room, trim($name), bin2hex(random_bytes(8)));
    $handshake->accept(user: $user, topics: ["room:$room", 'all']);
});

$server->onOpen(function (Connection $who): void {
    [$room] = explode('/', $who->user);
    $who->send(encode(['type' => 'joined', 'room' => $room, 'you' => $who->user]));
});

$server->onMessage(function (Connection $from, string $data) use ($server): void {
    $message = json_decode($data, true, 4);
    $is_said = is_array($message) && ($message['type'] ?? null) === 'say' && is_string($message['text'] ?? null);
    if (!$is_said || trim($message['text']) === '') {
        $from->close(CloseCode::PolicyViolation->value, 'not a message of this chat');
        return;
    }
    [$room] = explode('/', $from->user);
    $server->publish("room:$room", encode([
        'type' => 'said',
        'from' => person($from->user),
        'text' => trim($message['text']),
        'at' => (int) (microtime(true) * 1000),
    ]));
});

// The server notices everybody that comes and goes, in any way, exactly once. With workers one of them is told, so no
// list is overtaken by an older one of another worker.
$announce = function (string $topic) use ($server): void {
    $people = array_map(person(...), $server->presence($topic));
    $server->publish($topic, encode(['type' => 'people', 'people' => $people]));
    $server->broadcast(encode(['type' => 'rooms', 'rooms' => rooms($server->presence('all'))]));
};
$server->announcePresence('room:*', toClients: false);
$server->onJoin($announce);
$server->onLeave($announce);

$server->onStart(function (Server $server) use ($certificate): void {
    // Called in each worker; one of them is the leader.
    if ($server->worker()?->leader === false) {
        return;
    }
    $host = str_replace('wss://', '', $server->addresses()[0]);
    echo 'Open ', $certificate ? 'https' : 'http', "://$host/ in two tabs. Ctrl-C stops the chat.\n";
});

$server->run();

/** The preferred port if it is free on this machine, else 0 for any free one. */
function free_port(int $preferred): int
{
    return @stream_socket_server("tcp://127.0.0.1:$preferred") === false ? 0 : $preferred;
}

/** @return array{id: string, name: string} A user as the page knows it. */
function person(string $user): array
{
    preg_match('~/(.*)#~', $user, $found);

    return ['id' => $user, 'name' => $found[1]];
}

/**
 * @param list<string> $users
 *
 * @return list<array{name: string, people: int}> Sorted by name; the lobby is always there.
 */
function rooms(array $users): array
{
    $names = array_map(fn (string $user): string => strstr($user, '/', true), $users);
    $counts = array_count_values($names) + ['lobby' => 0];
    ksort($counts, SORT_STRING);

    return array_map(
        fn (int|string $name): array => ['name' => (string) $name, 'people' => $counts[$name]],
        array_keys($counts),
    );
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
