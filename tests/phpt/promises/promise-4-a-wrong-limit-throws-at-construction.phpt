--TEST--
Promise 4: a wrong limit throws at construction and is named; 0 is off where that is safe
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\{ConfigurationException, Heartbeat, Limits};

require __DIR__ . '/../support.inc';

$offWithZero = ['maxConnectionsPerAddress', 'connectRatePerAddress', 'sendTimeout', 'messageRate'];
$parameters = (new \ReflectionMethod(Limits::class, '__construct'))->getParameters();
$tried = 0;
foreach ($parameters as $parameter) {
    $name = $parameter->getName();
    $wrong = match (ltrim((string) $parameter->getType(), '?')) {
        'int' => [-1, PHP_INT_MIN],
        'float' => [-1.0, -0.001, NAN, INF, -INF],
        default => [],
    };
    $zero = ltrim((string) $parameter->getType(), '?') === 'int' ? 0 : 0.0;
    if ($wrong !== [] && !in_array($name, $offWithZero, true)) {
        $wrong[] = $zero;
    }
    foreach ($wrong as $value) {
        ++$tried;
        $thrown = thrown(fn () => new Limits(...[$name => $value]));
        if (preg_match("/^Ferrite.ConfigurationException: (limits\.|heartbeat\.)?$name: ./", $thrown) !== 1) {
            echo $name, ' = ', var_export($value, true), ' => ', $thrown, "\n";
        }
    }
}
foreach ($offWithZero as $name) {
    var_dump((new Limits(...[$name => 0]))->$name);
}
foreach (['interval' => [-1.0, NAN, INF], 'timeout' => [-1.0, 0.0, NAN, INF]] as $name => $values) {
    foreach ($values as $value) {
        ++$tried;
        $thrown = thrown(fn () => new Heartbeat(...[$name => $value]));
        if (preg_match("/^Ferrite.ConfigurationException: (limits\.|heartbeat\.)?$name: ./", $thrown) !== 1) {
            echo $name, ' = ', var_export($value, true), ' => ', $thrown, "\n";
        }
    }
}
var_dump((new Heartbeat(interval: 0))->interval, $tried);
echo thrownClass(fn () => new Limits(maxMessageSize: '1')), ' ', thrownClass(fn () => new Limits(slowConsumer: 'Close')), "\n";
?>
--EXPECT--
int(0)
float(0)
float(0)
float(0)
float(0)
int(72)
TypeError TypeError
