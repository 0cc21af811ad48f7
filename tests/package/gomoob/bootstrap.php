<?php

declare(strict_types=1);

// As Composer would load the package.
spl_autoload_register(static function (string $class): void {
    foreach (['Gomoob\\WebSocket\\' => 'php/gomoob/', 'Ferrite\\Tests\\Gomoob\\' => 'tests/package/gomoob/'] as $prefix => $folder) {
        $file = __DIR__ . '/../../../' . $folder . strtr(substr($class, strlen($prefix)), '\\', '/') . '.php';
        if (str_starts_with($class, $prefix) && is_file($file)) {
            require $file;
        }
    }
});
