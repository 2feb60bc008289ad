//! The allocator of the program: the system's, counted while somebody wants to know.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicIsize, Ordering::Relaxed};

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Whether sizes are counted: threads would otherwise wait for each other's counters.
static WANTED: AtomicBool = AtomicBool::new(false);
/// What was allocated since counting began, less what was freed.
static LIVE: AtomicIsize = AtomicIsize::new(0);
static PEAK: AtomicIsize = AtomicIsize::new(0);

fn count(change: isize) {
    if WANTED.load(Relaxed) {
        PEAK.fetch_max(LIVE.fetch_add(change, Relaxed) + change, Relaxed);
    }
}

// SAFETY: every call goes to the system's allocator unchanged; only sizes are counted beside it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        unsafe { System.alloc(layout) }
    }

    // The system has zeros at no cost, where they are many.
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size as isize - layout.size() as isize);
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// Counts what the whole process allocates meanwhile, for [`mark`] and [`peak_since`].
pub fn counted<T>(run: impl FnOnce() -> T) -> T {
    WANTED.store(true, Relaxed);
    let result = run();
    WANTED.store(false, Relaxed);
    result
}

/// What is allocated now; [`peak_since`] counts from here.
pub fn mark() -> isize {
    let live = LIVE.load(Relaxed);
    PEAK.store(live, Relaxed);
    live
}

/// The most bytes that were allocated at once beyond those at the mark; 0 where nobody counts.
pub fn peak_since(mark: isize) -> usize {
    PEAK.load(Relaxed).saturating_sub(mark).max(0) as usize
}
