<?php

declare(strict_types=1);

// The server of the tests: php … server.php OPTIONS, those as JSON: `legacy`, `parser`, `auth` (a file), `open`, `log`.

use Gomoob\WebSocket\Auth\ApplicationsAuthManager;
use Gomoob\WebSocket\Message\MessageParser;
use Gomoob\WebSocket\Server\WebSocketServer;

require __DIR__ . '/../bootstrap.php';

$given = json_decode($argv[1], true, flags: JSON_THROW_ON_ERROR);
$options = ['port' => 0, 'address' => '127.0.0.1', 'legacy' => $given['legacy'] ?? false];
if ($given['parser'] ?? false) {
    $options['messageParser'] = new MessageParser();
}
if (isset($given['auth'])) {
    $options['authManager'] = ApplicationsAuthManager::factory(
        ['configurationFile' => $given['auth'], 'authorizeOpen' => $given['open'] ?? true],
    );
}
if ($given['log'] ?? false) {
    $options['logger'] = new class () {
        public function log(string $level, string $message, array $context = []): void
        {
            $error = $context['exception'] ?? null;
            $why = $error === null ? '' : " [{$error->getMessage()}|{$error->getCode()}|{$error->getPrevious()?->getMessage()}]";
            echo "$level: $message$why", isset($context['strMessage']) ? " <{$context['strMessage']}>" : '', "\n";
        }

        public function debug(string $message, array $context = []): void
        {
            $this->log('debug', $message, $context);
        }

        public function error(string $message, array $context = []): void
        {
            $this->log('error', $message, $context);
        }
    };
}
WebSocketServer::create($options)->run();
