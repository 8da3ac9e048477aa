//! What will happen, in order: a heap of small values, no allocation for an event.

use std::{cmp::Ordering, collections::BinaryHeap};

/// A time of the simulation, in nanoseconds.
pub(crate) type Time = u64;

/// One second.
pub(crate) const SECOND: f64 = 1e9;

/// Seconds as a time.
pub(crate) fn at(seconds: f64) -> Time {
    (seconds * SECOND) as Time
}

/// A call in the slab, and which of its attempts is meant: an event for an earlier one is void.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    pub(crate) index: u32,
    pub(crate) token: u32,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    Served,
    Refused,
    Reset,
    TimedOut,
    /// 503 and nothing else.
    Unavailable,
    /// 503 and a whole number of seconds.
    Shed(u8),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Event {
    /// Somebody calls.
    Fresh,
    /// The server is done with the first of its queue, if this is still the same process.
    Done {
        epoch: u32,
    },
    /// An answer reaches a client, or the end of its patience.
    Answered(Call, Answer),
    /// A client makes its next attempt.
    Repeat(Call),
    /// A call is handed to its client.
    Submit {
        index: u32,
    },
    Probe,
    Down,
    Up,
}

#[derive(Debug)]
struct Entry {
    time: Time,
    number: u64,
    event: Event,
}

/// Events by time; those of the same time in the order in which they were planned.
#[derive(Debug, Default)]
pub(crate) struct Events {
    heap: BinaryHeap<Entry>,
    planned: u64,
}

impl Events {
    pub(crate) fn plan(&mut self, time: Time, event: Event) {
        self.planned += 1;
        self.heap.push(Entry {
            time,
            number: self.planned,
            event,
        });
    }

    pub(crate) fn next(&mut self) -> Option<(Time, Event)> {
        self.heap.pop().map(|entry| (entry.time, entry.event))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.time, other.number).cmp(&(self.time, self.number))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Entry {}
