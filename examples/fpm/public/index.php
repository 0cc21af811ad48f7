<?php

declare(strict_types=1);

// An ordinary page of PHP-FPM. GET makes the page; POST does work that takes a while, and reports its progress to the
// requesting page, over the page's own socket. This file does not need the extension.

use Ferrite\Publisher;
use Ferrite\PublisherException;

// In an application: require __DIR__ . '/../vendor/autoload.php';
require __DIR__ . '/../autoload.php';

$publisher = new Publisher('unix://' . ($_SERVER['CONTROL_SOCKET'] ?? '/run/app/control.sock'));

if ($_SERVER['REQUEST_METHOD'] === 'POST') {
    header('Content-Type: application/json');
    try {
        $answer = match ($_POST['do'] ?? '') {
            'work' => work($publisher, $_POST['page'] ?? ''),
            'wave' => ['reached' => wave($publisher)],
            default => ['error' => 'there is work to do, or a wave'],
        };
        http_response_code(isset($answer['error']) ? 400 : 200);
    } catch (PublisherException $error) {
        // For example, the server is away: the work may be done all the same, without its report.
        http_response_code(503);
        $answer = ['error' => $error->getMessage()];
    }
    exit(json_encode($answer));
}

/** Work in ten steps, reported to the page that asked for it. */
function work(Publisher $publisher, string $page): array
{
    for ($percent = 10; $percent <= 100; $percent += 10) {
        usleep(50_000);
        $publisher->to()->user($page)->send(json_encode(['type' => 'progress', 'percent' => $percent]));
    }

    return ['done' => true];
}

/** Sends to every open page; returns their number. */
function wave(Publisher $publisher): int
{
    return $publisher->publish('visitors', json_encode(['type' => 'wave', 'at' => date('H:i:s')]))->connections;
}

$page = bin2hex(random_bytes(16));
?>
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Ferrite beside PHP-FPM</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
    body { font: 1rem/1.5 system-ui, sans-serif; max-width: 36rem; margin: 3rem auto; padding: 0 1rem }
    progress { width: 100% }
    button { font: inherit; padding: .3rem .8rem }
</style>
<h1>Ferrite beside PHP-FPM</h1>
<p id="state">connecting…</p>
<p><button id="work">Do some work</button> <button id="wave">Wave to every open page</button></p>
<progress id="progress" max="100" value="0"></progress>
<ul id="log"></ul>
<script>
    const page = <?= json_encode($page) ?>;
    const item = (text) => Object.assign(document.createElement('li'), { textContent: text });
    const show = (text) => document.querySelector('#log').prepend(item(text));
    const state = (text) => { document.querySelector('#state').textContent = text; };

    const connect = () => {
        const socket = new WebSocket(`${location.protocol.replace('http', 'ws')}//${location.host}/ws?page=${page}`);
        socket.onopen = () => state('connected');
        socket.onclose = () => { state('connecting again…'); setTimeout(connect, 1000 + 1000 * Math.random()); };
        socket.onmessage = ({ data }) => {
            const message = JSON.parse(data);
            if (message.type === 'progress') {
                document.querySelector('#progress').value = message.percent;
            } else if (message.type === 'wave') {
                show(`somebody waved at ${message.at}`);
            }
        };
    };
    connect();

    const form = (fields) => ({ method: 'POST', body: new URLSearchParams({ ...fields, page }) });
    const post = async (fields) => (await fetch('/', form(fields))).json();
    document.querySelector('#work').onclick = async () => show(JSON.stringify(await post({ do: 'work' })));
    document.querySelector('#wave').onclick = async () => show(JSON.stringify(await post({ do: 'wave' })));
</script>
</html>
