//! Those who wait, and who of them is next.
//!
//! One of them stands in front: it alone asks for the place, and keeps asking until it has it or leaves. So whatever has
//! the places, fair or not, is asked by one at a time, and the order of the others is decided here: by priority, then
//! oldest first, or newest first while the line [stands](super::standing). Who is in front is left there, so that a place
//! that becomes free always finds someone.
//!
//! Pure: time is since an epoch of the caller's choice. `T` is whatever reaches someone who waits; those that a call
//! adds to `told` are to look where they are now.

use std::{array, collections::VecDeque, mem, time::Duration};

use super::standing::Standing;
use crate::priority::Priority;

#[derive(Debug)]
pub(super) struct Line<T> {
    capacity: usize,
    /// Whether it may be said to stand.
    shortened: bool,
    standing: Standing,
    patience: Duration,
    front: Option<Waiter<T>>,
    /// By priority, the least first; in each of them the oldest first.
    others: [VecDeque<Waiter<T>>; Priority::ALL.len()],
    next: u64,
}

/// One who waits.
#[derive(Debug)]
struct Waiter<T> {
    number: u64,
    joined: Duration,
    deadline: Option<Duration>,
    reach: T,
}

/// One who wants to wait.
#[derive(Debug)]
pub(super) struct Newcomer<T> {
    pub(super) priority: Priority,
    /// When it is of no use any more.
    pub(super) deadline: Option<Duration>,
    pub(super) reach: T,
}

/// Where someone is in the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Position {
    /// To ask for the place, until then at the longest.
    Front(Duration),
    /// To wait, until then at the longest.
    Behind(Duration),
    /// It waited too long, or made room for another.
    Out,
}

impl<T: Clone> Line<T> {
    /// A line for `capacity`, of whom each may wait for `patience`, or shorter while it stands, if it may be `shortened`.
    pub(super) fn new(capacity: usize, patience: Duration, shortened: bool) -> Self {
        Self {
            capacity,
            shortened,
            standing: Standing::new(patience),
            patience,
            front: None,
            others: array::from_fn(|_| VecDeque::new()),
            next: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.others.iter().map(VecDeque::len).sum::<usize>() + usize::from(self.front.is_some())
    }

    /// A number in the line, unless it is full of those who matter as much.
    pub(super) fn join(&mut self, now: Duration, newcomer: Newcomer<T>, told: &mut Vec<T>) -> Option<u64> {
        self.dismiss(now, told);
        let rank = newcomer.priority as usize;
        if self.len() >= self.capacity {
            told.push(self.make_room(now, rank)?.reach);
        }
        let waiter = Waiter {
            number: self.next,
            joined: now,
            deadline: newcomer.deadline,
            reach: newcomer.reach,
        };
        self.next += 1;
        let number = waiter.number;
        match self.front {
            None => self.front = Some(waiter),
            Some(_) => self.others[rank].push_back(waiter),
        }
        Some(number)
    }

    /// Where this one is.
    pub(super) fn position(&mut self, now: Duration, number: u64) -> Position {
        if let Some(front) = self.front.as_ref().filter(|front| front.number == number) {
            return Position::Front(front.joined.saturating_add(self.patience));
        }
        let limit = self.limit(now);
        match self.find(number) {
            Some((rank, index)) => Position::Behind(self.others[rank][index].joined.saturating_add(limit)),
            None => Position::Out,
        }
    }

    /// Who is in front has the place.
    pub(super) fn placed(&mut self, now: Duration, told: &mut Vec<T>) -> Option<T> {
        let front = self.front.take()?;
        self.standing.waited(now, now.saturating_sub(front.joined));
        self.advance(now, told);
        Some(front.reach)
    }

    /// This one leaves: because it waited too long, or for reasons of its own.
    pub(super) fn leave(
        &mut self,
        now: Duration,
        number: u64,
        too_late: bool,
        told: &mut Vec<T>,
    ) -> Option<T> {
        let in_front = self.front.take_if(|front| front.number == number);
        let was_in_front = in_front.is_some();
        let left = in_front.or_else(|| {
            let (rank, index) = self.find(number)?;
            self.others[rank].remove(index)
        })?;
        if too_late {
            self.standing.waited(now, now.saturating_sub(left.joined));
        }
        if was_in_front {
            self.advance(now, told);
        }
        Some(left.reach)
    }

    /// Reaches this one otherwise from now on; returns how until now.
    pub(super) fn reach(&mut self, number: u64, reach: T) -> Option<T> {
        let waiter = match &mut self.front {
            Some(front) if front.number == number => front,
            _ => {
                let (rank, index) = self.find(number)?;
                &mut self.others[rank][index]
            }
        };
        Some(mem::replace(&mut waiter.reach, reach))
    }

    /// One that had waited was answered within `took` of having its place.
    pub(super) fn answered(&mut self, took: Duration) {
        self.standing.answered(took);
    }

    fn stands(&mut self, now: Duration) -> bool {
        self.shortened && self.standing.stands(now)
    }

    fn limit(&mut self, now: Duration) -> Duration {
        match self.shortened {
            true => self.standing.limit(now),
            false => self.patience,
        }
    }

    fn find(&self, number: u64) -> Option<(usize, usize)> {
        let lanes = self.others.iter().enumerate();
        lanes
            .filter_map(|(rank, lane)| {
                let found = lane.binary_search_by_key(&number, |waiter| waiter.number);
                found.ok().map(|index| (rank, index))
            })
            .next()
    }

    /// Sends away those who have waited too long.
    fn dismiss(&mut self, now: Duration, told: &mut Vec<T>) {
        let limit = self.limit(now);
        for lane in &mut self.others {
            let is_late = |waiter: &&Waiter<T>| waiter.joined.saturating_add(limit) <= now;
            let late = lane.iter().take_while(is_late).count();
            for waiter in lane.drain(..late) {
                self.standing.waited(now, now.saturating_sub(waiter.joined));
                told.push(waiter.reach);
            }
        }
    }

    /// Takes out one who matters less than this rank; while the line stands, the oldest of those who matter as much.
    fn make_room(&mut self, now: Duration, rank: usize) -> Option<Waiter<T>> {
        let stands = self.stands(now);
        let lesser = self.others[..rank].iter_mut().find(|lane| !lane.is_empty());
        match (lesser, stands) {
            (Some(lane), false) => lane.pop_back(),
            (Some(lane), true) => lane.pop_front(),
            (None, false) => None,
            (None, true) => self.others[rank].pop_front(),
        }
    }

    /// The next one comes to the front, save for those who have no time left.
    fn advance(&mut self, now: Duration, told: &mut Vec<T>) {
        self.dismiss(now, told);
        while let Some(next) = self.pick(now) {
            told.push(next.reach.clone());
            if next.deadline.is_none_or(|deadline| now < deadline) {
                self.front = Some(next);
                return;
            }
        }
        self.standing.emptied();
    }

    fn pick(&mut self, now: Duration) -> Option<Waiter<T>> {
        let stands = self.stands(now);
        let lane = self.others.iter_mut().rev().find(|lane| !lane.is_empty())?;
        if stands { lane.pop_back() } else { lane.pop_front() }
    }
}

#[cfg(test)]
mod tests;
