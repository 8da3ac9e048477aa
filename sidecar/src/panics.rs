//! Panics: each is counted and told in one line.
//!
//! A panic is a fault of ours, and ends no more than the connection or the HTTP/2 stream whose task it happens in:
//! tokio catches it there, and what the task held is given back as it unwinds. Hooks belong to a process, so the count
//! does too, however many sidecars run in it.

use std::{
    any::Any,
    panic::{self, PanicHookInfo},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    thread,
};

static COUNT: AtomicU64 = AtomicU64::new(0);

/// Counts and tells of panics in this process from here on.
///
/// As long as nothing logs, the hook that was there before tells of them.
pub(crate) fn watch() {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        COUNT.fetch_add(1, Relaxed);
        if tracing::dispatcher::has_been_set() {
            tell(info);
        } else {
            before(info);
        }
    }));
}

/// How many there have been.
pub(crate) fn count() -> u64 {
    COUNT.load(Relaxed)
}

fn tell(info: &PanicHookInfo<'_>) {
    let (detail, location) = (sentence(info.payload()), info.location());
    let thread = thread::current();
    tracing::error!(
        detail,
        location = location.map(tracing::field::display),
        thread = thread.name(),
        "a task panicked, which is a fault of ours",
    );
}

/// What `panic!` was given; nothing else panics with anything but text.
fn sentence(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("not told in words")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Telemetry;

    #[test]
    fn a_panic_of_any_thread_is_counted_and_its_metric_is_there_from_the_start() {
        let told = Telemetry::new().render();
        assert!(
            told.contains("# TYPE outrigger_panics_total counter\noutrigger_panics_total "),
            "{told}"
        );
        watch();
        let before = count();
        let panicked = thread::spawn(|| panic!("on purpose")).join();
        assert_eq!(sentence(&*panicked.unwrap_err()), "on purpose");
        assert!(count() > before);
    }

    #[test]
    fn what_was_formatted_is_told_too() {
        let payload: Box<dyn Any + Send> = Box::new(String::from("expected 1, got 2"));
        assert_eq!(sentence(&*payload), "expected 1, got 2");
        assert_eq!(sentence(&7_u8), "not told in words");
    }
}
