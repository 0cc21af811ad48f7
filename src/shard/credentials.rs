//! Authentication of a client before PHP sees it, and the end of a connection whose token is over.

use std::{
    path::Path,
    time::{Duration, Instant, SystemTime},
};

use super::tick::{Shard, may_log};
use crate::{
    auth::{self, Accepted, Authenticator, Moment, Refused, Reread, TraitRules},
    config::{self, ConfigError},
    frame::CloseCode,
    http::Request,
    hub::{check_tag, check_topic},
    queue::{Identity, LogLevel},
};

/// The identity of a client that may come in, and the time at which it must go.
pub(super) type Identified = (Option<Identity>, Option<Duration>);

impl Shard {
    /// Authenticates a client by the option `auth`; without the option there is no identity.
    pub(super) fn identify(&mut self, request: &mut Request) -> Result<Identified, Refused> {
        let common = self.common.clone();
        let Some(authenticator) = &common.authenticator else { return Ok((None, None)) };
        let now = Moment {
            wall: SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default(),
            steady: Instant::now(),
        };
        for reread in authenticator.refresh(now.steady) {
            self.tell_reread(&reread);
        }
        let Accepted { identity, until } = authenticator.authenticate(request, now)?;
        authenticator.conceal(request);
        // The wall's clock may be set while the connection lives; this one goes on.
        let deadline =
            until.map(|until| self.clock.lifetime().saturating_add(until.saturating_sub(now.wall)));
        Ok((Some(identity), deadline))
    }

    /// Answers a client that is not let in.
    pub(super) fn refuse_unknown(&mut self, slot: u32, refused: &Refused) {
        self.counters(|c| c.handshakes_refused.increment());
        if may_log(&mut self.requests.auth_logged, self.now) {
            self.log(
                LogLevel::Warning,
                "A client was told 401 by the option auth (logged at most every ten seconds)",
                [("reason", refused.reason().to_string())],
            );
        }
        self.answer(slot, refused.to_response());
    }

    /// Closes a connection whose token is over.
    pub(super) fn expire(&mut self, slot: u32) {
        let Some(id) = self.connections.get(slot as usize).map(|connection| connection.id) else { return };
        self.counters(|c| c.expired.increment());
        self.close(id, CloseCode::UNAUTHORIZED, "the token has expired".into());
    }

    fn tell_reread(&mut self, Reread(outcome): &Reread) {
        match outcome {
            Ok(()) => self.log(LogLevel::Info, "The keys of tokens were read again", []),
            Err(error) => self.log(
                LogLevel::Error,
                "The keys of tokens have changed and cannot be used; those before stay in use",
                [("error", error.to_string())],
            ),
        }
    }
}

/// Reads the keys of an option; the error says which of them cannot be used.
pub fn check_auth(option: &config::Auth) -> Result<(), ConfigError> {
    authenticator(std::slice::from_ref(option), &config::Limits::default()).map(drop)
}

/// Reads a file of applications.
pub fn read_app_keys(file: &Path) -> Result<config::AppKeys, ConfigError> {
    auth::read_app_keys(file)
}

/// Makes the authenticator for these options.
pub(super) fn authenticator(
    options: &[config::Auth],
    limits: &config::Limits,
) -> Result<Authenticator, ConfigError> {
    let rules = TraitRules {
        is_topic: |name| check_topic(name).is_ok(),
        is_tag: |name, value| check_tag(name, value).is_ok(),
        max_topics: limits.max_topics,
        max_tags: limits.max_tags,
    };
    Authenticator::new(options, rules)
}
