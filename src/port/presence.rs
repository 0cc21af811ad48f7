//! Telling subscribers of announced topics which users join and leave.

use std::time::Instant;

use super::{Outgoing, Publisher};
use crate::hub::{Presence, PresenceChange};

impl Publisher {
    /// Tells the subscribers of announced topics who has come and gone by then, as fast as they are told at all, or all
    /// there is to tell; gives what was told.
    pub fn announce(&mut self, by: Option<Instant>) -> Vec<PresenceChange> {
        let directory = &self.hub().directory;
        let (news, to_clients) = match by {
            Some(now) => directory.paced_news(now),
            None => directory.news(None),
        };
        self.tell_news(&news, to_clients);
        news
    }

    /// Who is in a topic. What is told before is what has changed until just then, and what is told later is what
    /// changes afterwards: so whoever gets this list and then hears of the changes is right.
    pub fn presence(&mut self, topic: &str) -> (Presence, Vec<PresenceChange>) {
        let (news, to_clients, presence) = self.hub().directory.news_and_presence(topic);
        self.tell_news(&news, to_clients);
        (presence, news)
    }

    fn tell_news(&mut self, news: &[PresenceChange], to_clients: bool) {
        for change in news.iter().filter(|_| to_clients) {
            let message = change.message();
            // A name that is longer than anything that can be sent is not told.
            let _ = self.publish(&change.topic, Outgoing::new(message.as_bytes(), false), &[]);
        }
    }
}
