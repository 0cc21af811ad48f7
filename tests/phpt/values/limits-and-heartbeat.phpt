--TEST--
Limits and Heartbeat: safe defaults, named arguments, readonly
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\{Heartbeat, Limits, SlowConsumer};

require __DIR__ . '/../support.inc';

foreach ([new Limits(), new Heartbeat()] as $values) {
    foreach ((new \ReflectionMethod($values, '__construct'))->getParameters() as $parameter) {
        $name = $parameter->getName();
        echo $name, ' ', $values->$name instanceof \UnitEnum ? $values->$name->name : var_export($values->$name, true), "\n";
        if (thrownClass(fn () => $values->$name = $values->$name) !== 'Error') {
            echo "can be written\n";
        }
    }
}
$limits = new Limits(maxMessageSize: 65536, slowConsumer: SlowConsumer::DropOldest, closeTimeout: 1);
var_dump($limits->maxMessageSize, $limits->slowConsumer, $limits->closeTimeout, $limits->maxTopics);
echo thrownClass(fn () => new Limits(nonsense: 1)), "\n";
?>
--EXPECT--
maxMessageSize 1048576
maxConnections 10000
maxConnectionsPerAddress NULL
connectRatePerAddress NULL
handshakeTimeout 5.0
sendBuffer 16777216
totalSendBuffer 268435456
sendTimeout 10.0
slowConsumer Close
receiveMessages 64
receiveBytes 262144
totalReceiveBytes 67108864
messageRate 0.0
closeTimeout 2.0
maxTopics 256
maxTags 64
maxRequestBody 262144
maxHeadSize 16384
maxHeaders 64
interval 25.0
timeout 10.0
int(65536)
enum(Ferrite\SlowConsumer::DropOldest)
float(1)
int(256)
Error
