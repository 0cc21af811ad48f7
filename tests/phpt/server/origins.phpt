--TEST--
origins: null is the same host, a list is that list, ['*'] is any; a client without Origin is let in
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

require __DIR__ . '/../support.inc';

foreach ([null, [], ['https://chat.example', 'http://other.example:8080'], ['https://*.chat.example'], ['*']] as $origins) {
    $server = server(origins: $origins);
    $server->start();
    $same = 'http://' . $server->addresses()[0];
    foreach ([null, $same, 'https://chat.example', 'https://chat.example:444', 'http://chat.example', 'http://other.example:8080', 'null', 'https://chat.example.evil.example', 'https://a.b.chat.example'] as $origin) {
        echo Client::ask($server, '/', $origin === null ? [] : ['Origin' => $origin])->status, ' ';
    }
    echo "\n";
    $server->stop(0.0);
}
?>
--EXPECT--
101 101 403 403 403 403 403 403 403 
101 403 403 403 403 403 403 403 403 
101 403 101 403 403 101 403 403 403 
101 403 403 403 403 403 403 403 101 
101 101 101 101 101 101 101 101 101 
