--TEST--
Exceptions: one interface for all, and PHP's own families
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\Auth\ForbiddenException;
use Ferrite\{BindException, ConfigurationException, InvalidQueryException, Server, StateException};

require __DIR__ . '/../support.inc';

foreach ([ConfigurationException::class, BindException::class, StateException::class, InvalidQueryException::class, ForbiddenException::class] as $class) {
    $error = new $class('message', 7, $previous = new \Exception());
    echo $class, ' ', get_parent_class($class), ' ', json_encode($error instanceof \Ferrite\Exception), ' ',
        $error->getMessage(), ' ', $error->getCode(), ' ', json_encode($error->getPrevious() === $previous), "\n";
}
var_dump(is_subclass_of(\Ferrite\Exception::class, \Throwable::class));
try {
    new Server('nonsense');
} catch (\Ferrite\Exception $error) {
    echo $error::class, ' ', basename($error->getFile()) === basename(__FILE__) ? 'here' : $error->getFile(), "\n";
}
?>
--EXPECT--
Ferrite\ConfigurationException LogicException true message 7 true
Ferrite\BindException RuntimeException true message 7 true
Ferrite\StateException LogicException true message 7 true
Ferrite\InvalidQueryException LogicException true message 7 true
Ferrite\Auth\ForbiddenException RuntimeException true message 7 true
bool(true)
Ferrite\ConfigurationException here
