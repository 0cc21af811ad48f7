<?php

declare(strict_types=1);

// As Composer would load them, without Composer.
spl_autoload_register(function (string $class): void {
    $package = dirname(__DIR__, 2) . '/php';
    $folders = [
        'Ferrite\\Tests\\Package\\' => __DIR__,
        'Ferrite\\Tests\\Gomoob\\' => __DIR__ . '/gomoob',
        'Gomoob\\WebSocket\\' => "$package/gomoob",
        'Ferrite\\' => $package,
    ];
    foreach ($folders as $prefix => $folder) {
        $file = $folder . '/' . strtr(substr($class, strlen($prefix)), '\\', '/') . '.php';
        if (str_starts_with($class, $prefix) && is_file($file)) {
            require $file;
            return;
        }
    }
});
