<?php

declare(strict_types=1);

// Prints how to run an example if the extension is not loaded.

if (!extension_loaded('ferrite')) {
    $library = PHP_OS_FAMILY === 'Darwin' ? 'libferrite.dylib' : 'libferrite.so';
    fwrite(STDERR, 'The ferrite extension is not loaded; ./dev build, then: '
        . "php -d extension=target/release/$library {$_SERVER['argv'][0]}\n");
    exit(1);
}
