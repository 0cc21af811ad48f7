<?php

/*
 * php -n -d extension=ferrite.so face.php SEED calm|wild TRACE FOLDER ROUNDS
 *
 * Plays the scene of a seed: random calls of everything that the extension has, while clients connect. A calm scene
 * is played again and again in one process, and leaves no memory, descriptor or thread behind. A wild one is played
 * once, and may end its process as a script can.
 *
 * A seed determines what is done, not when the network does its part: a seed that failed may pass the next time.
 */

declare(strict_types=1);

namespace Ferrite\Tests\Random;

foreach (['Chance', 'Trace', 'Things', 'Peer', 'Values', 'Tricks', 'Wild', 'Objects', 'Acts', 'Scene', 'Left'] as $part) {
    require __DIR__ . "/$part.php";
}

[, $seed, $mood, $trace, $folder, $rounds] = $argv;
$seed = (int) $seed;
Trace::into($trace);
$classes = array_values(array_filter(
    (new \ReflectionExtension('ferrite'))->getClasses(),
    static fn (\ReflectionClass $class): bool => !$class->isInterface(),
));

if ($mood === 'wild') {
    if (function_exists('pcntl_waitpid')) {
        register_shutdown_function(Wild::reap(...));
    }
    $scene = new Scene($seed, true, $classes, $folder);
    $scene->play();
    // Half of the scenes are left as they are, with servers that run.
    if ($seed % 4 < 2) {
        $scene->end();
    }
    Trace::say('EXIT 0');

    return;
}

$left = new Left((int) $rounds);
do {
    $scene = new Scene($seed, false, $classes, $folder);
    $scene->play();
    $scene->end();
    $scene = null;
} while ($left->look());
Trace::say('EXIT 0');
