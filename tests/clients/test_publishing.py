"""Pages of php-fpm publish while the server is ended and started again (publishing.py has the whole of it)."""

import asyncio
import signal
import unittest

import fpm
from publishing import Publishing

PAGES, WORKERS = 600, 4


@unittest.skipUnless(fpm.find(), "no php-fpm of this PHP's version")
class PublishingTest(unittest.TestCase):
    def publish(self, when_away: str):
        outcome = asyncio.run(Publishing(PAGES, WORKERS, signal.SIGTERM, when_away).run())
        self.assertEqual(outcome.failed, [])
        self.assertGreater(len(outcome.kept), 0, "no page found the server away")
        self.assertEqual(outcome.twice, 0)
        return outcome

    def test_with_a_spool_each_id_reaches_the_subscriber_once(self) -> None:
        self.assertEqual(self.publish("spool").missing, 0)

    def test_with_ignore_what_was_published_meanwhile_is_lost_and_no_page_fails(self) -> None:
        outcome = self.publish("ignore")
        self.assertEqual(outcome.missing, len(outcome.kept))


if __name__ == "__main__":
    unittest.main()
