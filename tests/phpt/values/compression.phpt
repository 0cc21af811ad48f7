--TEST--
Compression is checked when it is made, and where it meets other options
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

use Ferrite\{Compression, Limits, Server, SlowConsumer};

$attempt = function (callable $make): void {
    try {
        $make();
        echo "accepted\n";
    } catch (Throwable $e) {
        echo $e::class, ': ', $e->getMessage(), "\n";
    }
};

var_dump(new Compression());
$attempt(fn () => new Compression(level: 0));
$attempt(fn () => new Compression(level: 10));
$attempt(fn () => new Compression(level: 300));
$attempt(fn () => new Compression(threshold: -1));
$attempt(fn () => new Compression(windowBits: 8));
$attempt(fn () => new Compression(windowBits: 16));
$attempt(fn () => new Server(compression: new Compression(level: 9, threshold: 0, windowBits: 9, contextTakeover: true)));
$attempt(fn () => new Server(compression: new stdClass()));
$attempt(fn () => new Server(
    limits: new Limits(slowConsumer: SlowConsumer::DropOldest),
    compression: new Compression(contextTakeover: true),
));
?>
--EXPECTF--
object(Ferrite\Compression)#%d (4) {
  ["level"]=>
  int(1)
  ["threshold"]=>
  int(1024)
  ["windowBits"]=>
  int(15)
  ["contextTakeover"]=>
  bool(false)
}
Ferrite\ConfigurationException: compression.level: 0 is not 1 to 9
Ferrite\ConfigurationException: compression.level: 10 is not 1 to 9
Ferrite\ConfigurationException: compression.level: 255 is not 1 to 9
Ferrite\ConfigurationException: compression.threshold: -1 is negative
Ferrite\ConfigurationException: compression.windowBits: 8 is not 9 to 15
Ferrite\ConfigurationException: compression.windowBits: 16 is not 9 to 15
accepted
TypeError: Ferrite\Server::__construct(): Argument #5 ($compression) must be of type Ferrite\Compression, stdClass given
Ferrite\ConfigurationException: compression.contextTakeover: cannot be combined with SlowConsumer::DropOldest: what was dropped would be missed
