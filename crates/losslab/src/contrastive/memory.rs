//! How much memory the contrastive kernels may take.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

static MEMORY: AtomicUsize = AtomicUsize::new(losslab_kernels::DEFAULT_MEMORY);

/// Sets how much memory contrastive losses on the CPU take for the tiles of their similarity matrix that they would
/// otherwise compute twice, in bytes, for the whole process. Default: 256 MiB. It changes the time, not the result.
///
/// The memory stays for the next call, until [`release_memory`](super::release_memory).
pub fn set_tile_memory(bytes: usize) {
    MEMORY.store(bytes, Relaxed);
}

pub(super) fn memory() -> usize {
    MEMORY.load(Relaxed)
}
