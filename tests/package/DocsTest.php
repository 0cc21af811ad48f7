<?php

declare(strict_types=1);

namespace Ferrite\Tests\Package;

use Ferrite\Publisher;
use Ferrite\PublisherException;
use PHPUnit\Framework\TestCase;

/** docs/publishing.md says what the code says. */
final class DocsTest extends TestCase
{
    public function testEveryExampleIsPhp(): void
    {
        preg_match_all('/^```php\n(.*?)^```/ms', self::page(), $found);
        self::assertGreaterThan(5, count($found[1]));
        foreach ($found[1] as $code) {
            // Methods of a class that the page does not print.
            $method = str_contains($code, 'public function') ? preg_replace('/public function.*/s', 'class C { $0 }', $code) : $code;
            self::assertNotEmpty(token_get_all("<?php $method", TOKEN_PARSE));
        }
    }

    public function testTheTableOfSettingsIsTheConstructor(): void
    {
        preg_match_all('/^\| `(\w+)` \| (?:`(.+?)`)? ?\|/m', self::section('Settings'), $rows, PREG_SET_ORDER);
        $parameters = (new \ReflectionMethod(Publisher::class, '__construct'))->getParameters();
        self::assertSame(
            array_map(fn (\ReflectionParameter $p) => [
                $p->name,
                $p->isDefaultValueAvailable() ? strtolower(var_export($p->getDefaultValue(), true)) : '',
            ], $parameters),
            array_map(fn (array $row) => [$row[1], $row[2] ?? ''], $rows),
        );
    }

    public function testTheTableOfErrorsHasEveryException(): void
    {
        preg_match_all('/^\| `(\w+)` \|/m', self::section('Errors'), $rows);
        $classes = array_map(fn ($file) => basename($file, '.php'), glob(dirname(__DIR__, 2) . '/php/*Exception.php'));
        self::assertEqualsCanonicalizing(array_diff($classes, ['PublisherException']), $rows[1]);
        foreach ($rows[1] as $class) {
            self::assertTrue(is_subclass_of("Ferrite\\$class", PublisherException::class));
        }
    }

    private static function page(): string
    {
        return file_get_contents(dirname(__DIR__, 2) . '/docs/publishing.md');
    }

    private static function section(string $title): string
    {
        return preg_match("/^## $title\n(.*?)^## /ms", self::page(), $found) === 1 ? $found[1] : self::fail("no '$title'");
    }
}
