//! What the system's allocator is asked for, once, when the first server of a process starts.

#![allow(unsafe_code)] // A setting of the C library.

/// Has the C library keep what was freed for the next message, up to a bound, instead of giving it
/// back to the kernel and asking for it again: for a message of 64 KiB the page faults of that cost
/// as much as everything else about it.
///
/// glibc's defaults are 128 KiB for both, which suits programs that do not receive. Elsewhere the
/// allocator keeps large blocks by itself.
pub(super) fn keep_large_blocks() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        static ONCE: std::sync::Once = std::sync::Once::new();
        ONCE.call_once(|| {
            // SAFETY: sets two numbers, under the allocator's own lock.
            unsafe {
                libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE);
                libc::mallopt(libc::M_TRIM_THRESHOLD, KEPT);
            }
        });
    }
}

/// From here on a block is the kernel's business all the same.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGE: libc::c_int = 4 << 20;
/// What may stay unused at the end of the heap.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const KEPT: libc::c_int = 16 << 20;
