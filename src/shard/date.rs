//! The date of an answer.

use std::time::{Duration, SystemTime};

/// The text of the header Date, made once a second.
#[derive(Debug, Default)]
pub(super) struct HttpDate {
    /// Since 1970.
    second: u64,
    text: String,
}

impl HttpDate {
    /// The text for now, as in `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 section 5.6.7).
    pub(super) fn now(&mut self) -> &str {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.at(now.as_secs())
    }

    fn at(&mut self, second: u64) -> &str {
        // A year has four digits.
        let second = second.min(LAST);
        if second != self.second || self.text.is_empty() {
            self.second = second;
            self.text = httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(second));
        }
        &self.text
    }
}

/// The last second of the year 9999.
const LAST: u64 = 253_402_300_799;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_follows_the_clock_wherever_that_is_set_to() {
        let mut date = HttpDate::default();
        for (second, text) in [
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (784_111_778, "Sun, 06 Nov 1994 08:49:38 GMT"),
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (u64::MAX, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] {
            assert_eq!(date.at(second), text);
        }
    }
}
