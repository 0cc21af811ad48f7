<?php

declare(strict_types=1);

namespace Ferrite\Internal;

use Ferrite\RefusedException;
use Ferrite\ServerAwayException;
use Ferrite\UnauthorizedException;

/**
 * Client of the control API (docs/control-api.md): requests with their signatures, and the meaning of a response's
 * status.
 */
final class ControlClient
{
    private const JSON_DEPTH = 16;

    private readonly HttpConnection $connection;

    public function __construct(public readonly Address $address, bool $persistent, ?string $caFile)
    {
        $this->connection = new HttpConnection($address, $persistent, $caFile);
    }

    /**
     * @return array<mixed> The JSON object of the answer.
     *
     * @throws RefusedException|ServerAwayException|UnauthorizedException
     */
    public function post(string $path, string $body, string $id, Deadline $deadline): array
    {
        return $this->result($this->request('POST', $path, $body, $id, $deadline));
    }

    /**
     * @return array<mixed>
     *
     * @throws RefusedException|ServerAwayException|UnauthorizedException
     */
    public function get(string $path, Deadline $deadline): array
    {
        return $this->result($this->request('GET', $path, '', '', $deadline));
    }

    /**
     * State of the server, as it names it, even if it does not serve.
     *
     * @throws RefusedException|ServerAwayException|UnauthorizedException
     */
    public function status(Deadline $deadline): string
    {
        $response = $this->request('GET', '/v1/health', '', '', $deadline);
        $object = $this->object($response);
        if ($response->status === HttpResponse::SERVICE_UNAVAILABLE && is_string($object['status'] ?? null)) {
            return $object['status'];
        }
        return self::string($this->result($response), 'status') ?? throw $this->unexpectedAnswer();
    }

    /**
     * A mandatory field of an answer.
     *
     * @param array<mixed> $answer
     *
     * @throws ServerAwayException The field is missing.
     */
    public function requireInt(array $answer, string $name): int
    {
        return is_int($answer[$name] ?? null) ? $answer[$name] : throw $this->unexpectedAnswer();
    }

    /**
     * A mandatory field of an answer.
     *
     * @param array<mixed> $answer
     *
     * @return array<mixed>
     *
     * @throws ServerAwayException The field is missing.
     */
    public function requireArray(array $answer, string $name): array
    {
        return is_array($answer[$name] ?? null) ? $answer[$name] : throw $this->unexpectedAnswer();
    }

    public function unexpectedAnswer(string $why = ''): ServerAwayException
    {
        return new ServerAwayException("{$this->address->shown} does not answer as a control API does$why");
    }

    private function request(string $method, string $path, string $body, string $id, Deadline $deadline): HttpResponse
    {
        $head = "$method $path HTTP/1.1\r\nHost: {$this->address->host}\r\n";
        if ($method === 'POST') {
            $length = strlen($body);
            $head .= "Content-Type: application/json\r\nContent-Length: $length\r\nIdempotency-Key: $id\r\n";
        }
        $signature = $this->address->signer?->headers($method, $path, $id, $body) ?? '';
        return $this->connection->exchange("$head$signature\r\n$body", $deadline);
    }

    /** @return array<mixed> */
    private function result(HttpResponse $response): array
    {
        $object = $this->object($response);
        if ($object !== null && $response->status === HttpResponse::OK) {
            return $object;
        }
        $error = is_array($object['error'] ?? null) ? $object['error'] : [];
        $code = self::string($error, 'code');
        if ($code === null || $response->status < 400) {
            throw $this->unexpectedAnswer(": it says {$response->status}");
        }
        $message = self::string($error, 'message') ?? $code;
        // After a timeout: the request arrived too slowly, but was not wrong.
        if ($response->status >= 500 || $response->status === HttpResponse::REQUEST_TIMEOUT) {
            throw new ServerAwayException("{$this->address->shown} does not serve: $message");
        }
        if ($response->status === HttpResponse::UNAUTHORIZED) {
            $now = $error['now'] ?? null;
            $offset = $code === 'clock' && is_int($now) ? time() - $now : null;
            throw new UnauthorizedException($offset === null ? $message : sprintf(
                "this machine's clock is %d seconds %s the server's",
                abs($offset),
                $offset < 0 ? 'behind' : 'ahead of',
            ), $offset);
        }
        $field = self::string($error, 'field');
        throw new RefusedException(
            // Some of the server's messages need the field: `reason: has 124 bytes; it may have 123`.
            ($field ?? '') === '' ? $message : "$field: $message",
            $code,
            $response->status,
            $field,
            is_int($error['column'] ?? null) ? $error['column'] : null,
        );
    }

    /** @return array<mixed>|null null = the body is no JSON object. */
    private function object(HttpResponse $response): ?array
    {
        $object = json_decode($response->body, true, self::JSON_DEPTH);
        return is_array($object) && str_starts_with(ltrim($response->body), '{') ? $object : null;
    }

    /** @param array<mixed> $object */
    private static function string(array $object, string $name): ?string
    {
        return is_string($object[$name] ?? null) ? $object[$name] : null;
    }
}
