//! Applications by their key and secret, as Gomoob's server knows them.

use std::{collections::HashMap, fmt};

use aws_lc_rs::{constant_time::verify_slices_are_equal, hmac, rand};

use super::{Accepted, Reason, credential};
use crate::{
    config::{self, ConfigError},
    http::Request,
    queue::Identity,
};

/// Applications that may connect. It keeps no secrets, only their tags under a key of its own.
pub struct AppKeys {
    key: hmac::Key,
    applications: HashMap<Box<[u8]>, Application>,
    /// The tag that an unknown application's secret is compared with.
    nobody: hmac::Tag,
}

struct Application {
    secret: hmac::Tag,
    authorize_open: bool,
}

impl AppKeys {
    /// Those of the options.
    pub fn new(options: &config::AppKeys) -> Result<Self, ConfigError> {
        options.check()?;
        let no_chance = |_| ConfigError::new("appKeys", "the system gives no random numbers");
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &rand::SystemRandom::new()).map_err(no_chance)?;
        let mut nobody = [0; 32];
        rand::fill(&mut nobody).map_err(no_chance)?;
        let applications = options.applications.iter().map(|application| {
            let secret = hmac::sign(&key, application.secret.bytes());
            let authorize_open = application.authorize_open;
            (application.key.as_bytes().into(), Application { secret, authorize_open })
        });
        Ok(Self { applications: applications.collect(), nobody: hmac::sign(&key, &nobody), key })
    }

    /// True if that is the secret of that application. Takes as long for an unknown application.
    pub fn verify(&self, key: &[u8], secret: &[u8]) -> bool {
        let known = self.applications.get(key);
        let expected = known.map_or(&self.nobody, |application| &application.secret);
        let given = hmac::sign(&self.key, secret);
        verify_slices_are_equal(given.as_ref(), expected.as_ref()).is_ok() && known.is_some()
    }

    /// True if that application may open a connection: with its secret, or without if it is declared so.
    pub fn may_open(&self, key: &[u8], secret: Option<&[u8]>) -> bool {
        let with_secret = self.verify(key, secret.unwrap_or_default());
        with_secret || self.applications.get(key).is_some_and(|application| application.authorize_open)
    }

    /// Says which application sent this; it is the connection's user.
    pub(super) fn authenticate(&self, request: &Request) -> Result<Accepted, Reason> {
        let (key, secret) = credential::application(request)?;
        if !self.may_open(&key, secret.as_deref()) {
            return Err(Reason::Application);
        }
        let user = String::from_utf8(key).map_err(|_| Reason::Application)?;
        let identity =
            Identity { user: Some(user), topics: Vec::new(), tags: Vec::new(), claims: "{}".into() };
        Ok(Accepted { identity, until: None })
    }
}

impl fmt::Debug for AppKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppKeys").field("applications", &self.applications.len()).finish_non_exhaustive()
    }
}
