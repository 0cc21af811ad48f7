//! Notices that certificate files were replaced.

use std::time::Duration;

use super::{
    Certificates,
    stamp::{Stamp, stamps},
};
use crate::config::ConfigError;

/// Looks at the files of [`Certificates`] now and then, and has them read again once they have changed.
#[derive(Debug, Default)]
pub struct Watch {
    /// The stamps of the last look.
    seen: Vec<Stamp>,
    /// The new stamps of the last change, of files that could be used or not.
    tried: Vec<Stamp>,
}

impl Watch {
    /// Interval between looks.
    pub const INTERVAL: Duration = Duration::from_secs(5);

    /// Looks once. `Some` if the files were read again, and whether they could be used.
    ///
    /// A certificate and its key are two files, and are not replaced in one step: so they are read when
    /// two looks in a row saw the same.
    pub fn look(&mut self, certificates: &Certificates) -> Option<Result<(), ConfigError>> {
        let now = stamps(certificates.files());
        let settled = now == self.seen;
        self.seen = now;
        if !settled || self.seen == self.tried || certificates.are_read_from(&self.seen) {
            return None;
        }
        self.tried = self.seen.clone();
        Some(certificates.reload())
    }
}
