//! Independent jobs on all cores, with results that don't depend on how many cores there are.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// Runs `job` for every item and returns the results in the order of the items.
///
/// Each worker thread has a rayon pool of its own with a single thread. Inside a job every parallel sum is then cut
/// in the same way on every machine, and a thread that waits inside Burn can't be handed another job meanwhile.
pub fn map<T: Sync, R: Send + Sync>(items: &[T], workers: usize, job: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let results: Vec<OnceLock<R>> = items.iter().map(|_| OnceLock::new()).collect();
    let work = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(index) else { break };
            let _ = results[index].set(job(item));
        }
    };
    thread::scope(|scope| {
        for _ in 0..workers.min(items.len()) {
            scope.spawn(|| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread can be started");
                pool.install(work)
            });
        }
    });
    results.into_iter().map(|result| result.into_inner().expect("every job has run")).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn results_keep_the_order_of_the_items() {
        let items: Vec<u64> = (0..100).collect();
        let squares: Vec<u64> = items.iter().map(|item| item * item).collect();
        assert_eq!(super::map(&items, 3, |item| item * item), squares);
        assert!(super::map(&[] as &[u64], 3, |item| *item).is_empty());
    }

    #[test]
    fn a_job_sees_one_rayon_thread() {
        assert_eq!(super::map(&[()], 1, |_| rayon::current_num_threads()), [1]);
    }
}
