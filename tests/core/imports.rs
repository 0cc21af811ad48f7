//! Holds the imports of `src/` to the table in ARCHITECTURE.md: who may know whom.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// Each folder of `src/`, and the folders it may name.
const MAY_NAME: &[(&str, &[&str])] = &[
    // The program names the library, as any other crate would.
    ("bin", &[]),
    ("config", &[]),
    ("descriptors", &[]),
    ("limits", &[]),
    ("log", &["metrics", "queue"]),
    ("ring", &["descriptors"]),
    ("metrics", &[]),
    ("deflate", &[]),
    ("frame", &[]),
    ("tls", &["config", "descriptors"]),
    ("auth", &["config", "descriptors", "http", "queue"]),
    ("socket", &["config", "descriptors", "tls"]),
    ("http", &["config", "deflate"]),
    ("queue", &["descriptors", "http", "metrics"]),
    ("connection", &["config", "deflate", "frame", "http", "limits", "queue", "ring", "socket"]),
    ("hub", &["config", "connection", "http", "metrics", "queue", "ring"]),
    ("wire", &["config", "descriptors", "hub", "queue", "ring"]),
    ("port", &["config", "connection", "descriptors", "frame", "hub", "metrics", "queue", "ring", "wire"]),
    (
        "front",
        &[
            "descriptors",
            "frame",
            "http",
            "log",
            "metrics",
            "port",
            "queue",
            "ring",
            "runtime",
            "socket",
            "wire",
        ],
    ),
    ("control", &["config", "http", "limits", "port", "queue", "socket", "tls"]),
    (
        "shard",
        &[
            "auth",
            "config",
            "connection",
            "control",
            "deflate",
            "descriptors",
            "frame",
            "http",
            "hub",
            "limits",
            "metrics",
            "port",
            "protocol",
            "queue",
            "socket",
            "tls",
        ],
    ),
    (
        "runtime",
        &[
            "config",
            "control",
            "descriptors",
            "frame",
            "http",
            "hub",
            "metrics",
            "port",
            "queue",
            "ring",
            "shard",
            "socket",
            "tls",
        ],
    ),
    ("protocol", &["config", "http", "port"]),
    (
        "php",
        &["config", "descriptors", "front", "http", "log", "metrics", "port", "protocol", "ring", "runtime"],
    ),
];

/// Crates that only some folders may name.
const CRATES: &[(&str, &[&str])] = &[
    ("ext_php_rs", &["php"]),
    ("tokio", &["control", "socket", "runtime", "shard"]),
    ("tokio_rustls", &["control"]),
    ("tokio_util", &["socket"]),
    ("socket2", &["socket", "runtime"]),
    ("rustls", &["tls"]),
    ("rustls_pki_types", &["auth"]),
    ("yaml_rust2", &["auth"]),
    ("postcard", &["front", "hub", "port", "wire"]),
    ("aws_lc_rs", &["auth", "control", "http", "tls"]),
    ("webpki", &["tls"]),
];

#[test]
fn every_folder_names_only_those_it_may_know() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let may: BTreeMap<_, _> = MAY_NAME.iter().copied().collect();
    let mut wrong = Vec::new();
    let mut files = 0;
    for folder in fs::read_dir(&source).unwrap().map(|entry| entry.unwrap().path()).filter(|p| p.is_dir()) {
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let Some(known) = may.get(name.as_str()) else {
            wrong.push(format!("src/{name} is not in the table"));
            continue;
        };
        for (path, text) in rust_files(&folder) {
            files += 1;
            let code: String = text
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
                .collect::<Vec<_>>()
                .join("\n");
            for named in folders_named(&code) {
                if named != name && may.contains_key(named.as_str()) && !known.contains(&named.as_str()) {
                    wrong.push(format!("{path} names crate::{named}"));
                }
            }
            for (library, folders) in CRATES {
                if names_library(&code, library) && !folders.contains(&name.as_str()) {
                    wrong.push(format!("{path} names {library}"));
                }
            }
        }
    }
    assert!(files > 30, "looked at {files} files only");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_rooms_of_the_bridge_know_only_those_below_them() {
    let bridge = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/php");
    let mut wrong = Vec::new();
    let mut files = 0;
    for (path, text) in rust_files(&bridge) {
        files += 1;
        let room = path.strip_prefix(&format!("{}/", bridge.display())).unwrap().split('/').next().unwrap();
        if room == "zend" {
            for above in ["event_loop", "classes"] {
                if text.contains(&format!("php::{above}")) {
                    wrong.push(format!("{path} names {above}"));
                }
            }
            for core in ["port", "runtime", "hub", "queue", "connection", "protocol", "http"] {
                if folders_named(&text).iter().any(|named| named == core) {
                    wrong.push(format!("{path} names crate::{core}"));
                }
            }
        } else if text.contains("allow(unsafe_code)") {
            wrong.push(format!("{path} allows unsafe code"));
        }
    }
    assert!(files > 30, "looked at {files} files only");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn unsafe_is_allowed_only_where_the_architecture_page_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap();
    let (_, section) = page.split_once("## Where `unsafe` is allowed").unwrap();
    let listed: BTreeSet<String> = section
        .lines()
        .filter_map(|line| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned()))
        .collect();
    let allowed: BTreeSet<String> = rust_files(&root.join("src"))
        .into_iter()
        .filter(|(_, text)| text.contains("allow(unsafe_code)"))
        .map(|(path, _)| path.strip_prefix(&format!("{}/", root.display())).unwrap().to_owned())
        .collect();
    assert_eq!(allowed, listed);
}

/// Whether code says `library::`, not as the end of another name.
fn names_library(code: &str, library: &str) -> bool {
    let path = format!("{library}::");
    let is_part = |before: &str| before.ends_with(|letter: char| letter.is_alphanumeric() || letter == '_');
    code.match_indices(&path).any(|(at, _)| !is_part(&code[..at]))
}

/// Every `x` of `crate::x` and `crate::{x, y::…}`.
fn folders_named(code: &str) -> Vec<String> {
    let mut named = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        if let Some(list) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut word = String::new();
            let mut first = true;
            for letter in list.chars() {
                match letter {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => first = true,
                    _ if depth == 0 && first && (letter.is_alphanumeric() || letter == '_') => {
                        word.push(letter)
                    }
                    _ if depth == 0 && first && !word.is_empty() => first = false,
                    _ => {}
                }
                if (!first || letter == ',') && !word.is_empty() {
                    named.push(std::mem::take(&mut word));
                    first = letter == ',';
                }
            }
            named.push(word);
        } else {
            named.push(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
        }
    }
    named.retain(|name| !name.is_empty());
    named
}

pub(crate) fn rust_files(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push((path.display().to_string(), fs::read_to_string(&path).unwrap()));
        }
    }
    found
}

#[test]
fn the_search_for_imports_finds_them() {
    let code = "use crate::{\n    config::{Limits, x::Y},\n    hub,\n    queue::Event,\n};\nlet a = crate::socket::bind();";
    assert_eq!(folders_named(code), ["config", "hub", "queue", "socket"]);
}
