<?php

declare(strict_types=1);

namespace Ferrite\Tests\Random;

use Ferrite\Auth\AppKeys;
use Ferrite\Auth\Jwt;
use Ferrite\Compression;
use Ferrite\Connection;
use Ferrite\Heartbeat;
use Ferrite\Limits;
use Ferrite\Protocol\Gomoob;
use Ferrite\Response;
use Ferrite\Server;
use Ferrite\SlowConsumer;
use Ferrite\Tag;
use Ferrite\Tls;

/**
 * What is given to a method: what it asks for, or anything at all.
 *
 * Who gives a value to a native function, or gets one from a callback, holds it in a variable. PHP looks for garbage
 * where a variable lets go of an array, not where a call lets go of its arguments or a statement of its result: an
 * array that holds itself, collected around while only a call held it, would stay until the process ends.
 */
final class Values
{
    public function __construct(private Scene $scene)
    {
    }

    /**
     * Arguments for a method: mostly what it asks for or mostly not, sometimes too few or too many, some by name.
     *
     * @return array<int|string, mixed>
     */
    public function arguments(\ReflectionFunctionAbstract $function, Chance $chance): array
    {
        $parameters = $function->getParameters();
        $least = $function->getNumberOfRequiredParameters();
        $count = $chance->once(12) ? $chance->below(count($parameters) + 3) : $chance->between($least, count($parameters));
        $wrong = $chance->pick([2, 5, 20, 1000]);
        $isNamed = $chance->once(4);
        $arguments = [];
        for ($index = 0; $index < $count; $index++) {
            $parameter = $parameters[$index] ?? null;
            if ($parameter === null) {
                $arguments[$isNamed ? "extra$index" : $index] = $this->any($chance);
            } elseif ($parameter->isVariadic()) {
                for ($more = $chance->below(4); $more > 0; $more--) {
                    $key = $isNamed ? $chance->pick(['connection', 'room', 'a b']) . $more : count($arguments);
                    $arguments[$key] = $this->value($parameter, $chance, $wrong);
                }
            } elseif (!$isNamed || $index < $least || $chance->once(2)) {
                $arguments[$isNamed ? $parameter->getName() : $index] = $this->value($parameter, $chance, $wrong);
            }
        }
        if ($chance->once(10)) {
            foreach (array_keys($arguments) as $key) {
                $reference = &$arguments[$key];
                unset($reference);
            }
        }

        return $arguments;
    }

    private function value(\ReflectionParameter $parameter, Chance $chance, int $wrong): mixed
    {
        $name = $parameter->getName();
        $value = match (true) {
            $chance->once($wrong) => $this->any($chance),
            $chance->once(4) => $this->known($parameter, $chance) ?? $this->fitting($parameter, $chance),
            default => $this->fitting($parameter, $chance),
        };
        if ($name === 'timeout' || $name === 'grace' || $name === 'seconds') {
            return $this->soon($value, $chance);
        }

        return $name === 'listen' ? $this->loopback($value, $chance) : $value;
    }

    /** A native object of the right class that is at hand, which may be in any state. */
    private function known(\ReflectionParameter $parameter, Chance $chance): ?object
    {
        preg_match_all('~Ferrite\\\\[\w\\\\]+~', (string) $parameter->getType(), $match);

        return $match[0] === [] ? null : $this->scene->objects->one($chance->pick($match[0]), $chance);
    }

    /** A time that no scene has to wait for, or one that is refused. */
    private function soon(mixed $value, Chance $chance): mixed
    {
        if (is_object($value) || is_array($value) || is_resource($value) || (is_string($value) && !is_numeric($value))) {
            return $value;
        }
        $number = (float) $value;

        return is_nan($number) || $number < 0.0 || $number > 1e9 ? $value : $chance->pick([0.0, 0.001, 0.005, 0, '0']);
    }

    /** Nothing listens where others could reach it, and nothing on a fixed port. */
    private function loopback(mixed $value, Chance $chance): mixed
    {
        $texts = is_array($value) ? $value : [$value];
        foreach ($texts as $text) {
            if (
                (is_string($text) && preg_match('~\d~', $text) === 1 && !in_array($text, $this->addresses(), true))
                || is_int($text) || is_float($text)
            ) {
                return $chance->pick($this->addresses());
            }
        }

        return $value;
    }

    /** @return list<string> */
    private function addresses(): array
    {
        return ['127.0.0.1:0', 'ws://127.0.0.1:0', 'unix://' . $this->scene->folder . '/a.sock', '127.0.0.1:0?proxy_protocol'];
    }

    /** What the parameter asks for, as far as its name and type say. */
    public function fitting(\ReflectionParameter $parameter, Chance $chance): mixed
    {
        return match ($parameter->getName()) {
            'listen' => $chance->once(6)
                ? [$chance->pick($this->addresses()), '127.0.0.1:0']
                : $chance->pick(['127.0.0.1:0', '127.0.0.1:0', '127.0.0.1:0', ...$this->addresses()]),
            'topic', 'topics', 'pattern', 'room' => $this->inType($parameter, $chance, fn () => $chance->pick(['room', 'lobby', 'room.1', 'room.*', 'user.{user}', '*'])),
            'user', 'users' => $chance->pick(['ann', 'bob', "\u{e9}", '']),
            'data' => $chance->pick(['hello', '', "\u{20ac}", str_repeat('x', 5000), str_repeat('x', 200_000), "\xff", ['a' => [1, null]]]),
            'code' => $chance->pick([1000, 1001, 1011, 3000, 4000, 4999]),
            'status' => $chance->pick([200, 204, 301, 302, 400, 403, 404, 503]),
            'reason', 'body' => $chance->pick(['', 'because', str_repeat('b', 123), str_repeat('b', 5000)]),
            'headers' => $chance->pick([[], ['X-A' => 'b'], ['Set-Cookie' => ['a=1', 'b=2']], ["X\r\n" => 'b']]),
            'tags' => $this->inType($parameter, $chance, fn () => $this->tag($chance)),
            'name', 'names' => $chance->pick(['language', 'level', 'host', 'Cookie']),
            'query' => $chance->pick(['language=FR', 'a=1 & (b | !c)', '((', '', str_repeat('!', 2000) . 'a', str_repeat('(', 5000)]),
            'values' => $chance->pick([['FR', 'EN'], [1, 2], [], [[]], range(1, 300)]),
            'value' => (string) $parameter->getType() === 'mixed' ? $this->any($chance) : $chance->pick(['FR', 'EN', 1, 0, -1]),
            'offset' => $chance->pick(['cart', 'a', 7, '7', '', "\u{e9}", "\xff", str_repeat('k', 65), null, 1.5]),
            'connection', 'connections', 'except' => $this->connection($chance),
            'id' => $chance->pick([0, 1, 2, $this->scene->objects->id($chance)]),
            'timeout', 'grace', 'seconds' => $chance->pick([0.0, 0.001, 0.003]),
            'callback', 'rule', 'logger', 'messageParser', 'authorizeSend' => $this->scene->callback($chance),
            'handler' => $chance->once(2) ? new SomeMethods($this->scene) : new AllMethods($this->scene),
            'protocol' => $chance->pick(['chat', 'other', null]),
            'protocols' => $chance->pick([[], ['chat'], ['chat', 'other']]),
            'origins' => $chance->pick([null, ['*'], ['https://a.example'], []]),
            'trustedProxies' => $chance->pick([[], ['127.0.0.1'], ['10.0.0.0/8', '::1'], ['unix:']]),
            'health' => $chance->pick([null, '/health']),
            'metrics' => $chance->pick([null, '/metrics', 'http://127.0.0.1:0/metrics']),
            'control' => $chance->pick([null, null, 'http://key:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@127.0.0.1:0', 'unix://' . $this->scene->folder . '/control.sock']),
            'tls' => $chance->once(5) ? $this->tls() : null,
            'limits' => $chance->once(3) ? null : self::limits($chance),
            'heartbeat' => $chance->once(2) ? null : new Heartbeat($chance->pick([0.0, 0.02, 5.0]), $chance->pick([0.02, 5.0])),
            'compression' => $chance->once(2) ? null : new Compression(
                level: $chance->between(1, 9),
                threshold: $chance->pick([0, 1, 1024]),
                windowBits: $chance->between(9, 15),
                contextTakeover: $chance->once(2),
            ),
            'auth' => $chance->once(5) ? $this->auth($chance) : null,
            'dialect' => $chance->once(3) ? new Gomoob(
                $chance->once(2),
                $chance->once(2) ? $this->scene->callback($chance) : null,
                $chance->once(2) ? $this->scene->callback($chance) : null,
            ) : null,
            'ioThreads' => $chance->between(0, 3),
            'secrets' => ['app' => str_repeat('s', 40)],
            'secret' => str_repeat('s', 40),
            'certificate', 'key', 'clientCa', 'publicKey', 'jwks', 'file' => $chance->pick([__FILE__, '/nowhere', '', "\0", '/dev/null', $this->scene->folder]),
            'level' => $chance->between(0, 10),
            default => $this->ofType($parameter, $chance),
        };
    }

    /** One, or a list of them where a list is asked for. */
    private function inType(\ReflectionParameter $parameter, Chance $chance, callable $one): mixed
    {
        $type = (string) $parameter->getType();
        if ($parameter->isVariadic() || !str_contains($type, 'array') || (str_contains($type, 'string') && $chance->once(2))) {
            return $one();
        }
        if ($parameter->getName() === 'tags') {
            return $chance->pick([[], ['language' => 'FR'], ['level' => 3, 'language' => 'EN'], $one()]);
        }

        return array_map(static fn () => $one(), range(0, $chance->below(3)));
    }

    private function ofType(\ReflectionParameter $parameter, Chance $chance): mixed
    {
        $type = (string) $parameter->getType();

        return match (true) {
            str_contains($type, 'bool') => $chance->once(2),
            str_contains($type, 'float') => $chance->pick([0.0, 0.01, 1.0, 30.0]),
            str_contains($type, 'int') => $chance->pick([0, 1, 2, 100, 65536]),
            str_contains($type, 'string') => $chance->pick(['', 'a', 'name']),
            str_contains($type, 'array') => [],
            default => $this->any($chance),
        };
    }

    private function tag(Chance $chance): mixed
    {
        return $chance->once(3) ? ['language' => 'FR'] : Tag::is('language', $chance->pick(['FR', 'EN']))->or(Tag::has('level'))->not();
    }

    private function connection(Chance $chance): mixed
    {
        $one = $this->scene->objects->one(Connection::class, $chance) ?? $this->scene->objects->id($chance);

        return $chance->once(5) ? [$one, $this->scene->objects->id($chance)] : $one;
    }

    private static function limits(Chance $chance): Limits
    {
        $choices = [
            'maxMessageSize' => [1, 1000, 100_000],
            'maxConnections' => [1, 3, 100],
            'maxConnectionsPerAddress' => [0, 2, 1000],
            'connectRatePerAddress' => [0.0, 5.0, 1000.0],
            'handshakeTimeout' => [0.01, 1.0],
            'sendBuffer' => [1024, 100_000],
            'sendTimeout' => [0.0, 0.02],
            'slowConsumer' => SlowConsumer::cases(),
            'receiveMessages' => [1, 2],
            'receiveBytes' => [1024, 65536],
            'messageRate' => [0.0, 3.0],
            'closeTimeout' => [0.01, 0.1],
            'maxTopics' => [1, 4],
            'maxTags' => [1, 4],
            'maxRequestBody' => [1, 60_000],
        ];
        $given = [];
        foreach ($choices as $name => $choice) {
            if ($chance->once(4)) {
                $given[$name] = $chance->pick($choice);
            }
        }

        return new Limits(...$given);
    }

    private function tls(): ?Tls
    {
        $pem = getenv('FERRITE_RANDOM_PEM');

        return $pem === false ? null : new Tls($pem, $pem);
    }

    private function auth(Chance $chance): mixed
    {
        $jwt = new Jwt(secret: str_repeat('s', 40));

        return $chance->once(2) ? $jwt : [$jwt, new AppKeys(['app' => str_repeat('s', 40)])];
    }

    /** Anything at all. */
    public function any(Chance $chance): mixed
    {
        return match ($chance->below(16)) {
            0 => $chance->pick([0, 1, -1, 2, 255, 1000, 1005, 65536, PHP_INT_MAX, PHP_INT_MIN, 1 << 31, 1 << 32, 1 << 53]),
            1 => $chance->pick([NAN, INF, -INF, -0.0, 0.5, 1e308, 5e-324, -1.5, 1e19]),
            2, 3 => $chance->pick([
                '', '0', '1', 'a', ' ', "\0", "a\0b", "\xff\xfe", "\xc3", "\u{1f600}", "a\r\nb: c", 'room', '1e3', ' 1', '-1',
                'strlen', 'Ferrite\\Server::run', Callee::class . '::anything', str_repeat('x', 70_000), str_repeat("\xe2\x82\xac", 3000),
                '127.0.0.1:0', '127.0.0.1', str_repeat('a.', 200), '{"a":1}',
            ]),
            4 => $chance->pick([null, true, false]),
            5 => $this->array($chance, 0),
            6 => $chance->pick([STDIN, tmpfile(), $this->closedStream()]),
            7 => $chance->pick([Server::class, Connection::class, Tag::class]),
            8 => $this->scene->callback($chance),
            9, 10 => $this->scene->objects->any($chance),
            11 => new Bomb(),
            12 => $chance->pick([new Loud($this->scene, $chance), new Echoing($this->scene, 'of a value'), new Callee($this->scene, 'value')]),
            13 => $chance->pick([new \stdClass(), new \ArrayObject([1, 2]), new \ArrayIterator(['a']), (static fn () => yield 1)(), new Boom('given')]),
            14 => $this->unfinished($chance),
            default => $chance->pick([...SlowConsumer::cases(), ...\Ferrite\SendResult::cases(), ...\Ferrite\CloseCode::cases(), new Response('made')]),
        };
    }

    /** @return resource */
    private function closedStream()
    {
        $stream = tmpfile();
        fclose($stream);

        return $stream;
    }

    private function array(Chance $chance, int $depth): array
    {
        $array = match ($chance->below(7)) {
            0 => [],
            1 => ['language' => 'FR', 'level' => 2],
            2 => ['room', 'lobby'],
            3 => [5 => 'hole', 9 => 'hole'],
            4 => array_fill(0, 300, 'x'),
            5 => [new Bomb()],
            default => [$depth > 2 ? null : $this->any($chance), 'key' => $depth > 2 ? null : $this->array($chance, $depth + 1)],
        };
        if ($chance->once(8)) {
            $array['self'] = &$array;
        }
        if ($chance->once(8)) {
            $value = $depth > 2 ? null : $this->any($chance);
            $array['reference'] = &$value;
        }

        return $array;
    }

    /** An object of a native class whose constructor has not run; null where the engine makes none. */
    private function unfinished(Chance $chance): ?object
    {
        $class = $chance->pick($this->scene->classes());
        try {
            return $class->newInstanceWithoutConstructor();
        } catch (\Error | \ReflectionException) {
            return null;
        }
    }
}
