//! How much of it: tests that can run for long do so when the environment says so.

/// The number in this variable of the environment, or else what every run has time for.
pub(crate) fn setting(name: &str, otherwise: u64) -> u64 {
    let number = std::env::var(name).ok();
    number.map_or(otherwise, |number| {
        number.parse().unwrap_or_else(|error| panic!("{name}: {error}"))
    })
}
