//! Holds docs/limits.md and SECURITY.md to the code: what they name is there, and no option is left out.

use std::{fs, path::Path};

use ferrite::metrics::Counters;

/// What stands in backquotes in the tables, by the title of its column.
fn named(page: &str) -> Vec<(String, String)> {
    let mut titles: Vec<&str> = Vec::new();
    let mut found = Vec::new();
    for line in page.lines() {
        let Some(row) = line.strip_prefix('|') else {
            titles.clear();
            continue;
        };
        let cells: Vec<_> = row.trim_end_matches('|').split('|').map(str::trim).collect();
        if titles.is_empty() {
            titles = cells;
            continue;
        }
        assert_eq!(cells.len(), titles.len(), "{line}");
        for (title, cell) in titles.iter().zip(cells) {
            let words = cell.split('`').skip(1).step_by(2);
            found.extend(words.map(|word| ((*title).to_owned(), word.to_owned())));
        }
    }
    found
}

/// All Rust code that tests stand in.
fn code() -> String {
    let mut code = String::new();
    for folder in ["src", "tests/core"] {
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut code);
    }
    code
}

fn sources(folder: &Path, into: &mut String) {
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|end| end == "rs") {
            into.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn every_test_that_the_page_of_security_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let named = named(&fs::read_to_string(root.join("SECURITY.md")).unwrap());
    let code = code();
    let tests: Vec<_> = named.iter().filter(|(column, _)| column == "test").collect();
    assert!(tests.len() > 15, "{} tests only", tests.len());
    for (_, name) in tests {
        assert!(code.contains(&format!("fn {name}(")), "there is no test {name}");
    }
}

#[test]
fn every_option_figure_and_test_that_the_page_of_limits_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let named = named(&fs::read_to_string(root.join("docs/limits.md")).unwrap());
    let code = code();
    let stubs: String = ["Limits", "Heartbeat", "Server", "Auth/Jwt"]
        .map(|class| fs::read_to_string(root.join(format!("stubs/{class}.php"))).unwrap())
        .concat();
    assert!(named.len() > 80, "{} names only", named.len());
    for (column, name) in &named {
        let exists = match column.as_str() {
            "test" => code.contains(&format!("fn {name}()")),
            "figure" => Counters::NAMES.contains(&name.as_str()),
            "option" if ["Server", "Heartbeat", "Jwt"].contains(&name.as_str()) => true,
            "option" => stubs.contains(&format!("${name}")),
            _ => true,
        };
        assert!(exists, "there is no {column} {name}");
    }
    let limits = fs::read_to_string(root.join("stubs/Limits.php")).unwrap();
    for option in limits.lines().filter_map(|line| line.trim().strip_prefix("public readonly ")) {
        let name = option.split('$').nth(1).unwrap().split(' ').next().unwrap();
        assert!(named.iter().any(|(_, known)| known == name), "the page does not name {name}");
    }
}
