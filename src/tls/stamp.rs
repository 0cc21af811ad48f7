//! The identity of certificate files, by which a change is noticed.

use std::{fs, path::Path, time::SystemTime};

use crate::config::Tls;

/// The identity of a file's content: `None` if there is no file.
pub(super) type Stamp = Option<(SystemTime, u64, u64)>;

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
