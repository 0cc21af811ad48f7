//! Standard output whose reader has gone, while a loop runs.
//!
//! PHP's command line ends a script at the first output that nobody reads, as a web server's page ends with its
//! client (`ignore_user_abort`). A server has clients of its own, and its output is of no interest to them: while one
//! of its loops runs, output that cannot be written is lost, and the log says so. A script that has switched
//! `ignore_user_abort` off itself keeps PHP's way.

use super::engine;

/// A loop begins.
pub(in crate::php) fn hold() {
    if !ends_script() {
        engine::ignore_user_abort(true);
    }
}

/// The last loop has ended: the script's setting holds again.
pub(in crate::php) fn let_go() {
    engine::ignore_user_abort(engine::ignores_user_abort_by_setting());
}

/// True if the script wants PHP to end it.
pub(in crate::php) fn ends_script() -> bool {
    engine::wants_user_abort()
}

/// True if output was lost. The script goes on, so it has not failed by that: PHP has noted an exit status of 255.
pub(in crate::php) fn is_lost() -> bool {
    engine::is_output_aborted()
}
