//! Streams made of descriptors.

#![allow(unsafe_code)] // A stream is made, and looked at, through the engine's structures.

use std::{
    ffi::c_int,
    io,
    os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd},
    ptr,
};

use ext_php_rs::{ffi, types::Zval};
use nix::fcntl::{FcntlArg, fcntl};

use super::externs;

/// A stream for reading that owns the descriptor; `None` if the engine makes none.
///
/// Not by `fopen('php://fd/…')`: a script can be without that function, or without that wrapper, and children would
/// inherit the descriptor.
pub(in crate::php) fn of(descriptor: OwnedFd) -> io::Result<Option<Zval>> {
    let descriptor = above_the_standard_ones(descriptor)?;
    let number = descriptor.as_raw_fd();
    let mut value = Zval::new();
    // SAFETY: an open descriptor, which belongs to the stream if there is one. The zval takes the one reference that
    // a new stream's resource has, as `php_stream_to_zval` does.
    unsafe {
        let stream = externs::_php_stream_fopen_from_fd(number, c"r".as_ptr(), ptr::null(), 0, 0, 0, 0, 0, 0);
        let Some(stream) = stream.as_mut() else { return Ok(None) };
        let _ = descriptor.into_raw_fd();
        value.value.res = stream.res;
        value.u1.type_info = ffi::IS_RESOURCE | COUNTED;
        stream.set___exposed(1);
    }
    Ok(Some(value))
}

/// True for a stream, or another resource, that is open.
pub(in crate::php) fn is_open(value: &Zval) -> bool {
    // SAFETY: its type says that it holds a resource.
    value.is_resource() && unsafe { (*value.value.res).type_ != CLOSED }
}

/// Where a script has closed its standard input, output or error, the next descriptor takes its number, and then it
/// would be written to.
fn above_the_standard_ones(descriptor: OwnedFd) -> io::Result<OwnedFd> {
    if descriptor.as_raw_fd() > STANDARD_ERROR {
        return Ok(descriptor);
    }
    let number = fcntl(&descriptor, FcntlArg::F_DUPFD_CLOEXEC(STANDARD_ERROR + 1))?;
    // SAFETY: a descriptor that was just made, and that nobody else knows.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

const STANDARD_ERROR: c_int = 2;
/// Zend/zend_types.h: the type of a value that counts references.
const COUNTED: u32 = 1 << 8;
/// The type of a resource that was closed.
const CLOSED: c_int = -1;
