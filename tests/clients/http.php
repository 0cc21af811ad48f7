<?php

declare(strict_types=1);

// The server of the HTTP tests: php … http.php OPTIONS, where OPTIONS are arguments of Server as JSON;
// `limits` are those of Limits.
//
// WebSocket clients get an echo; the message "wait" blocks the callback until standard input has a line.
// GET /describe answers with what PHP knows of the request, as JSON; /echo with its body;
// /text, /null, /number, /throw, /redirect, /big?size=, /wait, /stats, /stop?grace= with what their name says.

use Ferrite\Connection;
use Ferrite\Limits;
use Ferrite\Request;
use Ferrite\Response;
use Ferrite\Server;

$options = json_decode($argv[1] ?? '{}', true, flags: JSON_THROW_ON_ERROR);
$withoutRequests = $options['withoutRequests'] ?? false;
unset($options['withoutRequests']);
if (isset($options['limits'])) {
    $options['limits'] = new Limits(...$options['limits']);
}
$server = new Server(...$options + ['listen' => '127.0.0.1:0']);

$wait = function (): void {
    echo "waiting\n";
    fgets(STDIN);
};
$server->onMessage(function (Connection $from, string $data, bool $binary) use ($wait): void {
    if ($data === 'wait') {
        $wait();
    }
    $from->send($data, $binary);
});
$server->onError(function (Throwable $error, ?Connection $connection): void {
    echo 'error ', $error::class, ' ', $error->getMessage(), ' ', $connection === null ? 'alone' : 'of a client', "\n";
});
$withoutRequests || $server->onRequest(function (Request $request) use ($wait, $server) {
    $query = $request->query();
    switch ($request->path) {
        case '/describe':
            return Response::json([
                'method' => $request->method,
                'path' => $request->path,
                'query' => $query,
                'body' => $request->body(),
                'agent' => $request->header('user-agent'),
                'address' => $request->remoteAddress,
            ]);
        case '/echo':
            echo "echo\n";
            return new Response($request->body(), 201, ['Content-Type' => 'application/octet-stream', 'X-Two' => ['a', 'b']]);
        case '/text':
            return 'Grüße';
        case '/number':
            return 7;
        case '/throw':
            throw new RuntimeException('thrown on purpose');
        case '/redirect':
            return Response::redirect('/text');
        case '/big':
            return str_repeat('x', (int) $query['size']);
        case '/wait':
            $wait();
            return 'waited';
        case '/stats':
            return Response::json($server->stats());
        case '/stop':
            $server->stop((float) $query['grace']);
            return 'stopping';
    }

    return null;
});
$server->onStop(function (): void {
    echo "stopped\n";
});

$server->run();

// PHP leaves cycles to the end of the process; a leak checker would take this one for a leak.
unset($server, $wait);
gc_collect_cycles();
