<?php

declare(strict_types=1);

// The other end of the tests: a process that listens, and does with each connection what the plan says. What it is
// asked, it prints as lines of JSON; it ends with its standard input.
//
//   php server.php ADDRESS PLAN [CERTIFICATE]
//
// PLAN is JSON: a list with the steps for each connection, the last one for all that follow. The steps:
//
//   ["request"]              wait for a whole request
//   ["answer", 200, {}]      answer with JSON; further strings are headers
//   ["raw", "…"]             write these bytes
//   ["say", "…"]             print this
//   ["until", 1]             wait until that connection has come and gone
//   ["close"] ["reset"]      end the connection in order, or by a reset
//   ["hold"]                 neither read nor answer any more
//   ["api"]                  be a control API from now on: send nothing twice, say how many were sent
//   ["api", 15]              for so many requests

[, $address, $plan] = $argv;
$plan = json_decode($plan, true, flags: JSON_THROW_ON_ERROR);
$certificate = $argv[3] ?? null;
$context = stream_context_create(['ssl' => ['local_cert' => $certificate], 'socket' => ['backlog' => 512]]);
$listener = stream_socket_server($address, $errno, $error, STREAM_SERVER_BIND | STREAM_SERVER_LISTEN, $context)
    ?: exit("cannot listen: $error\n");
$unsaid = '';
say(['listening' => stream_socket_get_name($listener, false)]);

$known = [];
$connections = [];
$gone = [];
$accepted = 0;
stream_set_blocking(STDIN, false);
stream_set_blocking(STDOUT, false);
while (true) {
    $read = [STDIN, $listener];
    foreach ($connections as $connection) {
        if (!$connection->held) {
            $read[] = $connection->stream;
        }
    }
    $write = $unsaid === '' ? null : [STDOUT];
    $except = null;
    stream_select($read, $write, $except, null);
    if ($write) {
        $unsaid = substr($unsaid, (int) fwrite(STDOUT, $unsaid));
    }
    foreach ($read as $stream) {
        if ($stream === STDIN) {
            if (fread(STDIN, 1024) === '' && feof(STDIN)) {
                stream_set_blocking(STDOUT, true);
                fwrite(STDOUT, $unsaid);
                exit;
            }
        } elseif ($stream === $listener) {
            $client = @stream_socket_accept($listener, 1.0);
            if ($client === false) {
                continue; // its handshake failed
            }
            $connection = new Connection();
            $connection->stream = $client;
            $connection->number = $accepted;
            $connection->steps = $plan[min($accepted++, count($plan) - 1)];
            stream_set_blocking($client, false);
            $connections[(int) $client] = $connection;
            advance($connection);
        } elseif (isset($connections[(int) $stream])) {
            $bytes = @fread($stream, 1 << 20);
            $connection = $connections[(int) $stream];
            $connection->unread .= (string) $bytes;
            if (($bytes === '' || $bytes === false) && feof($stream)) {
                finish($connection);
                continue;
            }
            advance($connection);
        }
    }
}

final class Connection
{
    /** @var resource */
    public $stream;
    public int $number;
    public array $steps;
    public string $unread = '';
    public bool $held = false;
}

function advance(Connection $connection): void
{
    global $gone;
    while ($connection->steps !== []) {
        $step = $connection->steps[0];
        switch ($step[0]) {
            case 'request':
                if (nextRequest($connection) === null) {
                    return;
                }
                break;
            case 'answer':
                answer($connection, ...array_slice($step, 1));
                break;
            case 'raw':
                fwrite($connection->stream, $step[1]);
                break;
            case 'until':
                if (!in_array($step[1], $gone, true)) {
                    return;
                }
                break;
            case 'say':
                say([$step[1] => true]);
                break;
            case 'close':
                finish($connection);
                return;
            case 'reset':
                // What is left unread turns the close into a reset on a Unix socket, and the option does on TCP.
                if (($socket = socket_import_stream($connection->stream)) !== false) {
                    socket_set_option($socket, SOL_SOCKET, SO_LINGER, ['l_onoff' => 1, 'l_linger' => 0]);
                }
                finish($connection);
                return;
            case 'hold':
                $connection->held = true;
                return;
            case 'api':
                $left = $step[1] ?? PHP_INT_MAX;
                for (; $left > 0 && ($request = nextRequest($connection)) !== null; $left--) {
                    beTheApi($connection, $request);
                }
                $connection->steps[0][1] = $left;
                if ($left > 0) {
                    return;
                }
                break;
        }
        array_shift($connection->steps);
    }
}

function nextRequest(Connection $connection): ?array
{
    $end = strpos($connection->unread, "\r\n\r\n");
    if ($end === false) {
        return null;
    }
    $lines = explode("\r\n", substr($connection->unread, 0, $end));
    $headers = [];
    foreach (array_slice($lines, 1) as $line) {
        [$name, $value] = explode(': ', $line, 2);
        $headers[$name] = $value;
    }
    $length = (int) ($headers['Content-Length'] ?? 0);
    if (strlen($connection->unread) < $end + 4 + $length) {
        return null;
    }
    $body = substr($connection->unread, $end + 4, $length);
    $connection->unread = substr($connection->unread, $end + 4 + $length);
    $request = ['line' => $lines[0], 'headers' => $headers, 'body' => $body, 'connection' => $connection->number];
    say(['body' => substr($body, 0, 4096), 'sha1' => sha1($body)] + $request);
    return $request;
}

function answer(Connection $connection, int $status, mixed $body, string ...$headers): void
{
    $body = json_encode($body === [] ? (object) [] : $body);
    array_unshift($headers, "HTTP/1.1 $status Whatever", 'Content-Type: application/json', 'Content-Length: ' . strlen($body));
    fwrite($connection->stream, implode("\r\n", $headers) . "\r\n\r\n$body");
}

function beTheApi(Connection $connection, array $request): void
{
    global $known;
    $id = $request['headers']['Idempotency-Key'] ?? '';
    if (isset($known[$id])) {
        if ($known[$id] !== $request['body']) {
            answer($connection, 422, ['error' => ['code' => 'idempotency_mismatch', 'message' => 'another message']]);
            return;
        }
        answer($connection, 200, ['connections' => count($known)], 'Idempotent-Replayed: true');
        return;
    }
    $body = json_decode($request['body'], true);
    if (str_contains($body['topic'] ?? '', ' ')) {
        $error = ['code' => 'invalid_field', 'field' => 'topic', 'message' => 'no spaces'];
        answer($connection, 400, ['error' => $error]);
        return;
    }
    $known[$id] = $request['body'];
    say(['sent' => $body['data'] ?? null, 'id' => $id]);
    answer($connection, 200, ['connections' => count($known)]);
}

function finish(Connection $connection): void
{
    global $connections, $gone;
    unset($connections[(int) $connection->stream]);
    fclose($connection->stream);
    say(['closed' => $connection->number]);
    $gone[] = $connection->number;
    array_map('advance', array_values($connections));
}

function say(array $line): void
{
    global $unsaid;
    // Whoever shall hear it may be waiting for this process instead.
    $unsaid .= json_encode($line, JSON_INVALID_UTF8_SUBSTITUTE | JSON_UNESCAPED_SLASHES) . "\n";
}
