<?php

declare(strict_types=1);

namespace Ferrite\Internal;

/** A message with its id, as {@see \Ferrite\PublisherInterface::publish()} describes both. */
final class Message
{
    public readonly string $id;

    /** @throws \ValueError The id is invalid. */
    public function __construct(
        public readonly string $data,
        public readonly bool $binary,
        public readonly ?bool $compress,
        ?string $id,
    ) {
        $this->id = self::id($id);
    }

    /** @return array<string, mixed> The message as fields of the control API. */
    public function fields(): array
    {
        $fields = $this->binary ? ['data' => base64_encode($this->data), 'binary' => true] : ['data' => $this->data];
        if ($this->compress !== null) {
            $fields['compress'] = $this->compress;
        }
        return $fields;
    }

    /**
     * The given id, or a new one.
     *
     * @throws \ValueError The given id is invalid.
     */
    public static function id(?string $given): string
    {
        if ($given === null) {
            return bin2hex(random_bytes(16));
        }
        if (preg_match('/^[\x20-\x7e]{1,64}$/D', $given) !== 1 || trim($given) !== $given) {
            // A header's value has no spaces around it: the server would see another id.
            throw new \ValueError('id has to be 1 to 64 printable ASCII characters, without spaces at either end');
        }
        return $given;
    }

    /**
     * Checks the ids of an argument.
     *
     * @param int|array<mixed> $except
     * @param string $name The argument's name, for the error message.
     *
     * @return list<int>
     *
     * @throws \TypeError One of the values is no int.
     */
    public static function ids(int|array $except, string $name): array
    {
        $ids = array_values((array) $except);
        foreach ($ids as $id) {
            if (!is_int($id)) {
                throw new \TypeError("$name takes ids of connections, not " . get_debug_type($id));
            }
        }
        return $ids;
    }
}
