//! Holds the files of a folder to a hierarchy: no file imports from one that imports from it, directly or by others.

use std::{collections::BTreeMap, fs, path::Path};

/// Folders of `src/` whose files form no circles: all but `shard` and `front`, whose files are the parts of one struct
/// each.
const WITHOUT_CIRCLES: &[&str] = &[
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
    "log",
    "metrics",
    "php",
    "port",
    "protocol",
    "queue",
    "ring",
    "runtime",
    "socket",
    "tls",
    "wire",
];

/// A module's name, such as `["hub", "directory"]`.
type Module = Vec<String>;

/// The imports of each module, and true for a re-export.
type Imports = BTreeMap<Module, Vec<(Module, bool)>>;

#[test]
fn the_files_of_a_folder_form_no_circles() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut imports = Imports::new();
    read(&source, &[], &mut imports);
    assert!(imports.len() > 30, "looked at {} files only", imports.len());
    let wrong: Vec<_> = circles(&imports, WITHOUT_CIRCLES)
        .iter()
        .map(|circle| circle.iter().map(|module| module.join("/")).collect::<Vec<_>>().join(" -> "))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Reads the imports of every file but those of tests.
fn read(folder: &Path, module: &[String], imports: &mut Imports) {
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let below = [module, &[name.to_owned()]].concat();
        if path.is_dir() {
            read(&path, &below, imports);
        } else if path.extension().is_some_and(|e| e == "rs") && !name.ends_with("tests") && name != "lib" {
            let module = if name == "mod" { module.to_vec() } else { below };
            imports.insert(module, imports_of(&fs::read_to_string(&path).unwrap()));
        }
    }
}

/// The paths that the `use` declarations of a file name, and true for those that are re-exports.
fn imports_of(text: &str) -> Vec<(Module, bool)> {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let mut found = Vec::new();
    let mut declaration: Option<(String, bool)> = None;
    for line in code.lines().map(|line| line.split("//").next().unwrap_or_default().trim()) {
        match &mut declaration {
            Some((tree, _)) => tree.push_str(line),
            None if line.starts_with("use ") => declaration = Some((line["use ".len()..].to_owned(), false)),
            None if line.starts_with("pub") => {
                declaration = line.split_once(" use ").map(|(_, tree)| (tree.to_owned(), true));
            }
            None => {}
        }
        if let Some((tree, is_public)) = declaration.take_if(|(tree, _)| tree.ends_with(';')) {
            found.extend(paths(tree.trim_end_matches(';')).into_iter().map(|path| (path, is_public)));
        }
    }
    found
}

/// The paths of a tree such as `a::{b, c::{d, e}}`.
fn paths(tree: &str) -> Vec<Module> {
    let Some((prefix, list)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or_default();
        return vec![path.split("::").map(|part| part.trim().to_owned()).collect()];
    };
    let prefix: Module =
        prefix.split("::").map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect();
    let (mut depth, mut parts) = (0, vec![String::new()]);
    for letter in list.strip_suffix('}').unwrap_or(list).chars() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        parts.last_mut().unwrap().push(letter);
    }
    let parts = parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty());
    parts.flat_map(paths).map(|path| [&prefix[..], &path].concat()).collect()
}

/// The module that defines the name at the end of a path, through re-exports.
fn resolve(imports: &Imports, module: &[String], path: &[String], depth: usize) -> Option<Module> {
    let (mut found, mut rest) = match path.first()?.as_str() {
        "crate" => (Module::new(), &path[1..]),
        "self" => (module.to_vec(), &path[1..]),
        "super" => (module[..module.len() - 1].to_vec(), &path[1..]),
        _ => (module.to_vec(), path),
    };
    while let Some((name, after)) = rest.split_first() {
        let below = [&found[..], std::slice::from_ref(name)].concat();
        if name == "super" {
            found.pop();
        } else if imports.contains_key(&below) || found.is_empty() {
            found = below;
        } else {
            break;
        }
        rest = after;
    }
    let name = rest.first();
    let known = imports.get(&found)?;
    let from = known.iter().find(|(import, public)| *public && name.is_some() && import.last() == name);
    match from {
        Some((import, _)) if depth < 8 => resolve(imports, &found, import, depth + 1).or(Some(found)),
        _ => Some(found),
    }
}

/// The shortest way from each module of these folders back to itself; one circle for each module.
fn circles(imports: &Imports, folders: &[&str]) -> Vec<Vec<Module>> {
    let needs = |module: &Module| -> Vec<Module> {
        let own = imports[module].iter().filter(|(_, is_public)| !is_public);
        let named = own.filter_map(|(path, _)| resolve(imports, module, path, 0));
        named.filter(|other| other != module).collect()
    };
    let graph: BTreeMap<&Module, Vec<Module>> =
        imports.keys().map(|module| (module, needs(module))).collect();
    let mut found: Vec<Vec<Module>> = Vec::new();
    for start in imports.keys().filter(|module| module.first().is_some_and(|name| folders.contains(&&**name)))
    {
        let mut ways = vec![vec![start.clone()]];
        let mut seen = Vec::new();
        while let Some(way) = (!ways.is_empty()).then(|| ways.remove(0)) {
            for next in way.last().and_then(|last| graph.get(last)).into_iter().flatten() {
                if next == start {
                    if !found.iter().any(|circle| circle.contains(start)) {
                        found.push([&way[..], std::slice::from_ref(next)].concat());
                    }
                } else if !seen.contains(next) {
                    seen.push(next.clone());
                    ways.push([&way[..], std::slice::from_ref(next)].concat());
                }
            }
        }
    }
    found
}

#[test]
fn the_search_for_circles_finds_them() {
    let file = |module: &str, text: &str| {
        (module.split('/').map(str::to_owned).collect::<Module>(), imports_of(text))
    };
    let files = |low: &str| {
        Imports::from([
            file("a", "mod high;\nmod low;\n\npub use high::{High, Name};\npub use low::Low;\n"),
            file(
                "a/high",
                "use std::{\n    fmt,\n    io,\n};\n\nuse super::{\n    Low, // In use.\n    low::{Depth, Width},\n};\n",
            ),
            file("a/low", low),
        ])
    };
    assert!(circles(&files("use std::fmt;\n"), &["a"]).is_empty());
    let way: [Module; 3] =
        ["a/high", "a/low", "a/high"].map(|module| module.split('/').map(str::to_owned).collect());
    for circle in ["use crate::a::High;\n", "use super::{high::Other};\n", "use super::Name;\n"] {
        assert_eq!(circles(&files(circle), &["a"]), [way.to_vec()], "{circle}");
    }
}
