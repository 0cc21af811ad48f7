//! Reading the files that options name.

use std::{fs, path::Path};

use crate::descriptors::keep_standard;

/// The whole of a file. The error is the rest of a sentence that begins with its name.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, String> {
    keep_standard();
    let cannot = |why: std::io::Error| format!("cannot be read: {why}");
    let found = fs::metadata(path).map_err(cannot)?;
    // A pipe would be waited for, and that by everybody.
    if !found.is_file() {
        return Err("is no file".to_owned());
    }
    if found.len() > LARGEST {
        return Err(format!("has {} bytes; at most {LARGEST} are read", found.len()));
    }
    fs::read(path).map_err(cannot)
}

/// Thousands of keys or applications.
const LARGEST: u64 = 1 << 20;
