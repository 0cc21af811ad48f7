//! The reason for refusing a client: one sentence for the log, a vaguer one for the client.

use std::fmt;

use crate::http;

/// The reason. Never contains anything that the client sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// It brought nothing.
    NoCredential,
    /// It brought two in the same place.
    GivenTwice,
    /// The credential is too large to be looked at.
    TooLong,
    /// It is no token in compact form (RFC 7515 section 7.1).
    Malformed,
    /// It demands extensions that are not understood (RFC 7515 section 4.1.11).
    Critical,
    /// No key is for its algorithm.
    Algorithm,
    /// No key has the name that it gives, or it gives none and several might be meant.
    UnknownKey,
    /// Its signature is not by the key.
    Signature,
    /// Its time is over.
    Expired,
    /// It has no end, and needs one.
    NoExpiry,
    /// Its time has not come.
    NotYet,
    /// It was issued later than now.
    FromTheFuture,
    /// It is for others.
    Audience,
    /// It is by another issuer.
    Issuer,
    /// The header Authorization breaks the rules of its scheme.
    Header,
    /// No application has this key and secret.
    Application,
    /// A claim of this name cannot be used. The name is one of the options', or of RFC 7519.
    Claim(String),
}

/// A client that is not let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    reason: Reason,
    challenges: Vec<&'static str>,
}

impl Refused {
    pub(super) fn new(reason: Reason, schemes: impl Iterator<Item = &'static str>) -> Self {
        let mut challenges = Vec::new();
        for scheme in schemes {
            if !challenges.contains(&scheme) {
                challenges.push(scheme);
            }
        }
        Self { reason, challenges }
    }

    /// The reason, for the log.
    pub fn reason(&self) -> &Reason {
        &self.reason
    }

    /// The answer to the client: 401, and how it may do better.
    pub fn to_response(&self) -> Vec<u8> {
        let challenge = |scheme: &&'static str| {
            // RFC 6750 section 3: a client that has sent a token is told the error.
            let no_token = [Reason::NoCredential, Reason::Header, Reason::Application];
            let error = *scheme == "Bearer" && !no_token.contains(&self.reason);
            let challenge =
                if error { format!("{scheme} error=\"invalid_token\"") } else { (*scheme).to_owned() };
            ("WWW-Authenticate".to_owned(), challenge.into_bytes())
        };
        let headers: Vec<_> = self.challenges.iter().map(challenge).collect();
        http::rejection(401, format!("{}\n", self.text_for_client()).as_bytes(), &headers)
    }

    /// The text that helps an honest client. For all others every bad credential looks the same.
    fn text_for_client(&self) -> &'static str {
        match self.reason {
            Reason::NoCredential => "this server wants to know who you are: send a credential",
            Reason::Expired => "the token has expired",
            _ => "the credential is not valid",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoCredential => "no credential",
            Self::GivenTwice => "the credential is given twice",
            Self::TooLong => "the token is longer than 8 KiB",
            Self::Malformed => "the token is no JWT in compact form",
            Self::Critical => "the token demands extensions (crit) that are not understood",
            Self::Algorithm => "the token is not signed with the algorithm of the key",
            Self::UnknownKey => "the token is by a key (kid) that is not known",
            Self::Signature => "the token's signature is wrong",
            Self::Expired => "the token has expired",
            Self::NoExpiry => "the token has no expiry (exp), which requireExpiry demands",
            Self::NotYet => "the token is not valid yet (nbf)",
            Self::FromTheFuture => "the token is issued in the future (iat); compare the clocks",
            Self::Audience => "the token is for another audience (aud) than the option names",
            Self::Issuer => "the token is by another issuer (iss) than the option names",
            Self::Header => "the header Authorization cannot be read",
            Self::Application => "no application has this key and secret",
            Self::Claim(name) => return write!(f, "the token's claim {name} cannot be used"),
        })
    }
}
