//! Calls into the engine that may leave an exception pending.

use std::ptr;

use ext_php_rs::{ffi, types::Zval};

use super::{
    engine::{call_function, call_method, fiber_class, is_interrupted},
    thrown::{self, ExceptionKind, Thrown, throw},
};

/// Lets the engine serve interrupts: signal handlers of pcntl, the time limit, an exhausted memory limit. It does
/// that after every internal function that it is asked to call, so one is called; with pcntl it is the one that also
/// serves scripts without asynchronous signals.
pub(in crate::php) fn serve_interrupts() -> Result<(), Thrown> {
    if !call_function("pcntl_signal_dispatch", &mut [], None) && is_interrupted() {
        // Any internal function would do, and no setting takes this one away.
        call_method(ptr::null_mut(), fiber_class(), "getcurrent");
    }
    thrown::pending().map_or(Ok(()), Err)
}

/// True if a Fiber is suspended: neither running, nor waiting for one that it has resumed itself. To be asked of
/// Fibers with a native frame of ours: those are not freed before they are unwound.
pub(in crate::php) fn is_suspended(fiber: usize) -> Result<bool, Thrown> {
    // A Fiber begins with its object.
    let fiber = ptr::with_exposed_provenance_mut::<ffi::zend_object>(fiber);
    let answer = call_method(fiber, fiber_class(), "issuspended");
    thrown::pending().map_or_else(|| Ok(answer.bool() == Some(true)), Err)
}

/// Calls one of PHP's own functions, which has to be there.
pub(in crate::php) fn call_needed(name: &str, arguments: &mut [Zval]) -> Result<Zval, Thrown> {
    let mut result = Zval::new();
    if !call_function(name, arguments, Some(&mut result)) {
        return Err(throw(
            ExceptionKind::State,
            &format!("PHP's function {name}() is needed, and is disabled"),
        ));
    }
    thrown::pending().map_or(Ok(result), Err)
}
