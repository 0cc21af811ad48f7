//! Authentication of clients by the credentials in their handshake, before PHP sees it.
//!
//! An [`Authenticator`] holds everything that may let a client in; the first that does decides about the identity. It
//! does no I/O but to look after the files of keys, now and then, and takes the time as an argument. A [`Refused`]
//! contains nothing that a client sent, neither in the client's answer nor in the log. Knows neither the hub, whose
//! rules for topics and tags come in as [`TraitRules`], nor sockets, nor Zend.

mod accepted;
mod algorithm;
mod app_keys;
mod app_keys_file;
mod claims;
mod credential;
mod file;
mod json;
mod jwt;
mod keys;
mod reason;
#[cfg(test)]
mod tests;
mod token;

use std::time::{Duration, Instant};

use crate::{
    config::{self, ConfigError},
    http::Request,
};
pub use accepted::{Accepted, TraitRules};
pub use app_keys::AppKeys;
pub use app_keys_file::read as read_app_keys;
use jwt::Jwt;
pub use reason::{Reason, Refused};

/// Everything that may let a client in.
#[derive(Debug)]
pub struct Authenticator {
    methods: Vec<Method>,
    rules: TraitRules,
}

/// Now, by both clocks: tokens end by the one on the wall.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// Since 1970.
    pub wall: Duration,
    /// For how often to look at a file.
    pub steady: Instant,
}

/// The outcome of a look at a file of keys that had changed.
#[derive(Debug)]
pub struct Reread(pub Result<(), ConfigError>);

#[derive(Debug)]
enum Method {
    Jwt(Box<Jwt>),
    AppKeys(Box<AppKeys>),
}

impl Authenticator {
    /// Reads the keys. The error names the option, and never a secret.
    pub fn new(options: &[config::Auth], rules: TraitRules) -> Result<Self, ConfigError> {
        let method = |option: &config::Auth| match option {
            config::Auth::Jwt(jwt) => Ok(Method::Jwt(Box::new(Jwt::new(jwt)?))),
            config::Auth::AppKeys(keys) => Ok(Method::AppKeys(Box::new(AppKeys::new(keys)?))),
        };
        Ok(Self { methods: options.iter().map(method).collect::<Result<_, _>>()?, rules })
    }

    /// Looks at files of keys, if that is due, and returns the outcome for those that had changed.
    pub fn refresh(&self, now: Instant) -> Vec<Reread> {
        let reread = |method: &Method| match method {
            Method::Jwt(jwt) => jwt.keys().refresh(now),
            Method::AppKeys(_) => None,
        };
        self.methods.iter().filter_map(reread).map(Reread).collect()
    }

    /// Returns the identity of the client that sent this, or the reason for refusing it.
    pub fn authenticate(&self, request: &Request, now: Moment) -> Result<Accepted, Refused> {
        let mut reason = Reason::NoCredential;
        for method in &self.methods {
            let verdict = match method {
                Method::Jwt(jwt) => jwt.authenticate(request, now.wall, &self.rules),
                Method::AppKeys(keys) => keys.authenticate(request),
            };
            match verdict {
                Ok(accepted) => return Ok(accepted),
                // A wrong credential is more telling than a missing one.
                Err(other) if reason == Reason::NoCredential => reason = other,
                Err(_) => {}
            }
        }
        Err(Refused::new(reason, self.methods.iter().map(Method::scheme)))
    }

    /// Makes secrets in the query string unreadable: that is shown and logged in many places.
    pub fn conceal(&self, request: &mut Request) {
        for method in &self.methods {
            match method {
                Method::Jwt(jwt) => jwt.query_parameter().iter().for_each(|name| request.mask_query(name)),
                Method::AppKeys(_) => request.mask_query(credential::SECRET),
            }
        }
    }
}

impl Method {
    /// The scheme that the client is told to use (RFC 9110 section 11.6.1).
    fn scheme(&self) -> &'static str {
        match self {
            Self::Jwt(_) => "Bearer",
            Self::AppKeys(_) => "Basic realm=\"ferrite\"",
        }
    }
}
