//! What the app says on which path.

use std::time::Duration;

/// What a healthy app says at `/`.
pub(in crate::demo) const HELLO: &str = "hello from the app\n";
/// The app's own 502.
pub(in crate::demo) const OWN_502: &str = "the app asked its database and got nothing\n";
/// The app's own 503.
pub(in crate::demo) const OWN_503: &str = "the app is closed for stocktaking\n";
/// And when to come back, in seconds: no figure that a sidecar would choose.
pub(in crate::demo) const OWN_RETRY_AFTER: &str = "1234";
/// How long the body would be that the app crashes in, in bytes.
pub(in crate::demo) const CRASH_LENGTH: usize = 1000;
/// How much of it is sent before.
pub(in crate::demo) const CRASH_SENT: usize = 400;
/// How long the app stays away that is killed with a request.
pub(in crate::demo) const DEAD_FOR: Duration = Duration::from_secs(10);
/// How long it takes over an answer at `/slow`.
pub(super) const BUSY: Duration = Duration::from_secs(10);
/// What is served in plain words.
pub(super) const MENU: &str = "there are / /crash /hang /garbage /502 /503 /slow /kill\n";
/// What the app says before it dies.
pub(super) const CLOSED: &str = "the app dies now, and is back in 10 s\n";

/// What the app does about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Answers, whole.
    Whole {
        status: &'static str,
        retry_after: Option<&'static str>,
        body: &'static str,
    },
    /// Begins to answer and breaks off.
    Crash,
    /// Says nothing, for as long as the caller waits.
    Hang,
    /// Says what is no HTTP.
    Garbage,
    /// Answers at once, and takes its time to finish.
    Slow,
    /// Answers, and dies for a while.
    Kill,
}

impl Answer {
    pub(super) fn to(path: &str) -> Self {
        let whole = |status, body| Self::Whole {
            status,
            retry_after: None,
            body,
        };
        match path {
            "/" => whole("200 OK", HELLO),
            "/502" => whole("502 Bad Gateway", OWN_502),
            "/503" => Self::Whole {
                status: "503 Service Unavailable",
                retry_after: Some(OWN_RETRY_AFTER),
                body: OWN_503,
            },
            "/crash" => Self::Crash,
            "/hang" => Self::Hang,
            "/garbage" => Self::Garbage,
            "/slow" => Self::Slow,
            "/kill" => Self::Kill,
            _ => whole("404 Not Found", MENU),
        }
    }
}
