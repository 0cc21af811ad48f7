//! Notices that certificate files were replaced.

use std::{fs, path::Path, time::Duration, time::SystemTime};

use super::Certificates;
use crate::config::{ConfigError, Tls};

/// Looks at the files of [`Certificates`] now and then, and has them read again once they have changed.
#[derive(Debug, Default)]
pub struct Watch {
    /// The stamps of the last look.
    seen: Vec<Stamp>,
    /// The new stamps of the last change, of files that could be used or not.
    tried: Vec<Stamp>,
}

/// The identity of a file's content: `None` if there is no file.
pub(super) type Stamp = Option<(SystemTime, u64, u64)>;

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

/// One for each file that is named.
pub(super) fn stamps(files: &[Tls]) -> Vec<Stamp> {
    files
        .iter()
        .flat_map(|tls| [Some(&tls.certificate), Some(&tls.key), tls.client_ca.as_ref()])
        .flatten()
        .map(|file| stamp(file))
        .collect()
}

fn stamp(file: &Path) -> Stamp {
    use std::os::unix::fs::MetadataExt;
    // Follows links: the file at their end is read.
    let found = fs::metadata(file).ok()?;
    Some((found.modified().ok()?, found.len(), found.ino()))
}
