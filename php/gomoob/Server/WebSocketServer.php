<?php

declare(strict_types=1);

namespace Gomoob\WebSocket\Server;

use Ferrite\Handshake;
use Ferrite\Protocol\Gomoob;
use Ferrite\Server;
use Gomoob\WebSocket\IAuthManager;
use Gomoob\WebSocket\IMessageParser;
use Gomoob\WebSocket\IWebSocketServer;
use Gomoob\WebSocket\Request\WebSocketRequest;

/**
 * The original's server on top of `Ferrite\Server`, which speaks its protocol by itself: PHP is entered only for a
 * given message parser, authorisation manager or logger.
 */
class WebSocketServer implements IWebSocketServer
{
    private Server $server;

    /** True if the authorisation manager refused the current request. */
    private bool $isRefused = false;

    /**
     * @param array{port?: int, address?: string, logger?: object, messageParser?: IMessageParser, authManager?:
     *     IAuthManager, legacy?: bool, server?: array<string, mixed>} $options
     *     - `port`: 8080, as the original's README says; with `legacy` 80, as its code has it
     *     - `address`: `0.0.0.0`
     *     - `logger`: a PSR-3 logger; none = the server's own lines, on standard error
     *     - `messageParser`, `authManager`
     *     - `legacy`: true = choose recipients as the original's code does, where that differs from its documentation
     *     - `server`: more named arguments for `Ferrite\Server`, such as `tls` or `limits`. Pages of every site may
     *       connect unless `origins` is among them
     *
     * @throws \RuntimeException the extension is not loaded
     * @throws \Ferrite\ConfigurationException a value cannot be used
     */
    public function __construct(array $options = [])
    {
        if (!class_exists(Server::class, false)) {
            throw new \RuntimeException('The server is the extension ferrite, which is not loaded');
        }
        $legacy = (bool) ($options['legacy'] ?? false);
        $port = $options['port'] ?? ($legacy ? 80 : 8080);
        $parser = $options['messageParser'] ?? null;
        $auth = $options['authManager'] ?? null;
        $logger = $options['logger'] ?? null;
        $address = $options['address'] ?? '0.0.0.0';
        $dialect = new Gomoob($legacy, $this->parser($parser), $this->authorizer($auth, $logger));
        $this->server = new Server(...($options['server'] ?? []) + [
            'listen' => (str_contains($address, ':') ? "[$address]" : $address) . ":$port",
            'origins' => ['*'],
            'dialect' => $dialect,
            'logger' => $logger === null ? null : $logger->log(...),
        ]);
        if ($auth !== null) {
            $this->server->onHandshake(static function (Handshake $handshake) use ($auth): void {
                if (!$auth->authorizeOpen(new Connection($handshake->request))) {
                    $handshake->reject(401, "Connection opening is not authorized !\n");
                }
            });
        }
        if ($logger !== null) {
            $this->logTo($logger);
        }
    }

    /**
     * The same as the constructor.
     *
     * @return static
     *
     * @throws \RuntimeException the extension is not loaded
     * @throws \Ferrite\ConfigurationException a value cannot be used
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

    /** The server underneath: for timers, statistics, messages of the server's own. */
    public function server(): Server
    {
        return $this->server;
    }

    /**
     * Serves until it is stopped.
     *
     * @throws \Ferrite\BindException the address cannot be bound
     * @throws \Ferrite\StateException it runs already, or this is not the command line
     */
    public function run()
    {
        $this->server->run();
    }

    private function parser(?IMessageParser $parser): ?\Closure
    {
        return $parser === null ? null : static function (array $message) use ($parser): mixed {
            try {
                return $parser->parse($message);
            } catch (\InvalidArgumentException $error) {
                throw new \InvalidArgumentException("Invalid 'message' property !", -1, $error);
            }
        };
    }

    private function authorizer(?IAuthManager $auth, ?object $logger): ?\Closure
    {
        if ($auth === null) {
            return null;
        }
        // No reference to $this: a cycle would outlive the last reference to the server.
        $isRefused = &$this->isRefused;

        return static function ($from, $message, array $tags, array $metadata) use ($auth, $logger, &$isRefused): bool {
            $request = (new WebSocketRequest($message, $tags))->setMetadata($metadata);
            $may = (bool) $auth->authorizeSend(new Connection($from->request, $from->id), $request);
            $isRefused = !$may;
            if (!$may && $logger !== null) {
                $id = $from->id;
                $logger->debug("Message sending is not authorized on WebSocket connection with resource id '$id' !");
            }

            return $may;
        };
    }

    /** Logs the lines of the original. */
    private function logTo(object $logger): void
    {
        $debug = static fn (string $message, int $id, array $more = []) => $logger->debug(
            $message,
            ['resourceId' => $id] + $more,
        );
        $isRefused = &$this->isRefused;
        $this->server->onOpen(static function ($connection) use ($debug): void {
            $debug("New WebSocket connection opened with resource id '{resourceId}'.", $connection->id);
        });
        $this->server->onMessage(static function ($from, string $data) use ($debug, &$isRefused): void {
            $isRefused = false;
            $debug(
                "Receiving message on WebSocket connection with resource id '{resourceId}'.",
                $from->id,
                ['strMessage' => $data],
            );
        });
        $this->server->onClose(static function ($connection) use ($debug): void {
            $debug("WebSocket connection with resource id '{resourceId}' has closed.", $connection->id);
        });
        $onError = static function (\Throwable $error, $connection) use ($logger, $debug, &$isRefused): void {
            $id = $connection?->id;
            if ($id !== null && $error instanceof \InvalidArgumentException && !$isRefused) {
                $debug('Fail to parse WebSocket request string !', $id, ['exception' => $error]);
                $error = new \InvalidArgumentException('Fail to parse WebSocket request string !', -1, $error);
            }
            $context = ['resourceId' => $id, 'exception' => $error];
            $logger->error("Error encountered on WebSocket connection having resource id '{resourceId}'.", $context);
            $logger->error(
                "Force to close WebSocket connection having resource id '{resourceId}'.",
                ['resourceId' => $id],
            );
        };
        $this->server->onError($onError);
    }
}
