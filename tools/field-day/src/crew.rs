//! Many hands: the same work on each item of a list, as many at once as lines allow, answers in the list's order.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use crate::findings::hold;

/// Does `work` on each item with so many threads.
pub(crate) fn each<T: Sync, R: Send>(hands: u32, items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, R)>> = Mutex::new(Vec::with_capacity(items.len()));
    thread::scope(|scope| {
        for _ in 0..hands.max(1) {
            scope.spawn(|| {
                while let (at, Some(item)) = next_of(&next, items) {
                    let result = work(item);
                    hold(&done).push((at, result));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

fn next_of<'a, T>(next: &AtomicUsize, items: &'a [T]) -> (usize, Option<&'a T>) {
    let at = next.fetch_add(1, Ordering::Relaxed);
    (at, items.get(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_come_in_the_order_of_the_list() {
        let items: Vec<u32> = (0..100).collect();
        assert_eq!(each(7, &items, |item| item * 2), items.iter().map(|item| item * 2).collect::<Vec<_>>());
    }
}
