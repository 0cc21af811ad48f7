//! Settings of the system's allocator. When the first server of a process starts, it is told to keep freed memory for
//! the next messages; after much memory was freed at once and no messages follow, it is told to give that back.

#![allow(unsafe_code)] // A setting of the C library.

/// Has the C library keep memory that was freed at the end of its heap for the next message, instead of giving it
/// back to the kernel and asking for it again: for a message of 64 KiB those page faults cost as much as everything
/// else.
///
/// glibc's defaults are 128 KiB for both, which suits programs that do not receive. Other allocators keep large
/// blocks by themselves.
pub(crate) fn keep_large_blocks() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        static ONCE: std::sync::Once = std::sync::Once::new();
        ONCE.call_once(|| {
            if is_set_by_operator() {
                return;
            }
            // SAFETY: sets two numbers, under the allocator's own lock.
            unsafe {
                libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE);
                libc::mallopt(libc::M_TRIM_THRESHOLD, KEPT);
            }
        });
    }
}

/// Gives empty pages back to the kernel, wherever in the heaps of all threads they lie. Takes about a millisecond for
/// 20 MiB, during which other threads that allocate may have to wait.
///
/// By itself the allocator gives back only the end of each heap, and the memory of a few remaining clients is
/// everywhere.
pub(super) fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    if !is_set_by_operator() {
        // SAFETY: touches free memory only, under the allocator's own locks.
        unsafe { libc::malloc_trim(KEPT as libc::size_t) };
    }
}

/// An operator's own setting is better.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn is_set_by_operator() -> bool {
    OPERATORS.iter().any(|name| std::env::var_os(name).is_some())
}

/// With these an operator sets the same, or other, things.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const OPERATORS: [&str; 3] = ["MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES"];
/// From here on a block is the kernel's business all the same.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGE: libc::c_int = 4 << 20;
/// Bytes that may stay unused at the end of the heap.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const KEPT: libc::c_int = 16 << 20;
