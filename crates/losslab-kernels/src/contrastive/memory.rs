//! The place of the tiles that are kept, itself kept from call to call: a training step would otherwise have the system
//! clear all of its pages anew, which costs as much as a tenth of the matrix products.

use std::sync::Mutex;

static KEPT: Mutex<Vec<f32>> = Mutex::new(Vec::new());

fn kept() -> std::sync::MutexGuard<'static, Vec<f32>> {
    KEPT.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// A place of some length with any content: the one of the last call where that is long enough and free.
pub(super) fn take(length: usize) -> Vec<f32> {
    let mut place = std::mem::take(&mut *kept());
    if place.len() < length {
        // Zeros that nobody writes take no memory yet.
        place = vec![0.0; length];
    }
    place
}

/// Leaves a place to the next call.
pub(super) fn leave(place: Vec<f32>) {
    let mut kept = kept();
    if place.len() > kept.len() {
        *kept = place;
    }
}

/// Gives back the memory that the contrastive losses hold between calls, their tiles.
pub fn release_memory() {
    *kept() = Vec::new();
}
