//! The names of topics.

/// An error in a subscription. No topic was added.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    /// A name that is not 1 to 200 bytes of printable ASCII without spaces and commas.
    #[error("{0:?} is not a topic: 1 to 200 bytes of printable ASCII without spaces and commas")]
    BadName(String),
    /// The connection would have more topics than it may have.
    #[error("a connection may have at most {limit} topics (limits.maxTopics)")]
    TooMany {
        /// `limits.maxTopics`.
        limit: usize,
    },
}

/// Checks the name of a topic.
pub fn check_topic(name: &str) -> Result<(), TopicError> {
    let fits = (1..=MAX_NAME).contains(&name.len());
    if fits && name.bytes().all(is_topic_byte) {
        return Ok(());
    }
    Err(TopicError::BadName(name.chars().take(MAX_NAME).collect()))
}

/// True if a topic may have this byte.
pub(super) fn is_topic_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b','
}

/// The most bytes of a name.
pub(super) const MAX_NAME: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_printable_ascii_without_spaces_and_commas() {
        assert!(check_topic("room:42/all*").is_ok() && check_topic(&"x".repeat(200)).is_ok());
        for bad in ["", "a b", "a,b", "é", "a\n", &"x".repeat(201)] {
            assert!(check_topic(bad).is_err(), "{bad:?}");
        }
    }
}
