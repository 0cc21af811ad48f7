<?php

declare(strict_types=1);

namespace Ferrite;

use Ferrite\Internal\Address;
use Ferrite\Internal\ControlClient;
use Ferrite\Internal\Dispatcher;
use Ferrite\Internal\Message;
use Ferrite\Internal\Spool;

/**
 * Sends to the clients of a running server over its control API, from any PHP program and without the extension.
 *
 * ```php
 * $publisher = new Ferrite\Publisher('unix:///run/app/control.sock');
 * $publisher->publish('news', 'Hello');
 * $publisher->to()->user('ann')->send('only you');
 * ```
 *
 * Nothing is opened before the first call. The connection is then kept, by default also for the next page that the same
 * FPM worker serves. docs/publishing.md has the rest: frameworks, the spool, tests.
 *
 * There is no logger: for a message that was not sent at once, {@see Published::$reason} has the reason, which the
 * caller can log. Neither cloneable nor serialisable.
 */
final class Publisher implements PublisherInterface
{
    private readonly Dispatcher $dispatcher;

    /**
     * @param string $dsn Address of the server's option `control`: `unix:///run/app/control.sock`,
     *     `http://key:secret@host:port` or `https://key:secret@host:port`; reserved characters in key and secret are
     *     percent-encoded.
     * @param float $timeout Seconds that one call may take in all: to connect, to send, and to get the answer. At most
     *     60. The server answers within a millisecond, even while its PHP is busy; a quarter of a second is enough for
     *     a machine under load, and a delay of a page that its user hardly notices. Give more over a long distance: a
     *     new `https` connection takes three round trips. The DNS lookup of a host name is not included: PHP cannot
     *     limit that.
     * @param WhenAway|null $whenAway Policy for messages while the server is away; null = `Spool` if there is a spool,
     *     else `Throw`.
     * @param string|null $spool Absolute path of a file, in a folder where this user may make files. Messages that
     *     could not be sent wait there, and later ones queue behind them; each call that sends first sends the waiting
     *     ones, for at most 20 ms, and {@see self::flush()} all of them. All processes that name the same file share
     *     it.
     * @param int $spoolBytes Largest size of the file; sent messages count until all are sent, then the file is
     *     emptied. Over it a message that would be spooled throws {@see SpoolException}.
     * @param string|null $caFile PEM file with the authorities that may sign the server's certificate (`https`); null =
     *     those of the system.
     * @param bool $persistent true = the connection outlives the page. The server keeps 256 connections, and with more
     *     closes the longest idle; with more FPM workers than that, pass false.
     *
     * @throws \ValueError A value is wrong; the message begins with its name.
     */
    public function __construct(
        #[\SensitiveParameter]
        string $dsn,
        float $timeout = 0.25,
        ?WhenAway $whenAway = null,
        ?string $spool = null,
        int $spoolBytes = 67_108_864,
        ?string $caFile = null,
        bool $persistent = true,
    ) {
        if (!($timeout > 0.0 && $timeout <= 60.0)) {
            throw new \ValueError('timeout has to be more than 0 and at most 60 seconds');
        }
        $whenAway ??= $spool === null ? WhenAway::Throw : WhenAway::Spool;
        if (($whenAway === WhenAway::Spool) !== ($spool !== null)) {
            throw new \ValueError($spool === null
                ? 'whenAway: WhenAway::Spool needs a file, the argument spool'
                : 'whenAway has to be WhenAway::Spool, or null, with the argument spool');
        }
        if ($spool !== null && !str_starts_with($spool, '/')) {
            throw new \ValueError('spool has to be an absolute path');
        }
        if ($spoolBytes < 4096) {
            throw new \ValueError('spoolBytes has to be at least 4096');
        }
        if ($caFile !== null && !(is_file($caFile) && is_readable($caFile))) {
            // Without this check every call would report that the server is away.
            throw new \ValueError("caFile: $caFile cannot be read");
        }
        $client = new ControlClient(Address::parse($dsn), $persistent, $caFile);
        $waiting = $spool === null ? null : new Spool($spool, $spoolBytes);
        $this->dispatcher = new Dispatcher($client, $timeout, $whenAway, $waiting);
    }

    public function publish(
        string $topic,
        string $data,
        bool $binary = false,
        int|array $except = [],
        ?bool $compress = null,
        ?string $id = null,
    ): Published {
        $fields = ['topic' => $topic] + self::except($except);
        return $this->dispatcher->deliver('/v1/publish', $fields, new Message($data, $binary, $compress, $id));
    }

    public function broadcast(
        string $data,
        bool $binary = false,
        int|array $except = [],
        ?bool $compress = null,
        ?string $id = null,
    ): Published {
        $message = new Message($data, $binary, $compress, $id);
        return $this->dispatcher->deliver('/v1/broadcast', self::except($except), $message);
    }

    public function to(): RemoteAudience
    {
        return new RemoteAudience($this->dispatcher);
    }

    public function connections(): iterable
    {
        return $this->to()->connections();
    }

    public function topics(string $prefix = ''): iterable
    {
        return $this->dispatcher->topics($prefix);
    }

    public function presence(string $topic): TopicPresence
    {
        return $this->dispatcher->presence($topic);
    }

    public function stats(): array
    {
        return $this->dispatcher->client->get('/v1/stats', $this->dispatcher->deadline());
    }

    public function health(): ServerHealth
    {
        try {
            $status = $this->dispatcher->client->status($this->dispatcher->deadline());
        } catch (ServerAwayException) {
            return ServerHealth::Away;
        }
        return $status === 'ok' ? ServerHealth::Ok : ServerHealth::Stopping;
    }

    /**
     * Sends the spooled messages, in order. For a cron job or a timer, so that messages do not wait for the next page.
     *
     * It does not throw when the server is away, but returns the exception as {@see Flushed::$reason}: some messages
     * may have been sent. Messages that the server refuses for good are moved to the file with `.rejected` appended to
     * its name.
     *
     * Every message has its id, and is sent once: the server remembers ids for ten minutes. Only a message whose answer
     * was lost can be sent twice, if it is flushed later than that.
     *
     * @param float|null $timeout Seconds after which no further message is begun; null = until nothing is left.
     *
     * @throws SpoolException The file cannot be used.
     */
    public function flush(?float $timeout = null): Flushed
    {
        return $this->dispatcher->flush($timeout);
    }

    /** @return array<string, string> The server's address, without key and secret. */
    public function __debugInfo(): array
    {
        return ['server' => $this->dispatcher->client->address->shown];
    }

    /**
     * @return array<string, mixed>
     *
     * @throws \LogicException Always.
     */
    public function __serialize(): array
    {
        throw new \LogicException('a publisher has a connection and a secret, and cannot be serialised');
    }

    private function __clone()
    {
    }

    /**
     * @param int|array<mixed> $except
     *
     * @return array<string, list<int>>
     */
    private static function except(int|array $except): array
    {
        $ids = Message::ids($except, 'except');
        return $ids === [] ? [] : ['except' => $ids];
    }
}
