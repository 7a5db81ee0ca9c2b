//! Memory that keeps nothing: what this process frees is wiped, and nobody may look at what it holds.
//!
//! Passwords and files with keys pass through buffers that belong to libraries (HTTP, forms, TLS,
//! parsers) and are no type of ours. So the allocator wipes every block before it gives it back; what a
//! type of ours holds is wiped by the type itself, as before. The C library for cryptography wipes its own.
//!
//! A process that serves is not *dumpable*: no core is written, no other process of the same user may
//! attach to it or read its memory. Root may, on every Unix.

#![allow(unsafe_code, reason = "an allocator is unsafe by its trait; each block says why it is sound")]

use crate::failure::Failure;
use fedatario_base::Code;
use mimalloc::MiMalloc;
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use std::alloc::{GlobalAlloc, Layout};

/// An allocator for many threads and small blocks, which gives nothing back unwiped. (The C library's takes
/// a twelfth of a signature's processor time.)
struct Wiping;

static BLOCKS: MiMalloc = MiMalloc;

#[global_allocator]
static WIPING: Wiping = Wiping;

// SAFETY: every block comes from `BLOCKS` and goes back to it with the layout it was asked for with;
// what is written before is inside the block, which nobody else may use any more.
unsafe impl GlobalAlloc for Wiping {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are those that `BLOCKS` asks for.
        unsafe { BLOCKS.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        unsafe { BLOCKS.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the block is `layout.size()` bytes long and the caller gives it up.
        unsafe {
            wipe(block, layout.size());
            BLOCKS.dealloc(block, layout);
        }
    }

    /// Never in place: it would leave the old block as it is when it moves it.
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller promises that `size`, rounded up to the alignment, is no overflow.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        // SAFETY: the new block does not overlap the old one; as many bytes are copied as both have; the
        // old one is given up only when there is a new one.
        unsafe {
            let fresh = BLOCKS.alloc(wanted);
            if !fresh.is_null() {
                std::ptr::copy_nonoverlapping(block, fresh, layout.size().min(size));
                self.dealloc(block, layout);
            }
            fresh
        }
    }
}

/// Zeros that the compiler may not leave out although nobody reads them.
///
/// # Safety
/// `block` is valid for writes of `bytes` bytes.
unsafe fn wipe(block: *mut u8, bytes: usize) {
    // SAFETY: by the caller's promise.
    unsafe { std::ptr::write_bytes(block, 0, bytes) };
    // SAFETY: the empty instruction does nothing; to the compiler it may read the block.
    unsafe { std::arch::asm!("/* {0} */", in(reg) block, options(nostack, preserves_flags)) };
}

/// Closes this process to the looks of others: no core, no attaching. For whatever serves.
pub fn close() -> Result<(), Failure> {
    let failed = |what: &str, error: rustix::io::Errno| Failure::new(Code::ConfigInvalid, format!("{what}: {error}"));
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }).map_err(|error| failed("core limit", error))?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(|error| failed("PR_SET_DUMPABLE", error))
}
