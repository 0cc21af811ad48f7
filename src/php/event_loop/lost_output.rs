//! A word about standard output that cannot be written, where the script ends.

use super::session::Session;
use crate::{
    log::stderr,
    php::zend::{engine, output},
};

/// Reports it on standard error, once, where the script ends, maybe because PHP ends it for that. Not for the logger, for no PHP may run now.
pub(in crate::php) fn report(session: &Session) {
    if !output::is_lost() || session.is_output_lost.replace(true) {
        return;
    }
    let (level, why) = if output::ends_script() {
        let why = "standard output cannot be written, and PHP ends the script for that (ignore_user_abort)";
        ("error", why)
    } else {
        engine::forget_failed_output();
        ("warning", OUTPUT_LOST)
    };
    stderr::line(&format!("{level}: ferrite {} {why}", env!("CARGO_PKG_VERSION")));
}

/// The report.
pub(in crate::php) const OUTPUT_LOST: &str =
    "standard output cannot be written: what the script prints is lost";
