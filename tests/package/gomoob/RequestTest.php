<?php

declare(strict_types=1);

namespace Ferrite\Tests\Gomoob;

use Gomoob\WebSocket\Message\Message;
use Gomoob\WebSocket\Message\MessageParser;
use Gomoob\WebSocket\Request\WebSocketRequest;
use Gomoob\WebSocket\Server\QueryStringTagsParser;
use PHPUnit\Framework\TestCase;

final class RequestTest extends TestCase
{
    public function test_a_request_keeps_the_tags_that_it_is_created_with(): void
    {
        $request = WebSocketRequest::create('Bonjour', ['language' => 'FR', 'id' => 12]);
        self::assertSame(['language' => 'FR', 'id' => 12], $request->getTags());
        self::assertSame('{"message":"Bonjour","metadata":{},"tags":{"language":"FR","id":12}}', json_encode($request));
        self::assertEquals($request, WebSocketRequest::factory('Bonjour')->setTags(['language' => 'FR', 'id' => 12]));
        self::assertEquals($request, WebSocketRequest::createFromJSON(json_encode($request)));
    }

    public function test_what_is_wrong_with_a_request_is_said_in_the_words_of_the_original(): void
    {
        foreach (
            [
            "The tag name '45' is not a string !" => fn () => WebSocketRequest::create('a', [45 => 'b']),
            "The tag named 't' has a value which is not an integer or a string !" => fn () => WebSocketRequest::create('a', ['t' => null]),
            "The 'metadata' property is not an array !" => fn () => WebSocketRequest::createFromArray(['message' => 'a', 'metadata' => null, 'tags' => 1]),
            "The 'tags' property is not an array !" => fn () => WebSocketRequest::createFromArray(['message' => 'a', 'tags' => null]),
            "The 'message' property is mandatory !" => fn () => WebSocketRequest::createFromJSON('[]'),
            "Unexpected property '0' !" => fn () => WebSocketRequest::createFromArray(['a']),
            "Invalid 'message' property !" => fn () => WebSocketRequest::createFromArray(['message' => 5], new MessageParser()),
            "No 'type' property found !" => fn () => (new MessageParser())->parse([]),
            "Unexpected property '0' !|" => fn () => (new MessageParser())->parse(['type']),
            ] as $message => $wrong
        ) {
            self::assertSame(rtrim($message, '|'), self::refusal($wrong));
        }
    }

    public function test_a_message_has_a_type_and_metadata_and_loses_its_date(): void
    {
        self::assertSame('{"metadata":{}}', json_encode(Message::create()));
        self::assertSame('{"type":"T","metadata":{"a":[1]}}', json_encode(new Message('T', ['a' => [1]])));
        $parsed = (new MessageParser())->parse(['type' => 'T', 'creationDate' => 'now', 'metadata' => ['a' => 1]]);
        self::assertEquals(new Message('T', ['a' => 1]), $parsed);
        self::assertSame('{"message":{"type":"T","metadata":{"a":1}},"metadata":{},"tags":{}}', json_encode(WebSocketRequest::create($parsed)));
    }

    public function test_the_tags_of_a_url_are_read_or_refused(): void
    {
        $json = '{"prop1": 12, "prop2": "a b"}';
        foreach (['tags=' . urlencode($json), ['tags' => $json]] as $query) {
            self::assertSame(['prop1' => 12, 'prop2' => 'a b'], QueryStringTagsParser::parse($query));
        }
        self::assertSame([], QueryStringTagsParser::parse('a=1'));
        foreach (
            [
            'tags=abcde' => "The 'tags' URL parameter is not a JSON array !",
            'tags[]=1' => "The 'tags' URL parameter is not a JSON array !",
            'tags={"prop":[{"a":1}]}' => "The 'prop' tag is not an integer or a string !",
            'tags=["a"]' => "The tag name '0' is not a string !",
            ] as $query => $message
        ) {
            self::assertSame($message, self::refusal(fn () => QueryStringTagsParser::parse($query)));
        }
    }

    private static function refusal(callable $wrong): string
    {
        try {
            $wrong();
        } catch (\InvalidArgumentException $error) {
            return $error->getMessage();
        }

        return 'nothing was thrown';
    }
}
