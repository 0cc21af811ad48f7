<?php

declare(strict_types=1);

// The WebSocket server beside PHP-FPM: it holds the browsers' sockets and authenticates connections. FPM's pages send
// messages to them through the control socket (public/index.php).
//
//   ./dev example-fpm                                           installs, builds, runs all three: nginx, FPM, this file
//   php -d extension=… examples/fpm/server.php FOLDER           its two sockets are made in that folder

use Ferrite\Handshake;
use Ferrite\Server;

require __DIR__ . '/../need-ferrite.php';

$folder = $argv[1] ?? '/run/app';

$server = new Server(
    "unix://$folder/websocket.sock",
    // nginx sends the client's address in X-Forwarded-For.
    trustedProxies: ['unix:'],
    // For processes that may open the file, those of this user; so FPM has to run as the same user.
    control: "unix://$folder/control.sock",
);

// Each page of FPM gets an unguessable name of its own, and connects with it. An application with a login would use the
// user's name, from the session or a token.
$server->onHandshake(function (Handshake $handshake): void {
    $page = $handshake->request->query()['page'] ?? '';
    // A client that sends ?page[]=… sends an array.
    is_string($page) && preg_match('/^[0-9a-f]{32}$/D', $page) === 1
        ? $handshake->accept(user: $page, topics: ['visitors'])
        : $handshake->reject(400, 'the page has no name');
});

$server->run();
