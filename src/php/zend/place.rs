//! The place in the script at which a worker is stuck, shown to the front when it asks with a signal.
//!
//! The handler runs in the middle of any code of the engine, so it only reads: the engine's two functions follow the
//! chain of call frames and allocate nothing. It writes into memory that was prepared before.

#![allow(unsafe_code)] // A signal handler reads the engine's frames and writes to prepared memory.

use std::{
    ffi::{CStr, c_int},
    ptr,
    sync::atomic::{AtomicPtr, Ordering},
};

use super::externs::{zend_get_executed_filename, zend_get_executed_lineno};
use crate::ring::Note;

/// Answers the signal from here on, for as long as the process lives.
pub(in crate::php) fn show_to_front(note: Note) {
    let note = Box::leak(Box::new(note));
    NOTE.store(note, Ordering::Release);
    // SAFETY: the handler makes no call that is not allowed in one.
    unsafe { libc::signal(Note::SIGNAL, on_signal as *const () as libc::sighandler_t) };
}

extern "C" fn on_signal(_: c_int) {
    // SAFETY: the note was leaked, so it lives; null before the handler was set.
    let Some(note) = (unsafe { NOTE.load(Ordering::Acquire).as_ref() }) else { return };
    // SAFETY: a worker has one thread, PHP's, which is here: its chain of frames does not change meanwhile. The name is
    // the engine's, with a NUL at its end, and lives as long as its function.
    let (file, line) = unsafe {
        let file = zend_get_executed_filename();
        let file = if file.is_null() { c"" } else { CStr::from_ptr(file) };
        (file, zend_get_executed_lineno())
    };
    note.write(file.to_bytes(), line);
}

/// The memory that the front reads.
static NOTE: AtomicPtr<Note> = AtomicPtr::new(ptr::null_mut());
