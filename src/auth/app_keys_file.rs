//! The file in which Gomoob's server has its applications:
//!
//! ```yaml
//! applications:
//!   - key: application1
//!     secret: 7Uxk2
//!     authorizeOpen: true
//! ```

use std::path::Path;

use yaml_rust2::{Yaml, YamlLoader};

use super::file;
use crate::config::{AppKeys, Application, ConfigError, Secret};

/// Reads such a file. The error names it and the number of the application, and nothing that stands in it.
pub fn read(path: &Path) -> Result<AppKeys, ConfigError> {
    let refuse = |why: String| ConfigError::new(OPTION, format!("{} {why}", path.display()));
    let text = file::read(path).map_err(&refuse)?;
    let text = String::from_utf8(text).map_err(|_| refuse("is not UTF-8".to_owned()))?;
    let keys = parse(&text).map_err(&refuse)?;
    keys.check().map_err(|why| refuse(why.reason().to_owned()))?;
    Ok(keys)
}

fn parse(text: &str) -> Result<AppKeys, String> {
    let documents = YamlLoader::load_from_str(text).map_err(|why| {
        format!("is no YAML (line {}, column {})", why.marker().line(), why.marker().col() + 1)
    })?;
    let applications = documents.first().map(|document| &document["applications"]);
    let applications = applications.and_then(Yaml::as_vec).ok_or("has no list \"applications\"")?;
    let applications = applications
        .iter()
        .enumerate()
        .map(|(index, entry)| application(entry, index + 1))
        .collect::<Result<_, _>>()?;
    Ok(AppKeys { applications })
}

fn application(entry: &Yaml, number: usize) -> Result<Application, String> {
    let text = |name: &str| match &entry[name] {
        Yaml::String(text) => Ok(text.clone()),
        Yaml::BadValue => Err(format!("has no \"{name}\" for application {number}")),
        // 007 and 1e3 would be other secrets as numbers than as texts.
        _ => Err(format!("has no text as \"{name}\" of application {number}; put it in quotes")),
    };
    let authorize_open = match &entry["authorizeOpen"] {
        Yaml::Boolean(value) => *value,
        Yaml::BadValue => return Err(format!("has no \"authorizeOpen\" for application {number}")),
        _ => return Err(format!("has neither true nor false as \"authorizeOpen\" of application {number}")),
    };
    Ok(Application { key: text("key")?, secret: Secret::new(text("secret")?.as_bytes()), authorize_open })
}

const OPTION: &str = "appKeys";
