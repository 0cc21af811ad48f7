--TEST--
phpinfo() has a section with the version, and the classes belong to the extension
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\Server;

require __DIR__ . '/../support.inc';

ob_start();
phpinfo(INFO_MODULES);
$info = ob_get_clean();
var_dump(str_contains($info, "\nferrite\n"));
var_dump(preg_match('/^version => ' . preg_quote((string) phpversion('ferrite'), '/') . '$/mi', $info));
var_dump(preg_match('/^\d+\.\d+\.\d+/', (string) phpversion('ferrite')));
var_dump((new \ReflectionClass(Server::class))->getExtensionName());
?>
--EXPECT--
bool(true)
int(1)
int(1)
string(7) "ferrite"
