//! Holds every Rust file to a length that a reader keeps in mind. Clippy holds the functions (clippy.toml).

use std::path::Path;

use crate::imports::rust_files;

/// Lines of a file that does not say at its top why it is long.
const MOST_LINES: usize = 400;
/// The lines in which it says so, `Long because …`.
const TOP: usize = 15;

#[test]
fn a_long_file_says_at_its_top_why_it_is_long() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = ["src", "tests/core", "benches", "fuzz/fuzz_targets", "fuzz/src"];
    let files: Vec<_> = folders.iter().flat_map(|folder| rust_files(&root.join(folder))).collect();
    assert!(files.len() > 100, "looked at {} files only", files.len());
    let says_why = |text: &str| text.lines().take(TOP).any(|line| line.starts_with("//! Long because "));
    let wrong: Vec<_> = files
        .iter()
        .filter(|(_, text)| text.lines().count() > MOST_LINES && !says_why(text))
        .map(|(path, text)| format!("{path} has {} lines", text.lines().count()))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
