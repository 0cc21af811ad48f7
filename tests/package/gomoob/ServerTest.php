<?php

declare(strict_types=1);

namespace Ferrite\Tests\Gomoob;

use Gomoob\WebSocket\Client\ConnectionException;
use Gomoob\WebSocket\Client\WebSocketClient;
use Gomoob\WebSocket\Message\Message;
use Gomoob\WebSocket\Request\WebSocketRequest;
use PHPUnit\Framework\TestCase;

/** Server and client together: FERRITE_EXT names the extension. */
final class ServerTest extends TestCase
{
    private ?RunningServer $server = null;

    protected function setUp(): void
    {
        if (!is_file((string) getenv('FERRITE_EXT'))) {
            self::markTestSkipped('FERRITE_EXT does not name the extension');
        }
    }

    protected function tearDown(): void
    {
        if ($this->server !== null) {
            self::assertSame(0, $this->server->stop());
        }
    }

    private function serve(array $options = []): string
    {
        $this->server = new RunningServer($options);

        return $this->server->address;
    }

    private static function receiver(string $address, array $tags, string $more = ''): Receiver
    {
        $receiver = Receiver::connect($address, '/?tags=' . urlencode(json_encode((object) $tags)) . $more);
        self::assertSame(101, $receiver->status);

        return $receiver;
    }

    public function test_the_example_of_the_original_works(): void
    {
        $address = $this->serve();
        $en = self::receiver($address, ['language' => 'EN']);
        $fr = self::receiver($address, ['language' => 'FR']);
        $message = 'Bonjour à tous / 👋';

        $phpClient = new WebSocketClient("ws://$address");
        $response = $phpClient->send(WebSocketRequest::create($message, ['language' => 'FR']));
        $phpClient->send(WebSocketRequest::create('all'));

        self::assertTrue($response->isOk());
        self::assertSame([json_encode($message), '"all"'], [$fr->text(), $fr->text()]);
        self::assertSame('"all"', $en->text());
    }

    public function test_legacy_forwards_as_the_original_did(): void
    {
        $address = $this->serve(['legacy' => true]);
        $fr = self::receiver($address, ['language' => 'FR']);
        $client = WebSocketClient::factory("ws://$address");
        $client->setDefaultTags(['role' => 'nobody'])->send(WebSocketRequest::create('who?', ['language' => 'FR']));
        self::assertSame('"who?"', $fr->text());
    }

    public function test_messages_are_parsed_and_applications_authorised_and_all_is_logged(): void
    {
        $address = $this->serve(['parser' => true, 'auth' => __DIR__ . '/auth.yml', 'open' => false, 'log' => true]);
        $refused = Receiver::connect($address, '/?key=application2');
        self::assertSame([401, "Connection opening is not authorized !\n"], [$refused->status, $refused->body]);
        $receiver = self::receiver($address, [], '&key=application1');
        $this->server->line("~^debug: New WebSocket connection opened with resource id '\{resourceId\}'\.$~");
        $client = WebSocketClient::factory("ws://$address?key=application1");
        $client->setDefaultMetadata(['key' => 'application2', 'secret' => 'an-example-secret-of-application-2']);
        $client->send(WebSocketRequest::create(Message::create('T', ['a' => 1])));
        self::assertSame('{"type":"T","metadata":{"a":1}}', $receiver->text());
        $this->server->line("~^debug: Receiving message on WebSocket connection .* <\{\"message\":\{\"type\":\"T\"~");
        // Two that are refused.
        $other = self::receiver($address, [], '&key=application1');
        $other->send('{"message":{"type":"T"},"metadata":{"key":"application1","secret":"wrong"}}');
        self::assertSame('closed 1000', $other->text());
        $this->server->line("~^debug: Message sending is not authorized on WebSocket connection with resource id '\d+' !$~");
        $this->server->line("~^error: Error encountered on .* \[Message sending is not authorized .*\|0\|\]$~");
        $this->server->line("~^error: Force to close WebSocket connection having resource id '\{resourceId\}'\.$~");
        $receiver->send('{"message":{"z":1}}');
        self::assertSame('closed 1000', $receiver->text());
        $this->server->line("~^debug: Fail to parse WebSocket request string ! \[Invalid 'message' property !\|-1\|Unexpected property 'z' !\]$~");
        $this->server->line("~^error: Error encountered .* \[Fail to parse WebSocket request string !\|-1\|Invalid 'message' property !\]$~");
        $this->server->line("~^debug: WebSocket connection with resource id '\{resourceId\}' has closed\.$~");
    }

    public function test_a_client_that_does_not_listen_is_no_slow_one(): void
    {
        $address = $this->serve();
        $receiver = self::receiver($address, []);
        $client = new WebSocketClient("ws://$address");
        // Each comes back to the client too: more than its socket holds, and the server would keep for it.
        $long = str_repeat('x', 200_000);
        for ($n = 0; $n < 60; $n++) {
            $client->send(WebSocketRequest::create($long));
            self::assertSame(200_002, strlen($receiver->text()));
        }
    }

    public function test_a_client_connects_anew_after_the_server_closed_it(): void
    {
        $address = $this->serve(['log' => true]);
        $receiver = self::receiver($address, []);
        $client = new WebSocketClient("ws://$address");
        $client->send(WebSocketRequest::create(['no' => 'parser']));
        $this->server->line('~has closed~');
        $client->send(WebSocketRequest::create('over'));
        self::assertSame('"over"', $receiver->text());
    }

    public function test_what_cannot_be_sent_is_said(): void
    {
        $client = new WebSocketClient('ws://127.0.0.1:1', 1.0);
        foreach (['', '0', null, []] as $message) {
            try {
                $client->send(WebSocketRequest::create($message));
                self::fail('nothing was thrown');
            } catch (\InvalidArgumentException $error) {
                self::assertSame('The provided Web Socket request must have a message !', $error->getMessage());
            }
        }
        $address = $this->serve();
        foreach (["ws://$address/?tags=x" => '~refused the connection: HTTP/1.1 400~', 'ws://127.0.0.1:1' => '~Cannot connect~'] as $uri => $why) {
            try {
                (new WebSocketClient($uri))->send(WebSocketRequest::create('a'));
                self::fail('nothing was thrown');
            } catch (ConnectionException $error) {
                self::assertMatchesRegularExpression($why, $error->getMessage());
            }
        }
        $this->expectException(\InvalidArgumentException::class);
        (new WebSocketClient("http://$address"))->send(WebSocketRequest::create('a'));
    }
}
