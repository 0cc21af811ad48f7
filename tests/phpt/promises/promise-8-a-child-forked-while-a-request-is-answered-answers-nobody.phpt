--TEST--
Promise 8: a child that is forked in onRequest does not answer its parent's client
--EXTENSIONS--
ferrite
pcntl
--SKIPIF--
<?php
if (getenv('USE_ZEND_ALLOC') === '0') die('skip where leaks are looked for, a fork loses what its missing threads owned');
?>
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\{Request, StateException};

require __DIR__ . '/../support.inc';

$child = null;
$server = server();
$server->onRequest(function (Request $request) use (&$child): string {
    if ($child !== null) {
        return 'without a child';
    }
    $child = pcntl_fork();
    if ($child !== 0) {
        pcntl_waitpid($child, $status);
        return 'by the parent, whose child ended with ' . pcntl_wexitstatus($status);
    }

    return 'by the child';
});
$server->start();
$client = Client::begin($server, '/', ['Upgrade' => [], 'Connection' => []]);
try {
    while ($child === null) {
        $server->poll(0.01);
    }
} catch (StateException $e) {
    exit(7);
}
if ($child === 0) {
    exit(8);
}
echo $client->answer()->body, "\n";
echo Client::ask($server, '/', ['Upgrade' => [], 'Connection' => []])->body, "\n";
$server->stop(0.0);
?>
--EXPECT--
by the parent, whose child ended with 7
without a child
