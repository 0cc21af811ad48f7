<?php

declare(strict_types=1);

namespace Gomoob\WebSocket\Auth;

use Gomoob\WebSocket\IAuthManager;
use Gomoob\WebSocket\IConnection;
use Gomoob\WebSocket\IWebSocketRequest;
use Symfony\Component\Yaml\Exception\ParseException;
use Symfony\Component\Yaml\Yaml as SymfonyYaml;

/** Authorises applications by key and secret. */
class ApplicationsAuthManager implements IAuthManager
{
    /** @var array<string, array{secret: string, authorizeOpen: bool}> by key */
    private array $applications = [];

    private bool $authorizeOpen;

    /**
     * @param array{configurationFile?: string, authorizeOpen?: bool} $options `configurationFile`: a YAML file with a
     *     list `applications` of `key`, `secret` and `authorizeOpen` each; `authorizeOpen`: true = every client may
     *     connect
     *
     * @throws \InvalidArgumentException the file cannot be used
     */
    public function __construct(array $options = [])
    {
        $this->authorizeOpen = (bool) ($options['authorizeOpen'] ?? true);
        if (isset($options['configurationFile'])) {
            $this->load($options['configurationFile']);
        }
    }

    /**
     * The same as the constructor.
     *
     * @return static
     *
     * @throws \InvalidArgumentException the file cannot be used
     */
    public static function create(array $options = [])
    {
        return new static($options);
    }

    /**
     * The same as {@see self::create()}.
     *
     * @return static
     */
    public static function factory(array $options = [])
    {
        return new static($options);
    }

    public function authorizeOpen(IConnection $connection)
    {
        if ($this->authorizeOpen) {
            return true;
        }
        $query = $connection->getQuery();
        $key = $query['key'] ?? null;
        $application = self::isCredential($key) ? $this->applications[(string) $key] ?? null : null;

        return ($application['authorizeOpen'] ?? false) || $this->isKnown($query);
    }

    public function authorizeSend(IConnection $connection, IWebSocketRequest $webSocketRequest)
    {
        return $this->isKnown($webSocketRequest->getMetadata());
    }

    /** @param array<mixed> $given */
    private function isKnown(array $given): bool
    {
        [$key, $secret] = [$given['key'] ?? null, $given['secret'] ?? null];
        if (!self::isCredential($key) || !self::isCredential($secret)) {
            return false;
        }
        $application = $this->applications[(string) $key] ?? null;
        // Takes as long for an unknown key as for a wrong secret.
        $equal = hash_equals($application['secret'] ?? str_repeat('x', 64), (string) $secret);

        return $equal && $application !== null;
    }

    private static function isCredential(mixed $value): bool
    {
        return is_string($value) && $value !== '' || is_int($value);
    }

    private function load(string $file): void
    {
        if (!file_exists($file)) {
            throw new \InvalidArgumentException("The configuration file '$file' does not exist !");
        }
        if (!is_file($file)) {
            throw new \InvalidArgumentException("The configuration file '$file' is not a valid file !");
        }
        $text = @file_get_contents($file);
        if ($text === false) {
            throw new \InvalidArgumentException("Failed to open configuration file '$file' !");
        }
        $invalid = 'Invalid configuration provided in configuration file !';
        try {
            $configuration = self::parse($text);
        } catch (\UnexpectedValueException | ParseException $error) {
            throw new \InvalidArgumentException($invalid, 0, $error);
        }
        if (!is_array($configuration)) {
            throw new \InvalidArgumentException($invalid);
        }
        $applications = $configuration['applications']
            ?? throw new \InvalidArgumentException("No 'applications' key found in provided configuration file !");
        if (!is_array($applications)) {
            throw new \InvalidArgumentException($invalid);
        }
        foreach (array_values($applications) as $index => $application) {
            $this->add($index + 1, is_array($application) ? $application : []);
        }
    }

    /**
     * Reads YAML by symfony/yaml, as the original does, if that is installed; else the part that {@see Yaml} reads.
     *
     * @throws \UnexpectedValueException|ParseException the text cannot be read
     */
    private static function parse(string $text): mixed
    {
        return class_exists(SymfonyYaml::class)
            // As an object, a date is refused; as a timestamp it would be another secret.
            ? SymfonyYaml::parse($text, SymfonyYaml::PARSE_DATETIME)
            : Yaml::parse($text);
    }

    /** @param array<mixed> $application */
    private function add(int $number, array $application): void
    {
        foreach (['key', 'secret', 'authorizeOpen'] as $property) {
            $value = $application[$property] ?? null;
            $isThere = $property === 'authorizeOpen' ? $value !== null : self::isCredential($value);
            if (!$isThere) {
                throw new \InvalidArgumentException(
                    "No '$property' property found in application '$number' declared in the configuration file !",
                );
            }
        }
        $this->applications[(string) $application['key']] = [
            'secret' => (string) $application['secret'],
            'authorizeOpen' => $application['authorizeOpen'] === true,
        ];
    }
}
