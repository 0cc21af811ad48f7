//! The running engine: interrupts, fatal errors, Fibers, and functions of other extensions.

#![allow(unsafe_code)] // Reads executor globals and calls functions by name.

use std::{
    ffi::{CStr, CString, c_int},
    os::unix::ffi::OsStrExt,
    panic::AssertUnwindSafe,
    path::{Path, PathBuf},
    ptr,
    sync::atomic::{AtomicBool, Ordering},
};

use ext_php_rs::{
    ffi,
    types::Zval,
    zend::{CatchError, SapiGlobals, try_catch},
};

use super::externs;

/// The end of a guarded call.
pub(in crate::php) enum Ended<R> {
    Returned(R),
    /// A fatal error jumped out of it: clean up, then [`resume_fatal_error`].
    FatalError,
    Panicked(String),
}

/// Calls `body` so that a fatal error of the script (a `longjmp`) ends here. Frames that it jumps over are not
/// unwound: values that must be released are owned by objects, not by frames.
pub(in crate::php) fn guarded<R>(body: impl FnOnce() -> R) -> Ended<R> {
    match try_catch(AssertUnwindSafe(body)) {
        Ok(result) => Ended::Returned(result),
        Err(CatchError::Panic(what)) => Ended::Panicked(what),
        Err(_) => Ended::FatalError,
    }
}

/// Goes on with a fatal error that [`guarded`] has stopped.
pub(in crate::php) fn resume_fatal_error() -> ! {
    // SAFETY: the caller has cleaned up; frames between here and the engine own nothing that matters.
    unsafe { ext_php_rs::zend::bailout() }
}

/// True if the engine wants to serve something.
pub(in crate::php) fn is_interrupted() -> bool {
    // SAFETY: a bool that other threads and signal handlers set, atomic or not by PHP version.
    unsafe {
        let flag = &raw const (*ffi::ext_php_rs_executor_globals()).vm_interrupt;
        (*flag.cast::<AtomicBool>()).load(Ordering::SeqCst)
    }
}

/// The Fiber that runs; 0 outside of all.
pub(in crate::php) fn current_fiber() -> usize {
    // SAFETY: the executor globals of PHP's thread.
    unsafe { (*ffi::ext_php_rs_executor_globals()).active_fiber.expose_provenance() }
}

pub(in crate::php) fn fiber_class() -> *mut ffi::zend_class_entry {
    // SAFETY: written once when the engine starts.
    unsafe { externs::zend_ce_fiber }
}

/// Calls a method of an internal class, by its name in lower case and without arguments, on a live object or on none.
pub(in crate::php) fn call_method(
    object: *mut ffi::zend_object,
    class: *mut ffi::zend_class_entry,
    name: &str,
) -> Zval {
    let mut answer = Zval::new();
    // SAFETY: the class has the method, and the object, if there is one, is of that class.
    unsafe {
        externs::zend_call_method(
            object,
            class,
            ptr::null_mut(),
            name.as_ptr().cast(),
            name.len(),
            &raw mut answer,
            0,
            ptr::null_mut(),
            ptr::null_mut(),
        );
    }
    answer
}

/// Asks an exception one of the methods that no descendant can replace.
pub(in crate::php) fn ask(exception: &ext_php_rs::types::ZendObject, method: &str) -> Zval {
    let object = ptr::from_ref(exception).cast_mut();
    call_method(object, exception.ce, method)
}

/// Raises a warning of PHP's, about a line of a script.
pub(in crate::php) fn warning(file: &[u8], line: u32, text: &str) {
    let text = CString::new(text).unwrap_or_default();
    let file = ext_php_rs::types::ZendStr::new(file, false);
    // SAFETY: the format takes one string; the engine counts a reference of its own where it keeps the file's name.
    unsafe {
        externs::zend_error_at(E_WARNING, file.as_ptr().cast_mut(), line, c"%s".as_ptr(), text.as_ptr())
    };
}

/// Raises the warning of PHP's about a key that an array does not have, at the running line of the script.
pub(in crate::php) fn warn_undefined_key(key: &[u8], is_int: bool) {
    // PHP's own ends at a NUL, too.
    let key = key.split(|byte| *byte == 0).next().unwrap_or_default();
    let key = CString::new(key).unwrap_or_default();
    let format = if is_int { c"Undefined array key %s" } else { c"Undefined array key \"%s\"" };
    // SAFETY: the format takes one string, which the engine copies.
    unsafe { externs::zend_error(E_WARNING, format.as_ptr(), key.as_ptr()) };
}

/// Where PHP writes its messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::php) struct Reporting {
    pub(in crate::php) logs: bool,
    /// True if the log has no other place.
    pub(in crate::php) logs_to_stderr: bool,
    pub(in crate::php) displays: Displays,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::php) enum Displays {
    Nowhere,
    OnOutput,
    OnError,
}

pub(in crate::php) fn reporting() -> Reporting {
    // SAFETY: the core globals of PHP's thread; a setting that is a string lives as long as it.
    unsafe {
        let globals = &*ffi::ext_php_rs_process_globals();
        let log = globals.error_log;
        Reporting {
            logs: globals.log_errors,
            logs_to_stderr: log.is_null() || CStr::from_ptr(log).is_empty(),
            displays: match globals.display_errors {
                0 => Displays::Nowhere,
                2 => Displays::OnError,
                _ => Displays::OnOutput,
            },
        }
    }
}

pub(in crate::php) fn set_reporting(reporting: Reporting) {
    // SAFETY: as in `reporting`; the settings keep their text, by which they are read back.
    unsafe {
        let globals = &mut *ffi::ext_php_rs_process_globals();
        globals.log_errors = reporting.logs;
        globals.display_errors = match reporting.displays {
            Displays::Nowhere => 0,
            Displays::OnOutput => 1,
            Displays::OnError => 2,
        };
    }
}

/// True if output could not be written, so that PHP writes no more.
pub(in crate::php) fn is_output_aborted() -> bool {
    // SAFETY: the core globals of PHP's thread.
    unsafe { (*ffi::ext_php_rs_process_globals()).connection_status & ABORTED != 0 }
}

/// Takes back the exit status that PHP has noted when it could not write; not that of a fatal error, which is the same.
pub(in crate::php) fn forget_failed_output() {
    // SAFETY: the core and executor globals of PHP's thread.
    unsafe {
        if (*ffi::ext_php_rs_process_globals()).last_error_type & FATAL != 0 {
            return;
        }
        let globals = &mut *ffi::ext_php_rs_executor_globals();
        if globals.exit_status == FAILED {
            globals.exit_status = 0;
        }
    }
}

/// The fatal error that ends the script, with its file and line, in PHP's words.
pub(in crate::php) fn last_fatal_error() -> Option<String> {
    // SAFETY: the core globals of PHP's thread; the strings are the engine's, and live as long as they are the last ones.
    unsafe {
        let globals = &*ffi::ext_php_rs_process_globals();
        if globals.last_error_type & FATAL == 0 {
            return None;
        }
        let text = |string: *const ffi::zend_string| match string.as_ref() {
            Some(string) => String::from_utf8_lossy(string.as_bytes()).into_owned(),
            None => String::new(),
        };
        let (message, file) = (text(globals.last_error_message), text(globals.last_error_file));
        Some(format!("{message} in {file}:{}", globals.last_error_lineno))
    }
}

/// Has PHP go on, or not, when output cannot be written. The setting of that name stays as it is.
pub(in crate::php) fn ignore_user_abort(ignore: bool) {
    // SAFETY: the core globals of PHP's thread.
    unsafe { (*ffi::ext_php_rs_process_globals()).ignore_user_abort = ignore };
}

/// The value of the setting.
pub(in crate::php) fn ignores_user_abort_by_setting() -> bool {
    // SAFETY: a name that is not kept.
    unsafe { externs::zend_ini_long(IGNORE_USER_ABORT.as_ptr(), IGNORE_USER_ABORT.count_bytes(), 0) != 0 }
}

/// True if the script itself has switched the setting off.
pub(in crate::php) fn wants_user_abort() -> bool {
    // SAFETY: the engine's table of settings that were changed; its values are entries of that type.
    let is_changed = unsafe {
        let changed = (*ffi::ext_php_rs_executor_globals()).modified_ini_directives;
        let name = (IGNORE_USER_ABORT.as_ptr(), IGNORE_USER_ABORT.count_bytes());
        !changed.is_null() && !ffi::zend_hash_str_find(changed, name.0, name.1).is_null()
    };
    is_changed && !ignores_user_abort_by_setting()
}

/// True if the script has ended: its shutdown functions and the ends of its objects run.
pub(in crate::php) fn is_shutting_down() -> bool {
    // SAFETY: the executor globals of PHP's thread.
    unsafe { u32::from((*ffi::ext_php_rs_executor_globals()).flags) & IN_SHUTDOWN != 0 }
}

/// Checks that `open_basedir` lets the script use a file; the error has PHP's words.
pub(in crate::php) fn check_open_basedir(file: &Path) -> Result<(), String> {
    let Ok(path) = CString::new(file.as_os_str().as_bytes()) else { return Ok(()) };
    // SAFETY: a path; no warning is wanted, the caller throws.
    if unsafe { externs::php_check_open_basedir_ex(path.as_ptr(), 0) } == 0 {
        return Ok(());
    }
    // SAFETY: the core globals of PHP's thread; the setting is a string that lives as long as it.
    let allowed = unsafe {
        let setting = (*ffi::ext_php_rs_process_globals()).open_basedir;
        if setting.is_null() { c"" } else { CStr::from_ptr(setting) }
    };
    let (file, allowed) = (file.display(), allowed.to_string_lossy());
    Err(format!(
        "open_basedir restriction in effect. File({file}) is not within the allowed path(s): ({allowed})"
    ))
}

/// Calls one of PHP's own functions by name. False if there is none: its extension is not loaded, or
/// `disable_functions` has it; a function of the script that took the name is another one.
pub(in crate::php) fn call_function(name: &str, arguments: &mut [Zval], result: Option<&mut Zval>) -> bool {
    let mut nobody = Zval::new();
    // SAFETY: the table of functions is looked up by name; the arguments are copied.
    unsafe {
        let function = ffi::zend_fetch_function_str(name.as_ptr().cast(), name.len());
        if function.is_null() || u32::from((*function).type_) != ffi::ZEND_INTERNAL_FUNCTION {
            return false;
        }
        ffi::zend_call_known_function(
            function,
            ptr::null_mut(),
            ptr::null_mut(),
            result.unwrap_or(&mut nobody),
            u32::try_from(arguments.len()).unwrap_or(0),
            arguments.as_mut_ptr(),
            ptr::null_mut(),
        );
    }
    true
}

/// The script's file; `None` if there is none, as with `php -r`.
pub(in crate::php) fn script() -> Option<PathBuf> {
    SapiGlobals::get().request_info().path_translated().map(PathBuf::from)
}

/// The name of the server API: "cli", "fpm-fcgi", …
pub(in crate::php) fn sapi() -> String {
    // SAFETY: a static string of the SAPI.
    let name = unsafe {
        let name = (*ffi::ext_php_rs_sapi_module()).name;
        if name.is_null() { c"" } else { CStr::from_ptr(name) }
    };
    name.to_string_lossy().into_owned()
}

const IGNORE_USER_ABORT: &CStr = c"ignore_user_abort";
/// main/php_globals.h.
const ABORTED: std::ffi::c_short = 1;
/// The note of sapi/cli.
const FAILED: c_int = 255;
/// Zend/zend_errors.h: E_ERROR (an uncaught exception, too), E_PARSE, E_CORE_ERROR, E_COMPILE_ERROR, E_USER_ERROR and
/// E_RECOVERABLE_ERROR.
const FATAL: c_int = 1 << 0 | 1 << 2 | 1 << 4 | 1 << 6 | 1 << 8 | 1 << 12;
const E_WARNING: c_int = 1 << 1;
/// Zend/zend_globals.h.
const IN_SHUTDOWN: u32 = 1 << 0;
