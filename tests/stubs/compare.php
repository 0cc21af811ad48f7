<?php

/*
 * Holds stubs/ equal to the loaded extension, both ways.
 *
 *     php -n -d extension=/path/to/libferrite.so tests/stubs/compare.php
 *
 * Exits 0 when they are equal, 1 with the differences, 2 when it cannot compare.
 *
 * Both sides are described by the same reflection code: the extension in this process, the stubs in a second
 * one that runs without the extension. Nothing but PHP's built-in extensions is needed.
 */

declare(strict_types=1);

const STUBS = __DIR__ . '/../../stubs';

/*
 * What reflection cannot say in the same words on both sides is left out: whether a constructor parameter is
 * promoted, the methods every enum has, and cloning.
 */
final class Description
{
    /** @var array<string, string> what is described => one line */
    private array $lines = [];

    /** @return array<string, string> */
    public static function ofClass(string $class): array
    {
        $self = new self();
        $self->class(new ReflectionClass($class));

        return $self->lines;
    }

    private function class(ReflectionClass $class): void
    {
        $name = $class->getName();
        $kind = match (true) {
            $class->isInterface() => 'interface',
            $class->isEnum() => 'enum',
            default => 'class',
        };
        $modifiers = $class->isInterface() || $class->isEnum() ? [] : Reflection::getModifierNames($class->getModifiers());
        $line = implode(' ', [...$modifiers, $kind, $name]);
        if ($class->isEnum()) {
            $backing = (new ReflectionEnum($name))->getBackingType();
            $line .= $backing === null ? '' : ': ' . $backing;
        }
        if ($class->getParentClass() !== false) {
            $line .= ' extends ' . $class->getParentClass()->getName();
        }
        $interfaces = $class->getInterfaceNames();
        sort($interfaces);
        if ($interfaces !== []) {
            $line .= ' implements ' . implode(', ', $interfaces);
        }
        $this->lines[$name] = $line;

        foreach ($class->getReflectionConstants() as $constant) {
            if ($constant->getDeclaringClass()->getName() === $name) {
                $this->lines["$name::{$constant->getName()}"] = self::constant($constant);
            }
        }
        foreach ($class->getProperties() as $property) {
            if ($property->getDeclaringClass()->getName() === $name && !$class->isEnum()) {
                $this->lines["$name::\${$property->getName()}"] = self::property($property);
            }
        }
        foreach ($class->getMethods() as $method) {
            if ($class->isEnum() && in_array($method->getName(), ['cases', 'from', 'tryFrom'], true)) {
                continue;
            }
            if ($method->getDeclaringClass()->getName() === $name) {
                $this->lines["$name::{$method->getName()}()"] = self::method($method);
            }
        }
    }

    private static function constant(ReflectionClassConstant $constant): string
    {
        $value = $constant->getValue();
        if ($value instanceof UnitEnum) {
            $value = $value instanceof BackedEnum ? ' = ' . self::value($value->value) : '';

            return "case {$constant->getName()}$value";
        }

        return implode(' ', Reflection::getModifierNames($constant->getModifiers()))
            . " const {$constant->getName()} = " . self::value($value);
    }

    private static function property(ReflectionProperty $property): string
    {
        $line = implode(' ', Reflection::getModifierNames($property->getModifiers()));
        $line .= ' ' . self::type($property->getType()) . ' $' . $property->getName();

        return $property->hasDefaultValue() && !$property->isPromoted()
            ? $line . ' = ' . self::value($property->getDefaultValue())
            : $line;
    }

    private static function method(ReflectionMethod $method): string
    {
        $parameters = implode(', ', array_map(self::parameter(...), $method->getParameters()));
        $line = implode(' ', Reflection::getModifierNames($method->getModifiers())) . ' function ';
        $line .= ($method->returnsReference() ? '&' : '') . "{$method->getName()}($parameters)";
        if ($method->hasReturnType()) {
            $line .= ': ' . self::type($method->getReturnType());
        }
        if ($method->hasTentativeReturnType()) {
            $line .= ': (tentative) ' . self::type($method->getTentativeReturnType());
        }

        return $line;
    }

    private static function parameter(ReflectionParameter $parameter): string
    {
        $line = '';
        foreach ($parameter->getAttributes() as $attribute) {
            $line .= "#[{$attribute->getName()}] ";
        }
        $line .= self::type($parameter->getType()) . ' ';
        $line .= $parameter->isPassedByReference() ? '&' : '';
        $line .= $parameter->isVariadic() ? '...' : '';
        $line .= '$' . $parameter->getName();
        if ($parameter->isVariadic()) {
            return $line;
        }
        if ($parameter->isDefaultValueAvailable()) {
            try {
                return $line . ' = ' . self::value($parameter->getDefaultValue());
            } catch (Throwable $error) {
                return "$line = (unreadable: {$error->getMessage()})";
            }
        }

        return $parameter->isOptional() ? "$line = (unknown)" : $line;
    }

    private static function type(?ReflectionType $type): string
    {
        if ($type === null) {
            return '(untyped)';
        }
        if ($type instanceof ReflectionNamedType) {
            $names = [$type->getName()];
        } elseif ($type instanceof ReflectionUnionType) {
            $names = array_map(static fn (ReflectionType $part): string => (string) $part, $type->getTypes());
        } else {
            return (string) $type;
        }
        if ($type->allowsNull() && !in_array('mixed', $names, true)) {
            $names[] = 'null';
        }
        // PHP 8.2 and later compile iterable to a union.
        if (array_diff(['Traversable', 'array'], $names) === []) {
            $names = [...array_diff($names, ['Traversable', 'array']), 'iterable'];
        }
        $names = array_unique($names);
        sort($names);

        return implode('|', $names);
    }

    private static function value(mixed $value): string
    {
        return match (true) {
            $value instanceof UnitEnum => $value::class . '::' . $value->name,
            is_array($value) => '[' . implode(', ', array_map(
                static fn (mixed $item, int|string $key): string => self::value($key) . ' => ' . self::value($item),
                $value,
                array_keys($value),
            )) . ']',
            $value === null => 'null',
            default => var_export($value, true),
        };
    }
}

/** @return array<string, string> */
function describeStubs(): array
{
    spl_autoload_register(static function (string $class): void {
        $file = STUBS . '/' . strtr(substr($class, strlen('Ferrite\\')), '\\', '/') . '.php';
        if (is_file($file)) {
            require_once $file;
        }
    });
    $lines = [];
    foreach ([...glob(STUBS . '/*.php'), ...glob(STUBS . '/*/*.php')] as $file) {
        $before = [...get_declared_classes(), ...get_declared_interfaces()];
        require_once $file;
        $class = 'Ferrite\\' . strtr(substr($file, strlen(STUBS . '/'), -strlen('.php')), '/', '\\');
        if (!class_exists($class, false) && !interface_exists($class, false)) {
            throw new RuntimeException(basename($file) . " does not declare $class");
        }
        // An autoloaded parent is declared by its own file; everything else must be this file's class.
        foreach (array_diff([...get_declared_classes(), ...get_declared_interfaces()], $before) as $declared) {
            if (realpath((new ReflectionClass($declared))->getFileName()) === realpath($file) && $declared !== $class) {
                throw new RuntimeException(basename($file) . " also declares $declared");
            }
        }
        if ((new ReflectionClass($class))->getDocComment() === false) {
            throw new RuntimeException("$class has no docblock");
        }
        $lines += Description::ofClass($class);
    }

    return $lines;
}

/** @return array<string, string> */
function describeExtension(): array
{
    $extension = new ReflectionExtension('ferrite');
    $lines = [];
    foreach ($extension->getClassNames() as $class) {
        $lines += Description::ofClass($class);
    }
    // The public face is classes only.
    foreach (array_keys($extension->getFunctions()) as $function) {
        $lines["$function()"] = 'function';
    }
    foreach (array_keys($extension->getConstants()) as $constant) {
        $lines[$constant] = 'constant';
    }

    return $lines;
}

if (($argv[1] ?? '') === '--describe-stubs') {
    if (extension_loaded('ferrite')) {
        fwrite(STDERR, "the stubs must be read without the extension\n");
        exit(2);
    }
    echo json_encode(describeStubs(), JSON_THROW_ON_ERROR);
    exit(0);
}

if (!extension_loaded('ferrite')) {
    fwrite(STDERR, "ferrite is not loaded: php -n -d extension=... {$argv[0]}\n");
    exit(2);
}

$child = proc_open(
    [PHP_BINARY, '-n', __FILE__, '--describe-stubs'],
    [1 => ['pipe', 'w'], 2 => STDERR],
    $pipes,
);
$json = stream_get_contents($pipes[1]);
if (proc_close($child) !== 0 || !is_array($stubs = json_decode($json, true))) {
    fwrite(STDERR, "the stubs cannot be read\n$json\n");
    exit(2);
}

$extension = describeExtension();
$names = array_keys($stubs + $extension);
sort($names);
$differences = 0;
foreach ($names as $name) {
    $stub = $stubs[$name] ?? '(missing)';
    $native = $extension[$name] ?? '(missing)';
    if ($stub !== $native) {
        ++$differences;
        echo "$name\n  stub:      $stub\n  extension: $native\n";
    }
}
echo $differences === 0
    ? count($names) . " declarations: stubs and extension agree\n"
    : "$differences of " . count($names) . " declarations differ\n";
exit($differences === 0 ? 0 : 1);
