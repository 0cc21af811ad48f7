//! The running engine: interrupts, fatal errors, Fibers, and functions of other extensions.

#![allow(unsafe_code)] // Reads executor globals and calls functions by name.

use std::{
    ffi::CStr,
    panic::AssertUnwindSafe,
    ptr,
    sync::atomic::{AtomicBool, Ordering},
};

use ext_php_rs::{
    ffi,
    types::Zval,
    zend::{CatchError, try_catch},
};

use super::{
    thrown::{self, Thrown},
    zend,
};

/// How a guarded call ended.
pub(super) enum Ended<R> {
    Returned(R),
    /// A fatal error jumped out of it: clean up, then [`resume_fatal_error`].
    FatalError,
    Panicked(String),
}

/// Calls `body` so that a fatal error of the script (a `longjmp`) ends here. Frames that it jumps over
/// are not unwound: what must be released is owned by objects, not by frames.
pub(super) fn guarded<R>(body: impl FnOnce() -> R) -> Ended<R> {
    match try_catch(AssertUnwindSafe(body)) {
        Ok(result) => Ended::Returned(result),
        Err(CatchError::Panic(what)) => Ended::Panicked(what),
        Err(_) => Ended::FatalError,
    }
}

/// Goes on with a fatal error that [`guarded`] has stopped.
pub(super) fn resume_fatal_error() -> ! {
    // SAFETY: the caller has cleaned up; frames between here and the engine own nothing that matters.
    unsafe { ext_php_rs::zend::bailout() }
}

/// Lets the engine serve what interrupts it: signal handlers of pcntl, the time limit, an exhausted
/// memory limit. It does that after every internal function that it is asked to call, so one is called;
/// with pcntl it is the one that also serves scripts without asynchronous signals.
pub(super) fn serve_interrupts() -> Result<(), Thrown> {
    if !call_function("pcntl_signal_dispatch", &mut [], None) && is_interrupted() {
        call_function("gc_enabled", &mut [], None);
    }
    thrown::pending().map_or(Ok(()), Err)
}

/// Whether the engine wants to serve something.
pub(super) fn is_interrupted() -> bool {
    // SAFETY: a bool that other threads and signal handlers set, atomic or not by PHP version.
    unsafe {
        let flag = &raw const (*ffi::ext_php_rs_executor_globals()).vm_interrupt;
        (*flag.cast::<AtomicBool>()).load(Ordering::SeqCst)
    }
}

/// The Fiber that runs; 0 outside of all.
pub(super) fn current_fiber() -> usize {
    // SAFETY: the executor globals of PHP's thread.
    unsafe { (*ffi::ext_php_rs_executor_globals()).active_fiber.expose_provenance() }
}

/// Whether a Fiber is suspended: neither running, nor waiting for one that it has resumed itself. To be asked of
/// Fibers in which a native frame of ours is: those are not freed before they are unwound.
pub(super) fn is_suspended(fiber: usize) -> Result<bool, Thrown> {
    let fiber = ptr::with_exposed_provenance_mut::<ffi::zend_object>(fiber);
    let name = "issuspended";
    let mut answer = Zval::new();
    // SAFETY: a live Fiber, which begins with its object; a method of it without arguments.
    unsafe {
        zend::zend_call_method(
            fiber,
            (*fiber).ce,
            ptr::null_mut(),
            name.as_ptr().cast(),
            name.len(),
            &raw mut answer,
            0,
            ptr::null_mut(),
            ptr::null_mut(),
        );
    }
    thrown::pending().map_or_else(|| Ok(answer.bool() == Some(true)), Err)
}

/// Calls an internal function by name. False if there is none of that name.
pub(super) fn call_function(name: &str, arguments: &mut [Zval], result: Option<&mut Zval>) -> bool {
    let mut nobody = Zval::new();
    // SAFETY: the table of functions is looked up by name; the arguments are copied.
    unsafe {
        let function = ffi::zend_fetch_function_str(name.as_ptr().cast(), name.len());
        if function.is_null() {
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

/// The name of the server API: "cli", "fpm-fcgi", …
pub(super) fn sapi() -> String {
    // SAFETY: a static string of the SAPI.
    let name = unsafe {
        let name = (*ffi::ext_php_rs_sapi_module()).name;
        if name.is_null() { c"" } else { CStr::from_ptr(name) }
    };
    name.to_string_lossy().into_owned()
}
