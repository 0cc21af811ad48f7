//! The properties of value objects, written once and read back as values of the core, and the names of files.

use std::{
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    time::Duration,
};

use ext_php_rs::types::{ZendObject, Zval};

use super::{
    call::Call,
    engine,
    objects::property,
    thrown::{ExceptionKind, Thrown, throw},
};
use crate::config::ConfigError;

/// Gives the object its properties; an exception if a constructor is called twice.
pub(in crate::php) fn initialise<const N: usize>(call: &Call<'_>, given: [Zval; N]) -> Result<(), Thrown> {
    for (index, value) in given.into_iter().enumerate() {
        if !call.initialise(index, value) {
            return Err(throw(
                ExceptionKind::Error,
                "Cannot modify readonly properties: constructed already",
            ));
        }
    }
    Ok(())
}

/// The declared properties of an object of ours, by number.
pub(in crate::php) struct Properties<'a>(pub(in crate::php) &'a ZendObject);

impl Properties<'_> {
    pub(in crate::php) fn get(&self, index: usize) -> Option<&Zval> {
        property(self.0, index)
    }

    pub(in crate::php) fn size(&self, name: &'static str, index: usize) -> Result<usize, ConfigError> {
        let value =
            self.get(index).and_then(Zval::long).ok_or_else(|| ConfigError::new(name, "is not set"))?;
        usize::try_from(value).map_err(|_| ConfigError::new(name, format!("{value} is negative")))
    }

    pub(in crate::php) fn bool(&self, name: &'static str, index: usize) -> Result<bool, ConfigError> {
        self.get(index).and_then(Zval::bool).ok_or_else(|| ConfigError::new(name, "is not set"))
    }

    pub(in crate::php) fn float(&self, name: &'static str, index: usize) -> Result<f64, ConfigError> {
        let value =
            self.get(index).and_then(Zval::double).ok_or_else(|| ConfigError::new(name, "is not set"))?;
        if value.is_finite() && value >= 0.0 {
            return Ok(value);
        }
        Err(ConfigError::new(name, format!("{value} is not a number from 0")))
    }

    pub(in crate::php) fn seconds(&self, name: &'static str, index: usize) -> Result<Duration, ConfigError> {
        let value = self.float(name, index)?;
        Duration::try_from_secs_f64(value)
            .ok()
            .filter(|time| *time <= LONGEST)
            .ok_or_else(|| ConfigError::new(name, format!("{value} seconds are more than ten years")))
    }
}

/// The file that an option names, where it is also once the script is in another folder.
pub(in crate::php) fn file(option: &'static str, text: &[u8]) -> Result<PathBuf, ConfigError> {
    if text.contains(&0) {
        return Err(ConfigError::new(option, "contains a NUL, so it is the name of no file"));
    }
    let file = std::path::absolute(Path::new(OsStr::from_bytes(text)))
        .map_err(|_| ConfigError::new(option, "is empty; name a file"))?;
    allowed(option, &file)?;
    Ok(file)
}

/// Refuses a file that PHP's `open_basedir` keeps from the script.
pub(in crate::php) fn allowed(option: &'static str, file: &Path) -> Result<(), ConfigError> {
    engine::check_open_basedir(file).map_err(|why| ConfigError::new(option, why))
}

/// Far more than anybody means, and small enough to be added to any instant.
const LONGEST: Duration = Duration::from_secs(10 * 366 * 86_400);
