<?php

declare(strict_types=1);

namespace Ferrite\Tests\Random;

/** What was done, line by line. Each line is written at once: a process that crashes says no more. */
final class Trace
{
    /** @var resource|null */
    private static $file = null;

    public static function into(string $path): void
    {
        self::$file = fopen($path, 'a');
        stream_set_write_buffer(self::$file, 0);
    }

    public static function say(string $line): void
    {
        if (self::$file !== null) {
            fwrite(self::$file, getmypid() . " $line\n");
        }
    }

    /** Something that must not be. run.py looks for the word: neither the exit status nor a stream is safe from a scene. */
    public static function fault(string $line): void
    {
        self::say("FAULT: $line");
    }

    /** Describes a value without running any code of its class. */
    public static function text(mixed $value, int $depth = 0): string
    {
        return match (true) {
            is_string($value) => strlen($value) > 40
                ? 'string(' . strlen($value) . ')'
                : '"' . addcslashes($value, "\0..\37\"\\\177..\377") . '"',
            is_array($value) => $depth > 1 || count($value) > 6
                ? 'array(' . count($value) . ')'
                : '[' . implode(', ', array_map(
                    static fn (int|string $key, mixed $item): string => (is_int($key) ? '' : addcslashes($key, "\0..\37\177..\377") . ': ')
                        . self::text($item, $depth + 1),
                    array_keys($value),
                    $value,
                )) . ']',
            $value instanceof \UnitEnum => $value::class . '::' . $value->name,
            is_object($value) => strtr($value::class, ["\0" => ' ']) . '#' . spl_object_id($value),
            is_float($value) || is_int($value) || is_bool($value) || $value === null => var_export($value, true),
            default => get_debug_type($value),
        };
    }
}
