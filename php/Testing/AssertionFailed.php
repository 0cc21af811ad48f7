<?php

declare(strict_types=1);

namespace Ferrite\Testing;

/** An assertion of a {@see FakePublisher} failed, and PHPUnit is not loaded. */
final class AssertionFailed extends \AssertionError
{
}
