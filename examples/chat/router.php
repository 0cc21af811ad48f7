<?php

declare(strict_types=1);

// For PHP's built-in web server: files of public/, and where the page finds the chat.

if (parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH) !== '/config.json') {
    return false;
}
header('Content-Type: application/json');
header('Cache-Control: no-store');
echo json_encode(['url' => getenv('CHAT_URL')]);
