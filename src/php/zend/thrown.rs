//! Exceptions: throwing them, and dealing with those that a callback threw.

#![allow(unsafe_code)] // The engine's exception functions and its `EG(exception)`.

use std::{ffi::CString, ptr};

use ext_php_rs::{
    ffi::{self, zend_class_entry, zend_object},
    types::Zval,
};

use super::{externs, uncaught};

/// A PHP exception is pending: leave, and let it propagate.
///
/// The only way to come by one is to have thrown, so `Err(Thrown)` cannot be forgotten nor made up.
#[derive(Debug)]
pub(in crate::php) struct Thrown(());

/// The outcome of a call into PHP.
#[derive(Debug)]
pub(in crate::php) enum Outcome {
    /// It returned.
    Done,
    /// It threw; the exception is taken and no longer pending.
    Threw(Zval),
    /// It is leaving the script (`exit()`, a Fiber being destroyed): nobody may catch that.
    Leaving(Thrown),
}

/// The engine's places that are looked at around each call, so that it is asked for them once.
#[derive(Clone, Copy)]
pub(in crate::php) struct State(*const ffi::_zend_executor_globals);

impl State {
    pub(in crate::php) fn current() -> Self {
        // SAFETY: PHP's thread, while a request runs: its executor globals exist, and stay where they are.
        Self(unsafe { ffi::ext_php_rs_executor_globals() })
    }

    /// True if a Fiber runs.
    pub(in crate::php) fn is_in_fiber(self) -> bool {
        // SAFETY: as in `current`.
        unsafe { !(*self.0).active_fiber.is_null() }
    }

    /// True if something is pending.
    pub(in crate::php) fn is_pending(self) -> bool {
        // SAFETY: as above.
        unsafe { !(*self.0).exception.is_null() }
    }
}

/// The classes that can be thrown.
#[derive(Debug, Clone, Copy)]
pub(in crate::php) enum ExceptionKind {
    Error,
    Type,
    Value,
    Configuration,
    Bind,
    State,
    InvalidQuery,
    InvalidArgument,
    Forbidden,
}

/// Throws.
pub(in crate::php) fn throw(kind: ExceptionKind, message: &str) -> Thrown {
    let message = c_string(message);
    // SAFETY: the class entries live as long as the module; the message is copied.
    unsafe { ffi::zend_throw_exception(kind.class(), message.as_ptr(), 0) };
    Thrown(())
}

/// Throws a `ValueError` that names the function and the argument, as PHP's own do: `complaint` goes
/// on after "Argument #1 ($code) ".
pub(in crate::php) fn bad_argument(number: u32, complaint: &str) -> Thrown {
    let complaint = c_string(complaint);
    // SAFETY: called from a method of ours, so that a frame is current; the format takes one string.
    unsafe {
        externs::zend_argument_error(ffi::zend_ce_value_error, number, c"%s".as_ptr(), complaint.as_ptr());
    }
    Thrown(())
}

/// A `TypeError` of the same form.
pub(in crate::php) fn bad_type(number: u32, complaint: &str) -> Thrown {
    let complaint = c_string(complaint);
    // SAFETY: as in `bad_argument`.
    unsafe {
        externs::zend_argument_error(ffi::zend_ce_type_error, number, c"%s".as_ptr(), complaint.as_ptr());
    }
    Thrown(())
}

/// True if something is pending.
pub(in crate::php) fn is_pending() -> bool {
    !pending_object().is_null()
}

/// The exception that is pending already, if one is: for calls into the engine that throw.
pub(in crate::php) fn pending() -> Option<Thrown> {
    is_pending().then_some(Thrown(()))
}

/// True if the pending exception leaves the script and cannot be caught.
pub(in crate::php) fn is_leaving() -> bool {
    let exception = pending_object();
    // SAFETY: a pending exception is a live object.
    !exception.is_null()
        && unsafe { externs::zend_is_unwind_exit(exception) || externs::zend_is_graceful_exit(exception) }
}

/// True if the pending exception ends the Fiber that runs, which is being destroyed, and not the script.
pub(in crate::php) fn is_end_of_fiber() -> bool {
    let exception = pending_object();
    // SAFETY: a pending exception is a live object.
    !exception.is_null() && unsafe { externs::zend_is_graceful_exit(exception) }
}

/// True if `exit()` is on its way out of the script.
pub(in crate::php) fn is_exiting() -> bool {
    let exception = pending_object();
    // SAFETY: as in `is_leaving`.
    !exception.is_null() && unsafe { externs::zend_is_unwind_exit(exception) }
}

/// For a call into the engine that said it failed; makes sure that an exception tells why.
pub(in crate::php) fn failed() -> Thrown {
    pending().unwrap_or_else(|| throw(ExceptionKind::Error, "Ferrite: a call into the engine failed"))
}

/// True for an `InvalidArgumentException`, or one of its descendants.
pub(in crate::php) fn is_invalid_argument(exception: &Zval) -> bool {
    // SAFETY: the class entry is written once when the engine starts.
    let class = unsafe { externs::spl_ce_InvalidArgumentException.as_ref() };
    exception.object().zip(class).is_some_and(|(exception, class)| exception.instance_of(class))
}

/// Takes the exception of the last call into PHP.
pub(in crate::php) fn outcome() -> Outcome {
    let exception = pending_object();
    if exception.is_null() {
        return Outcome::Done;
    }
    if is_leaving() {
        return Outcome::Leaving(Thrown(()));
    }
    let mut value = Zval::new();
    // SAFETY: as above; the zval takes a reference of its own before the engine gives up its one.
    unsafe {
        if let Some(exception) = exception.as_mut() {
            value.set_object(exception);
        }
        externs::zend_clear_exception();
    }
    Outcome::Threw(value)
}

/// Shows an exception as a PHP warning of one line, "Uncaught …", and goes on. An error handler of the script that
/// turns the warning into another exception is not heard; one that leaves the script is. The exception may have a
/// destructor that throws the next one, and so on: a few are shown.
pub(in crate::php) fn warn(exception: Zval) -> Result<(), Thrown> {
    let mut next = exception;
    for _ in 0..SHOWN {
        if let Some(object) = next.object() {
            uncaught::show(object);
        }
        match outcome() {
            Outcome::Done => {}
            Outcome::Threw(unheard) => ignore(unheard)?,
            Outcome::Leaving(thrown) => return Err(thrown),
        }
        match release(next) {
            Outcome::Done => return Ok(()),
            Outcome::Threw(error) => next = error,
            Outcome::Leaving(thrown) => return Err(thrown),
        }
    }
    ignore(next)
}

/// Releases a value; returns the exception of its destructor, or that the destructor leaves the script. Nothing may
/// be pending.
pub(in crate::php) fn release<T>(value: T) -> Outcome {
    drop(value);
    outcome()
}

/// Releases a value while something else may be pending, which stays so: destructors run without it, and their
/// exceptions are shown as warnings. Only one that leaves the script takes the place of an exception.
///
/// Where code of the script is the current frame, the engine remembers instructions beside the exception, and its own
/// way is taken.
pub(in crate::php) fn release_aside<T>(value: T) {
    if !is_in_method() {
        return drop(value);
    }
    let before = set_aside();
    let left = match release(value) {
        Outcome::Done => Ok(()),
        Outcome::Threw(error) => warn(error),
        Outcome::Leaving(thrown) => Err(thrown),
    };
    put_back(before, left.is_err());
}

/// Releases a value, which by itself is the engine's matter, unless the script is being left: then the exception of a
/// destructor must not take the place of that.
pub(in crate::php) fn release_within<T>(value: T) {
    if is_leaving() { release_aside(value) } else { drop(value) }
}

/// True if the innermost frame is that of a native method, or another function of the engine.
fn is_in_method() -> bool {
    // SAFETY: PHP's thread, while a request runs; the current frame and its function are live.
    unsafe {
        let frame = (*ffi::ext_php_rs_executor_globals()).current_execute_data.as_ref();
        frame
            .and_then(|frame| frame.func.as_ref())
            .is_some_and(|function| u32::from(function.type_) == ffi::ZEND_INTERNAL_FUNCTION)
    }
}

/// Makes nothing pending; returns the exception that was.
fn set_aside() -> *mut zend_object {
    // SAFETY: PHP's thread, while a request runs. The reference that the engine counts is now the caller's.
    unsafe { std::mem::replace(&mut (*ffi::ext_php_rs_executor_globals()).exception, ptr::null_mut()) }
}

/// Makes the exception that was [`set_aside`] pending again, unless something else leaves the script meanwhile.
fn put_back(before: *mut zend_object, is_left: bool) {
    // SAFETY: as in `set_aside`: the reference is the engine's again, or given up.
    unsafe {
        if !is_left {
            (*ffi::ext_php_rs_executor_globals()).exception = before;
        } else if !before.is_null() {
            ffi::ext_php_rs_zend_object_release(before);
        }
    }
}

/// Lets go of an exception that nobody hears of, and of those that its end throws. Of a chain without an end the rest
/// stays in memory.
fn ignore(exception: Zval) -> Result<(), Thrown> {
    let mut next = exception;
    for _ in 0..SHOWN {
        match release(next) {
            Outcome::Done => return Ok(()),
            Outcome::Threw(error) => next = error,
            Outcome::Leaving(thrown) => return Err(thrown),
        }
    }
    std::mem::forget(next);
    Ok(())
}

impl ExceptionKind {
    fn class(self) -> *mut zend_class_entry {
        match self {
            // SAFETY: written once when the engine starts.
            Self::Error => unsafe { ffi::zend_ce_error },
            // SAFETY: as above.
            Self::Type => unsafe { ffi::zend_ce_type_error },
            // SAFETY: as above.
            Self::Value => unsafe { ffi::zend_ce_value_error },
            // SAFETY: as above.
            Self::InvalidArgument => unsafe { externs::spl_ce_InvalidArgumentException },
            Self::Configuration => super::exceptions::CONFIGURATION.entry(),
            Self::Bind => super::exceptions::BIND.entry(),
            Self::State => super::exceptions::STATE.entry(),
            Self::InvalidQuery => super::exceptions::INVALID_QUERY.entry(),
            Self::Forbidden => super::exceptions::FORBIDDEN.entry(),
        }
    }
}

fn pending_object() -> *mut zend_object {
    // SAFETY: PHP's thread, while a request runs: its executor globals exist.
    unsafe { (*ffi::ext_php_rs_executor_globals()).exception }
}

/// PHP messages end at a NUL; ours never mean one.
fn c_string(message: &str) -> CString {
    CString::new(message.replace('\0', "\\0")).unwrap_or_default()
}

/// Number of exceptions shown, of which each is thrown by the end of the one before.
const SHOWN: usize = 8;
