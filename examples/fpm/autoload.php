<?php

declare(strict_types=1);

// Loads the package's classes, as Composer does in an application.

spl_autoload_register(static function (string $class): void {
    $file = __DIR__ . '/../../php/' . strtr(substr($class, strlen('Ferrite\\')), '\\', '/') . '.php';
    if (str_starts_with($class, 'Ferrite\\') && is_file($file)) {
        require $file;
    }
});
