//! A counting semaphore: one compare-and-swap while there is room, first come first served when there is none.
//!
//! The word `state` holds the permits that are out and, in its lowest bit, whether anyone waits. That bit changes
//! under the queue's lock only, and while it is set every permit is out: one that is returned then goes straight to
//! the front of the queue without ever being free, so that nobody overtakes.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{
            AtomicUsize,
            Ordering::{AcqRel, Acquire, Relaxed},
        },
    },
    task::{Context, Poll, Waker},
};

const SOMEONE_WAITS: usize = 1;
const PERMIT: usize = 2;

#[derive(Debug)]
pub(super) struct Semaphore {
    max: usize,
    state: AtomicUsize,
    queue: Mutex<Queue>,
}

/// Those who wait, in the order of their numbers. Who has left the queue unasked has been given a permit.
#[derive(Debug, Default)]
struct Queue {
    waiters: VecDeque<(u64, Waker)>,
    next: u64,
}

impl Semaphore {
    /// A semaphore for `max` permits; more than the state can count is as good as no limit.
    pub(super) fn new(max: usize) -> Arc<Self> {
        let max = max.min(usize::MAX / PERMIT);
        Arc::new(Self {
            max,
            state: AtomicUsize::new(0),
            queue: Mutex::default(),
        })
    }

    pub(super) fn max(&self) -> usize {
        self.max
    }

    pub(super) fn in_flight(&self) -> usize {
        self.state.load(Relaxed) / PERMIT
    }

    /// A permit, if there is room; who asks so does not wait.
    pub(super) fn try_permit(self: &Arc<Self>) -> Option<Permit> {
        self.try_take().then(|| Permit(self.clone()))
    }

    /// Takes a permit if there is room.
    fn try_take(&self) -> bool {
        let take = |state| self.has_room(state).then_some(state + PERMIT);
        self.state.fetch_update(Acquire, Relaxed, take).is_ok()
    }

    /// With the queue locked: takes a permit, or has everyone who returns one look at the queue. Room that appears
    /// in between is not missed, as both outcomes are decided by the same swap.
    fn take_or_announce(&self) -> bool {
        let decide = |state| {
            Some(if self.has_room(state) {
                state + PERMIT
            } else {
                state | SOMEONE_WAITS
            })
        };
        let before = self.state.fetch_update(AcqRel, Acquire, decide);
        before.is_ok_and(|state| self.has_room(state))
    }

    fn has_room(&self, state: usize) -> bool {
        state / PERMIT < self.max
    }

    fn take_or_queue(&self, waker: &Waker) -> Stage {
        if self.try_take() {
            return Stage::Held;
        }
        let mut queue = self.queue();
        if self.take_or_announce() {
            Stage::Held
        } else {
            Stage::Queued(queue.push(waker.clone()))
        }
    }

    /// Whether the permit for this number has been handed over; if not, wakes this waker from now on.
    fn check(&self, number: u64, waker: &Waker) -> Stage {
        let mut queue = self.queue();
        let Some(index) = queue.find(number) else {
            return Stage::Held;
        };
        let waiting = &mut queue.waiters[index].1;
        if !waiting.will_wake(waker) {
            let stale = std::mem::replace(waiting, waker.clone());
            // A waker's drop may run anything, even ours: never under the lock.
            drop(queue);
            drop(stale);
        }
        Stage::Queued(number)
    }

    /// Gives up a place; a permit that has been handed over meanwhile goes to the next in line.
    fn leave(&self, number: u64) {
        let mut queue = self.queue();
        let Some(index) = queue.find(number) else {
            drop(queue);
            return self.release();
        };
        let removed = queue.waiters.remove(index);
        self.retract_if_empty(&queue);
        drop(queue);
        drop(removed);
    }

    /// Gives a permit back, or to whoever waits longest.
    fn release(&self) {
        let freed = self.state.fetch_update(AcqRel, Acquire, |state| {
            (state & SOMEONE_WAITS == 0).then(|| state - PERMIT)
        });
        if freed.is_err() {
            self.hand_over();
        }
    }

    fn hand_over(&self) {
        let mut queue = self.queue();
        let Some((_, waker)) = queue.waiters.pop_front() else {
            // The last waiter left, and took the bit with it, before we got the lock.
            self.state.fetch_sub(PERMIT, AcqRel);
            return;
        };
        self.retract_if_empty(&queue);
        drop(queue);
        waker.wake();
    }

    /// With the queue locked: lets arrivals take permits again once nobody waits.
    fn retract_if_empty(&self, queue: &Queue) {
        if queue.waiters.is_empty() {
            self.state.fetch_and(!SOMEONE_WAITS, AcqRel);
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // Nothing panics while the lock is held, save for a waker's clone; the queue is whole even then.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn push(&mut self, waker: Waker) -> u64 {
        let number = self.next;
        self.next += 1;
        self.waiters.push_back((number, waker));
        number
    }

    fn find(&self, number: u64) -> Option<usize> {
        self.waiters
            .binary_search_by_key(&number, |(number, _)| *number)
            .ok()
    }
}

/// The right to be in flight; given back on drop.
#[derive(Debug)]
pub(super) struct Permit(Arc<Semaphore>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.release();
    }
}

/// One party's way to a permit. Dropping it leaves the queue, or gives back what was not spent.
#[derive(Debug)]
pub(super) struct Claim {
    semaphore: Arc<Semaphore>,
    stage: Stage,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    Idle,
    Queued(u64),
    Held,
}

impl Claim {
    pub(super) fn new(semaphore: Arc<Semaphore>) -> Self {
        Self {
            semaphore,
            stage: Stage::Idle,
        }
    }

    /// Ready once a permit is held; until then a place in the queue is kept and the task will be woken.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.stage = match self.stage {
            // Idle -> Held | Queued
            Stage::Idle => self.semaphore.take_or_queue(cx.waker()),
            // Queued -> Held | Queued
            Stage::Queued(number) => self.semaphore.check(number, cx.waker()),
            Stage::Held => Stage::Held,
        };
        match self.stage {
            Stage::Held => Poll::Ready(()),
            Stage::Idle | Stage::Queued(_) => Poll::Pending,
        }
    }

    /// The permit, if one is held.
    pub(super) fn spend(&mut self) -> Option<Permit> {
        if !matches!(self.stage, Stage::Held) {
            return None;
        }
        self.stage = Stage::Idle;
        Some(Permit(self.semaphore.clone()))
    }

    /// Back to the start: out of the queue, without a permit.
    pub(super) fn abandon(&mut self) {
        match std::mem::replace(&mut self.stage, Stage::Idle) {
            Stage::Idle => {}
            Stage::Queued(number) => self.semaphore.leave(number),
            Stage::Held => self.semaphore.release(),
        }
    }
}

impl Clone for Claim {
    /// A clone starts with neither a permit nor a place.
    fn clone(&self) -> Self {
        Self::new(self.semaphore.clone())
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.abandon();
    }
}
