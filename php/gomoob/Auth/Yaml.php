<?php

declare(strict_types=1);

namespace Gomoob\WebSocket\Auth;

/**
 * The part of YAML that a list of applications needs: maps and lists by indentation, plain and quoted scalars,
 * comments. All other YAML is refused, so that nothing is misread.
 *
 * It is used without symfony/yaml. The extension's reader ({@see \Ferrite\Auth\AppKeys::fromFile()}) cannot replace it:
 * it returns no secrets to PHP, and clients of the original's protocol run without the extension.
 *
 * @internal
 */
final class Yaml
{
    /** @var list<array{int, string}> indentation and text of each line that has one */
    private array $lines = [];

    private int $at = 0;

    /** @throws \UnexpectedValueException the text is other YAML, or none */
    public static function parse(string $text): mixed
    {
        $self = new self();
        foreach (preg_split('/\r\n|\n|\r/', $text) as $number => $line) {
            if ($number === 0) {
                $line = preg_replace('/^\xEF\xBB\xBF/', '', $line);
            }
            $content = ltrim($line, ' ');
            if ($content === '' || $content[0] === '#' || $number === 0 && rtrim($content) === '---') {
                continue;
            }
            $self->lines[] = [strlen($line) - strlen($content), rtrim($content)];
        }
        $value = $self->lines === [] ? null : $self->block($self->lines[0][0]);
        if ($self->at < count($self->lines)) {
            $self->fail();
        }

        return $value;
    }

    /** The value that begins at the current line, at this indentation. */
    private function block(int $indent): mixed
    {
        $text = $this->lines[$this->at][1];
        if (self::isItem($text)) {
            return $this->list($indent);
        }
        if (self::key($text) !== null) {
            return $this->map($indent);
        }
        $this->at++;

        return $this->scalar($text);
    }

    /** @return list<mixed> */
    private function list(int $indent): array
    {
        $list = [];
        while ($this->isAt($indent) && self::isItem($this->lines[$this->at][1])) {
            $rest = ltrim(substr($this->lines[$this->at][1], 1), ' ');
            if ($rest === '' || $rest[0] === '#') {
                $this->at++;
                $list[] = $this->nested($indent);
            } else {
                // The text behind the dash begins a block of its own.
                $inner = $indent + strlen($this->lines[$this->at][1]) - strlen($rest);
                $this->lines[$this->at] = [$inner, $rest];
                $list[] = $this->block($inner);
            }
        }

        return $list;
    }

    /** @return array<mixed> */
    private function map(int $indent): array
    {
        $map = [];
        while ($this->isAt($indent) && !self::isItem($this->lines[$this->at][1])) {
            [$key, $rest] = self::key($this->lines[$this->at][1]) ?? $this->fail();
            if (array_key_exists($key, $map)) {
                $this->fail();
            }
            $this->at++;
            $map[$key] = $rest === '' || $rest[0] === '#' ? $this->nested($indent, true) : $this->scalar($rest);
        }

        return $map;
    }

    /** The block that belongs to the line before; a list may stand at the same indentation as its key. */
    private function nested(int $indent, bool $orList = false): mixed
    {
        if (!isset($this->lines[$this->at])) {
            return null;
        }
        [$inner, $text] = $this->lines[$this->at];

        return $inner > $indent || $orList && $inner === $indent && self::isItem($text) ? $this->block($inner) : null;
    }

    private function isAt(int $indent): bool
    {
        if (!isset($this->lines[$this->at])) {
            return false;
        }
        if ($this->lines[$this->at][0] > $indent) {
            $this->fail();
        }

        return $this->lines[$this->at][0] === $indent;
    }

    private static function isItem(string $text): bool
    {
        return $text === '-' || str_starts_with($text, '- ');
    }

    /** @return array{string, string}|null the key and the text behind it */
    private static function key(string $text): ?array
    {
        $pattern = '/^(?:([A-Za-z_][\w.-]*)|"([\w .-]*)"|\'([\w .-]*)\') *:(?: +(.*))?$/sD';

        return preg_match($pattern, $text, $match, PREG_UNMATCHED_AS_NULL) === 1
            ? [$match[1] ?? $match[2] ?? $match[3], trim($match[4] ?? '')]
            : null;
    }

    private function scalar(string $text): string|int|bool|null
    {
        if (preg_match('/^"((?:[^"\\\\]|\\\\["\\\\\/])*)"(?: +#.*)?$/sD', $text, $match) === 1) {
            return stripslashes($match[1]);
        }
        if (preg_match('/^\'((?:[^\']|\'\')*)\'(?: +#.*)?$/sD', $text, $match) === 1) {
            return str_replace("''", "'", $match[1]);
        }
        $text = rtrim(preg_replace('/ +#.*$/sD', '', $text));
        if (preg_match('/^[\[\]{}&*!|>%@`"\',?#]|^-(?!\d)|: |:$|\t/', $text) === 1) {
            $this->fail();
        }

        return match (true) {
            in_array($text, ['true', 'True', 'TRUE'], true) => true,
            in_array($text, ['false', 'False', 'FALSE'], true) => false,
            in_array($text, ['', '~', 'null', 'Null', 'NULL'], true) => null,
            preg_match('/^-?(?:0|[1-9]\d{0,17})$/D', $text) === 1 => (int) $text,
            default => $text,
        };
    }

    private function fail(): never
    {
        throw new \UnexpectedValueException('Not understood: ' . ($this->lines[$this->at][1] ?? 'the end'));
    }
}
