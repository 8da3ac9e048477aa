//! A row of the tables: what is told of a fault, how soon, and how it is asked for.

/// What the caller gets, and what is counted and logged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    /// Over HTTP; a gRPC caller gets 200 where the answer is ours.
    pub(super) status: u16,
    /// The error type in `Proxy-Status`; empty where the upstream's own answer is passed on.
    pub(super) error: &'static str,
    /// What a gRPC caller gets; `None` where the upstream's own answer is passed on, which has none.
    pub(super) code: Option<u8>,
    /// In the body of the answer, the metric and the access log.
    pub(super) reason: &'static str,
    pub(super) body: Body,
    pub(super) after: After,
    pub(super) asking: Asking,
    /// What the sentence says, among other things.
    pub(super) words: &'static str,
}

/// What the client sees of the response's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// All of it; ours, where the answer is ours.
    Whole,
    /// Part of it, and then that it is broken off.
    Cut,
    /// The same, or a response of ours in its place, whole: it depends on whether the head was sent on by then.
    CutOrOurs,
}

/// What has to pass before it is told. Everything else is set to half a minute, which no test waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// Nothing: it is known at once.
    Nothing,
    /// `timeout.connect`.
    Connect,
    /// `timeout.head`, for gRPC `timeout.stream_idle`.
    Head,
    /// `timeout.idle`, for gRPC `timeout.stream_idle`.
    Idle,
}

/// The request that brings it about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asking {
    /// GET over HTTP, a short message over gRPC.
    Shortly,
    /// POST with a body of this many bytes, over gRPC a message of as many.
    With(usize),
}

/// A failure that the caller is told: a response of ours, whole.
pub(super) const fn told(status: u16, error: &'static str, code: u8, reason: &'static str) -> Told {
    Told {
        status,
        error,
        code: Some(code),
        reason,
        body: Body::Whole,
        after: After::Nothing,
        asking: Asking::Shortly,
        words: "",
    }
}

/// The upstream's own answer, passed on whole.
pub(super) const fn passed(status: u16) -> Told {
    Told {
        code: None,
        ..told(status, "", 0, "upstream_status")
    }
}

/// The upstream's own head, passed on, and then the stream breaks: a cut body is never made to look whole. A gRPC
/// caller gets the code in trailers, where there can still be any.
pub(super) const fn cut(code: u8, reason: &'static str) -> Told {
    Told {
        body: Body::Cut,
        ..told(200, "", code, reason)
    }
}

impl Told {
    /// Or as a failure of the whole, if it was known before anything was sent on.
    pub(super) const fn or_told(self) -> Self {
        Self {
            body: Body::CutOrOurs,
            ..self
        }
    }

    pub(super) const fn after(self, after: After) -> Self {
        Self { after, ..self }
    }

    pub(super) const fn asked_with(self, bytes: usize) -> Self {
        let asking = Asking::With(bytes);
        Self { asking, ..self }
    }

    pub(super) const fn saying(self, words: &'static str) -> Self {
        Self { words, ..self }
    }

    /// The upstream's own answer to a gRPC call, passed on with this code.
    pub(super) const fn with_code(self, code: u8) -> Self {
        Self {
            code: Some(code),
            ..self
        }
    }

    /// Whether the answer is the upstream's own, head and body.
    pub(super) const fn is_passed(&self) -> bool {
        self.error.is_empty() && matches!(self.body, Body::Whole)
    }
}
