<?php

declare(strict_types=1);

// The WebSocket server beside PHP-FPM: it holds the browsers' sockets and decides who may connect. What is sent to them,
// FPM's pages say, through the control socket (public/index.php).
//
//   ./dev example-fpm                                           installs, builds, runs all three: nginx, FPM, this file
//   php -d extension=… examples/fpm/server.php FOLDER           its two sockets are made in that folder

use Ferrite\Handshake;
use Ferrite\Server;

require __DIR__ . '/../need-ferrite.php';

$folder = $argv[1] ?? '/run/app';

$server = new Server(
    "unix://$folder/websocket.sock",
    // nginx says who the client is.
    trustedProxies: ['unix:'],
    // For whoever may open the file: processes of this user, so FPM has to run as the same.
    control: "unix://$folder/control.sock",
);

// Each page that FPM makes gets a name of its own that nobody can guess, and connects with it. In an application that
// has a login it would be the user's name, from the session or a token.
$server->onHandshake(function (Handshake $handshake): void {
    $page = $handshake->request->query()['page'] ?? '';
    // Whoever writes ?page[]=… sends an array.
    is_string($page) && preg_match('/^[0-9a-f]{32}$/D', $page) === 1
        ? $handshake->accept(user: $page, topics: ['visitors'])
        : $handshake->reject(400, 'the page has no name');
});

$server->run();
