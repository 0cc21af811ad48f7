//! Answers that are kept for repeated requests, whose first answer was lost.

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

use super::answer::Answer;

/// Answers by idempotency key: the newest [`MOST`], none older than [`LONGEST`].
#[derive(Debug, Default)]
pub(super) struct Remembered {
    answers: HashMap<Asked, Known>,
    /// In the order in which they were given.
    order: VecDeque<Asked>,
}

/// The sender of a request, and its idempotency key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Asked {
    /// The key that signed it; empty on a Unix socket.
    pub(super) by: Box<str>,
    /// The idempotency key.
    pub(super) id: Box<str>,
}

#[derive(Debug)]
struct Known {
    at: Instant,
    /// Of the whole request.
    digest: [u8; 32],
    answer: Answer,
}

impl Remembered {
    /// The answer to this request, if it was made before; an error if another request had the key.
    pub(super) fn find(
        &self,
        asked: &Asked,
        digest: &[u8; 32],
        now: Instant,
    ) -> Result<Option<Answer>, Mismatch> {
        // Those that are too old are forgotten only when others come.
        let Some(known) = self.answers.get(asked).filter(|known| !known.is_over(now)) else {
            return Ok(None);
        };
        if known.digest != *digest {
            return Err(Mismatch);
        }
        Ok(Some(Answer { replayed: true, ..known.answer.clone() }))
    }

    /// Remembers an answer, and forgets those whose time is over.
    pub(super) fn remember(&mut self, asked: Asked, digest: [u8; 32], answer: Answer, now: Instant) {
        while let Some(oldest) = self.order.front()
            && (self.order.len() >= MOST || self.answers.get(oldest).is_none_or(|known| known.is_over(now)))
            && let Some(oldest) = self.order.pop_front()
        {
            self.answers.remove(&oldest);
        }
        self.order.push_back(asked.clone());
        self.answers.insert(asked, Known { at: now, digest, answer });
    }
}

/// The key was used for another request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mismatch;

impl Known {
    fn is_over(&self, now: Instant) -> bool {
        now.duration_since(self.at) >= LONGEST
    }
}

/// About 200 bytes each.
const MOST: usize = 100_000;
/// Twice the time for which a signature holds, and some, so that nothing overheard can be repeated.
const LONGEST: Duration = Duration::from_secs(610);

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(id: &str) -> Asked {
        Asked { by: "key".into(), id: id.into() }
    }

    #[test]
    fn an_answer_is_given_again_to_the_same_request_of_the_same_key() {
        let (mut remembered, now) = (Remembered::default(), Instant::now());
        let answer = Answer::connections(3);
        assert_eq!(remembered.find(&asked("a"), &[1; 32], now), Ok(None));
        remembered.remember(asked("a"), [1; 32], answer.clone(), now);
        let again = Answer { replayed: true, ..answer };
        assert_eq!(remembered.find(&asked("a"), &[1; 32], now), Ok(Some(again)));
        assert_eq!(remembered.find(&asked("a"), &[2; 32], now), Err(Mismatch));
        let other = Asked { by: "other".into(), ..asked("a") };
        assert_eq!(remembered.find(&other, &[1; 32], now), Ok(None));
    }

    #[test]
    fn answers_are_forgotten_after_ten_minutes_and_beyond_100_000() {
        let (mut remembered, now) = (Remembered::default(), Instant::now());
        remembered.remember(asked("old"), [0; 32], Answer::connections(0), now);
        let later = now + LONGEST;
        assert_eq!(remembered.find(&asked("old"), &[0; 32], later), Ok(None));
        for id in 0..=MOST {
            remembered.remember(asked(&id.to_string()), [0; 32], Answer::connections(0), later);
        }
        assert_eq!((remembered.answers.len(), remembered.order.len()), (MOST, MOST));
        assert_eq!(remembered.find(&asked("0"), &[0; 32], later), Ok(None));
        assert!(remembered.find(&asked("1"), &[0; 32], later).unwrap().is_some());
    }
}
