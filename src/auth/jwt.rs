//! Tokens: from a request to an identity.

use std::time::Duration;

use super::{Accepted, Reason, TraitRules, claims, credential, keys::VerificationKeys, token};
use crate::{
    config::{self, ConfigError},
    http::Request,
};

/// Lets clients with a token in.
#[derive(Debug)]
pub(super) struct Jwt {
    options: config::Jwt,
    keys: VerificationKeys,
}

impl Jwt {
    pub(super) fn new(options: &config::Jwt) -> Result<Self, ConfigError> {
        options.check()?;
        Ok(Self { keys: VerificationKeys::new(&options.key)?, options: options.clone() })
    }

    pub(super) fn keys(&self) -> &VerificationKeys {
        &self.keys
    }

    pub(super) fn query_parameter(&self) -> Option<&str> {
        self.options.query_parameter.as_deref()
    }

    pub(super) fn authenticate(
        &self,
        request: &Request,
        now: Duration,
        rules: &TraitRules,
    ) -> Result<Accepted, Reason> {
        let token = credential::token(request, self.query_parameter(), self.options.cookie.as_deref())?;
        let (claims, json) = token::verify(&token, &self.keys.current())?;
        claims::accept(&claims, json, &self.options, now, rules)
    }
}
