//! A piece of memory that two processes share.

#![allow(unsafe_code)] // Mapped memory is raw, and another process may write it.

use std::{
    ffi::CStr,
    io,
    os::fd::{AsFd, OwnedFd},
    ptr::{self, NonNull},
    sync::atomic::{AtomicU64, Ordering},
};

use nix::{
    fcntl::{FcntlArg, SealFlag, fcntl},
    sys::{
        memfd::{MFdFlags, memfd_create},
        stat::fstat,
    },
    unistd::ftruncate,
};

use crate::descriptors::placed;

/// Shared memory, mapped until it is dropped. The bytes may change at any time, so they are only copied in and out;
/// words are atomic.
#[derive(Debug)]
pub(super) struct Segment {
    start: NonNull<u8>,
    length: usize,
    is_writable: bool,
}

// SAFETY: the mapping belongs to no thread, and every access is a copy or atomic.
unsafe impl Send for Segment {}
// SAFETY: as above.
unsafe impl Sync for Segment {}

impl Segment {
    /// Makes a segment of zeros, of `length` bytes for ever: nobody can cut it short, which would end a process that
    /// reads it.
    pub(super) fn create(name: &CStr, length: usize) -> io::Result<(Self, OwnedFd)> {
        let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
        let descriptor = placed(|| Ok(memfd_create(name, flags)?))?;
        ftruncate(&descriptor, i64::try_from(length).map_err(io::Error::other)?)?;
        let segment = Self::map_as(&descriptor, length, true)?;
        fcntl(&descriptor, FcntlArg::F_ADD_SEALS(SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW))?;
        Ok((segment, descriptor))
    }

    /// Maps a segment that another process made. An error if it is shorter than `length`, or could become so.
    pub(super) fn map(descriptor: &OwnedFd, length: usize, writable: bool) -> io::Result<Self> {
        let size = usize::try_from(fstat(descriptor)?.st_size).unwrap_or_default();
        let seals = SealFlag::from_bits_truncate(fcntl(descriptor, FcntlArg::F_GET_SEALS)?);
        if size < length || !seals.contains(SealFlag::F_SEAL_SHRINK) {
            return Err(io::Error::other("shared memory that is too short, or may become so"));
        }
        Self::map_as(descriptor, length, writable)
    }

    /// Lets no process map the segment for writing any more; mappings that exist stay.
    pub(super) fn seal(descriptor: &OwnedFd) -> io::Result<()> {
        let seals = SealFlag::from_bits_retain(libc::F_SEAL_FUTURE_WRITE) | SealFlag::F_SEAL_SEAL;
        fcntl(descriptor, FcntlArg::F_ADD_SEALS(seals))?;
        Ok(())
    }

    fn map_as(descriptor: &OwnedFd, length: usize, is_writable: bool) -> io::Result<Self> {
        use std::os::fd::AsRawFd;
        let access = libc::PROT_READ | if is_writable { libc::PROT_WRITE } else { 0 };
        let descriptor = descriptor.as_fd().as_raw_fd();
        // SAFETY: a new mapping, wherever the system likes, touches no memory that is in use.
        let start = unsafe { libc::mmap(ptr::null_mut(), length, access, libc::MAP_SHARED, descriptor, 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or_else(|| io::Error::other("memory at address 0"))?;
        Ok(Self { start, length, is_writable })
    }

    /// The word at a place, in words from the start. `None` beyond the end.
    #[inline]
    pub(super) fn word(&self, place: usize) -> Option<&AtomicU64> {
        let offset = place.checked_mul(size_of::<AtomicU64>())?;
        (offset + size_of::<AtomicU64>() <= self.length).then(|| {
            // SAFETY: within the mapping, which is page-aligned and lives as long as `self`; all accesses to words are
            // atomic. A store through a read-only mapping would end the process: `Seen…` types only load.
            unsafe { AtomicU64::from_ptr(self.start.as_ptr().add(offset).cast()) }
        })
    }

    /// Sets a word.
    #[inline]
    pub(super) fn store(&self, place: usize, value: u64) {
        if let Some(word) = self.word(place).filter(|_| self.is_writable) {
            word.store(value, Ordering::Release);
        }
    }

    /// A word's value; 0 beyond the end.
    #[inline]
    pub(super) fn load(&self, place: usize) -> u64 {
        self.word(place).map_or(0, |word| word.load(Ordering::Acquire))
    }

    /// Copies bytes out. False beyond the end: then nothing is copied.
    #[inline]
    #[must_use]
    pub(super) fn copy_out(&self, offset: usize, into: &mut [u8]) -> bool {
        if offset.checked_add(into.len()).is_none_or(|end| end > self.length) {
            return false;
        }
        // SAFETY: within the mapping, and `into` is no part of it. The other process may write meanwhile if it breaks the
        // rules; then the copy has other bytes, and any bytes are valid.
        unsafe { ptr::copy_nonoverlapping(self.start.as_ptr().add(offset), into.as_mut_ptr(), into.len()) };
        true
    }

    /// Copies bytes out, behind those in `into`. False beyond the end: then nothing is copied.
    #[inline]
    #[must_use]
    pub(super) fn append_to(&self, offset: usize, length: usize, into: &mut Vec<u8>) -> bool {
        if offset.checked_add(length).is_none_or(|end| end > self.length) {
            return false;
        }
        into.reserve(length);
        let begun = into.len();
        // SAFETY: as in `copy_out`; there is room for so many bytes behind the first `begun`, and then all are written.
        unsafe {
            let to = into.as_mut_ptr().add(begun);
            ptr::copy_nonoverlapping(self.start.as_ptr().add(offset), to, length);
            into.set_len(begun + length);
        }
        true
    }

    /// Copies bytes in. False beyond the end, or if it may not be written: then nothing is copied.
    #[inline]
    #[must_use]
    pub(super) fn copy_in(&self, offset: usize, from: &[u8]) -> bool {
        if !self.is_writable || offset.checked_add(from.len()).is_none_or(|end| end > self.length) {
            return false;
        }
        // SAFETY: within the mapping, which may be written, and `from` is no part of it.
        unsafe { ptr::copy_nonoverlapping(from.as_ptr(), self.start.as_ptr().add(offset), from.len()) };
        true
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        // SAFETY: the mapping is this object's own, and nothing borrows it any more.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.length) };
    }
}
