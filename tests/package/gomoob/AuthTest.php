<?php

declare(strict_types=1);

namespace Ferrite\Tests\Gomoob;

use Gomoob\WebSocket\Auth\ApplicationsAuthManager;
use Gomoob\WebSocket\Auth\Yaml;
use Gomoob\WebSocket\IConnection;
use Gomoob\WebSocket\Request\WebSocketRequest;
use PHPUnit\Framework\TestCase;

final class AuthTest extends TestCase
{
    private const FILE = __DIR__ . '/auth.yml';
    private const SECRET1 = 'an-example-secret-of-application-1';
    private const SECRET2 = 'an-example-secret-of-application-2';

    public function test_who_may_connect(): void
    {
        self::assertTrue(ApplicationsAuthManager::factory()->authorizeOpen($this->connection()));
        self::assertFalse(ApplicationsAuthManager::create(['authorizeOpen' => false])->authorizeOpen($this->connection('key=a&secret=b')));
        $manager = new ApplicationsAuthManager(['configurationFile' => self::FILE, 'authorizeOpen' => false]);
        foreach (
            [
            '' => false,
            'key=invalid&secret=' . self::SECRET1 => false,
            'key=application1' => true,
            'key=application2' => false,
            'key=application2&secret=' . self::SECRET1 => false,
            'key=application2&secret=' . self::SECRET2 => true,
            'key[]=application1&secret[]=x' => false,
            'key=application2&secret[]=x' => false,
            ] as $query => $may
        ) {
            self::assertSame($may, $manager->authorizeOpen($this->connection($query)), $query);
        }
    }

    public function test_who_may_send(): void
    {
        $manager = ApplicationsAuthManager::factory(['configurationFile' => self::FILE]);
        foreach (
            [
            [[], false],
            [['key' => 'application1'], false],
            [['key' => 'unknown', 'secret' => str_repeat('x', 64)], false],
            [['key' => 'application1', 'secret' => self::SECRET2], false],
            [['key' => 'application1', 'secret' => [self::SECRET1]], false],
            [['key' => 'application1', 'secret' => self::SECRET1, 'more' => 1], true],
            [['key' => 'application2', 'secret' => self::SECRET2], true],
            ] as [$metadata, $may]
        ) {
            $request = WebSocketRequest::create('a')->setMetadata($metadata);
            self::assertSame($may, $manager->authorizeSend($this->connection(), $request), json_encode($metadata));
            self::assertFalse(ApplicationsAuthManager::factory()->authorizeSend($this->connection(), $request));
        }
    }

    public function test_a_file_that_cannot_be_used_is_named(): void
    {
        $file = tempnam(sys_get_temp_dir(), 'ferrite');
        foreach (
            [
            [__DIR__ . '/none.yml', null, "The configuration file '" . __DIR__ . "/none.yml' does not exist !"],
            [__DIR__, null, "The configuration file '" . __DIR__ . "' is not a valid file !"],
            [$file, 'text', 'Invalid configuration provided in configuration file !'],
            [$file, '', 'Invalid configuration provided in configuration file !'],
            [$file, 'applications: [a]', 'Invalid configuration provided in configuration file !'],
            [$file, "applications:\n  a: &b\n", 'Invalid configuration provided in configuration file !'],
            [$file, 'other: 1', "No 'applications' key found in provided configuration file !"],
            [$file, "applications:\n- secret: a\n", "No 'key' property found in application '1' declared in the configuration file !"],
            [$file, "applications:\n- key: a\n", "No 'secret' property found in application '1' declared in the configuration file !"],
            [$file, "applications:\n- key: a\n  secret: b\n", "No 'authorizeOpen' property found in application '1' declared in the configuration file !"],
            [$file, "applications:\n- key: a\n  secret: b\n  authorizeOpen: false\n-\n", "No 'key' property found in application '2' declared in the configuration file !"],
            ] as [$path, $text, $message]
        ) {
            if ($text !== null) {
                file_put_contents($path, $text);
            }
            try {
                new ApplicationsAuthManager(['configurationFile' => $path]);
                self::fail("nothing was thrown for $text");
            } catch (\InvalidArgumentException $error) {
                self::assertSame($message, $error->getMessage());
            }
        }
        unlink($file);
    }

    public function test_yaml_is_read_as_far_as_the_file_needs_it(): void
    {
        foreach (
            [
            ["---\na: 1\n", ['a' => 1]],
            ["- a\n-   b: x\n    c: 'it''s'\n-\n  - d\n", ['a', ['b' => 'x', 'c' => "it's"], ['d']]],
            ["a:\n- x\n- y: 1\nb: ~\n", ['a' => ['x', ['y' => 1]], 'b' => null]],
            ["a: x#y # z\nb: \"q\\\"\\\\ # r\" # s\nc: -5\nd: True\ne: 007\nf:\n", ['a' => 'x#y', 'b' => 'q"\\ # r', 'c' => -5, 'd' => true, 'e' => '007', 'f' => null]],
            ["\r\na: http://x\r\n", ['a' => 'http://x']],
            ] as [$text, $value]
        ) {
            self::assertSame($value, Yaml::parse($text), $text);
        }
        foreach (["a: [1]", "a: {}", "a: &x y", "a: *x", "a: |\n  x", "a: 1\n  b: 2", "a: 1\na: 2", "\ta: 1", "a: b: c", "- a\nb: 1", "a: 'x", 'a: "\n"', "a: !!str 1", "? a", "a: @b", "x\ny"] as $text) {
            try {
                self::fail("$text is " . json_encode(Yaml::parse($text)));
            } catch (\UnexpectedValueException $error) {
                self::assertStringStartsWith('Not understood: ', $error->getMessage());
            }
        }
    }

    /**
     * @runInSeparateProcess
     * @preserveGlobalState disabled
     */
    public function test_the_file_is_read_by_symfony_yaml_if_that_is_installed(): void
    {
        if (!class_exists(\Symfony\Component\Yaml\Yaml::class)) {
            require __DIR__ . '/SymfonyYaml.php';
        }
        $file = tempnam(sys_get_temp_dir(), 'ferrite');
        file_put_contents($file, '{"applications": [{"key": "a", "secret": "b", "authorizeOpen": true}]}');
        try {
            $manager = new ApplicationsAuthManager(['configurationFile' => $file, 'authorizeOpen' => false]);
            self::assertTrue($manager->authorizeOpen($this->connection('key=a')));
            file_put_contents($file, '{"applications": [');
            $this->expectExceptionObject(
                new \InvalidArgumentException('Invalid configuration provided in configuration file !'),
            );
            new ApplicationsAuthManager(['configurationFile' => $file]);
        } finally {
            unlink($file);
        }
    }

    private function connection(string $query = ''): IConnection
    {
        parse_str($query, $parameters);
        $connection = $this->createStub(IConnection::class);
        $connection->method('getQuery')->willReturn($parameters);

        return $connection;
    }
}
