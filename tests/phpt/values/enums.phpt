--TEST--
Enums: their cases and values; the very same objects everywhere
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\{CloseCode, Limits, SendResult, SlowConsumer};

require __DIR__ . '/../support.inc';

echo implode(' ', array_column(SendResult::cases(), 'name')), "\n";
echo implode(' ', array_column(SlowConsumer::cases(), 'name')), "\n";
foreach (CloseCode::cases() as $code) {
    echo $code->name, '=', $code->value, ' ';
}
echo "\n";
var_dump(CloseCode::from(1013), CloseCode::tryFrom(1004), (new Limits())->slowConsumer === SlowConsumer::Close);
var_dump(server()->send(1, 'x') === SendResult::Closed);
echo match (server()->send(1, 'x')) {
    SendResult::Queued, SendResult::Buffered, SendResult::Dropped => 'no',
    SendResult::Closed => 'matches',
}, "\n";
?>
--EXPECT--
Queued Buffered Dropped Closed
Close DropNewest DropOldest
Normal=1000 GoingAway=1001 ProtocolError=1002 UnsupportedData=1003 NoStatus=1005 Abnormal=1006 InvalidPayload=1007 PolicyViolation=1008 MessageTooBig=1009 MandatoryExtension=1010 InternalError=1011 ServiceRestart=1012 TryAgainLater=1013 Unauthorized=3000 Forbidden=3003 
enum(Ferrite\CloseCode::TryAgainLater)
NULL
bool(true)
bool(true)
matches
