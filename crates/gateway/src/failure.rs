//! One failed hop: its reason, where, what exactly, and the error that told us.

use std::{error::Error, fmt, io, sync::Arc, time::Duration};

use crate::{Reason, table::Repeat};

/// Any error, shared: a failed dial is told to everyone who waited for it.
pub type Source = Arc<dyn Error + Send + Sync + 'static>;

/// A failed hop. Small to move (one pointer) and cheap to share.
///
/// Layers of ours fail with it; errors of others become one at the place where they enter.
#[derive(Clone)]
pub struct Failure(Box<Parts>);

#[derive(Clone)]
struct Parts {
    reason: Reason,
    unprocessed: bool,
    upstream: Option<Arc<str>>,
    endpoint: Option<Arc<str>>,
    detail: Option<String>,
    retry_after: Option<Duration>,
    attempts: u32,
    extra: Vec<(&'static str, Extra)>,
    source: Option<Source>,
}

/// The value of an extra parameter of a `Proxy-Status` member (RFC 9209 §2.3 names them for each error type).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Extra {
    /// An sf-integer, such as `alert-id`.
    Integer(i64),
    /// An sf-token, such as `coding`.
    Token(String),
    /// An sf-string, such as `rcode`. Characters outside printable ASCII become `?`.
    String(String),
}

impl Failure {
    /// A failure for `reason`, unprocessed if the table says that such a request provably was.
    pub fn new(reason: Reason) -> Self {
        Self(Box::new(Parts {
            reason,
            unprocessed: matches!(reason.row().repeat, Repeat::Yes),
            upstream: None,
            endpoint: None,
            detail: None,
            retry_after: None,
            attempts: 1,
            extra: Vec::new(),
            source: None,
        }))
    }

    /// The failure that a foreign error carries in its chain, or else [`Reason::Internal`] with it as the source.
    ///
    /// For services of others below our layers: `service.map_err(Failure::from_error)`.
    pub fn from_error(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let error = error.into();
        match Self::find(&*error) {
            Some(failure) => failure.clone(),
            None => Self::new(Reason::Internal).with_source(error),
        }
    }

    /// Says what, to whom, since when: one ASCII sentence for an operator, without secrets.
    #[must_use]
    pub fn with_detail(mut self, detail: impl fmt::Display) -> Self {
        self.0.detail = Some(detail.to_string());
        self
    }

    /// Keeps the error that told us.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.0.source = Some(Arc::from(source.into()));
        self
    }

    /// Names the upstream, as configured.
    #[must_use]
    pub fn at_upstream(mut self, upstream: Arc<str>) -> Self {
        self.0.upstream = Some(upstream);
        self
    }

    /// The same where it has a name.
    #[must_use]
    pub fn maybe_at_upstream(self, upstream: Option<&Arc<str>>) -> Self {
        match upstream {
            Some(upstream) => self.at_upstream(upstream.clone()),
            None => self,
        }
    }

    /// Names the endpoint, as `ip:port`.
    #[must_use]
    pub fn at_endpoint(mut self, endpoint: Arc<str>) -> Self {
        self.0.endpoint = Some(endpoint);
        self
    }

    /// Says when it is worth asking again; only told for reasons whose row has `retry_after`.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    /// Says how many attempts were made before it was told.
    #[must_use]
    pub fn with_attempts(mut self, attempts: u32) -> Self {
        self.0.attempts = attempts;
        self
    }

    /// Adds a parameter that RFC 9209 §2.3 defines for the error type, such as `rcode`.
    #[must_use]
    pub fn with_extra(mut self, name: &'static str, value: Extra) -> Self {
        self.0.extra.push((name, value));
        self
    }

    /// States whether the request provably never reached anything that could have acted on it.
    #[must_use]
    pub fn with_unprocessed(mut self, unprocessed: bool) -> Self {
        self.0.unprocessed = unprocessed;
        self
    }

    /// Why it failed.
    pub fn reason(&self) -> Reason {
        self.0.reason
    }

    /// Whether the request provably never reached anything that could have acted on it.
    pub fn unprocessed(&self) -> bool {
        self.0.unprocessed
    }

    /// The upstream's name, if one was chosen.
    pub fn upstream(&self) -> Option<&Arc<str>> {
        self.0.upstream.as_ref()
    }

    /// The endpoint's address, if one was chosen.
    pub fn endpoint(&self) -> Option<&Arc<str>> {
        self.0.endpoint.as_ref()
    }

    /// The sentence for operators.
    pub fn detail(&self) -> Option<&str> {
        self.0.detail.as_deref()
    }

    /// When it is worth asking again.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// How many attempts were made.
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// Parameters that belong to the `Proxy-Status` error type.
    pub fn extra(&self) -> &[(&'static str, Extra)] {
        &self.0.extra
    }

    /// The [`Failure`] in an error's chain, if one of ours is its cause.
    pub fn find<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Self> {
        find_cause(error)
    }
}

/// The first error of type `E` in an error's chain.
///
/// A walk by `source()` alone would miss it: `io::Error::source()` skips the error that it wraps.
pub fn find_cause<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = wrapped.map(|wrapped| wrapped as _).or_else(|| error.source());
    }
    None
}

impl From<std::convert::Infallible> for Failure {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}

impl From<Reason> for Failure {
    fn from(reason: Reason) -> Self {
        Self::new(reason)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.detail() {
            Some(detail) => write!(f, "{}: {detail}", self.reason()),
            None => fmt::Display::fmt(&self.reason(), f),
        }
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failure")
            .field("reason", &self.0.reason)
            .field("unprocessed", &self.0.unprocessed)
            .field("upstream", &self.0.upstream)
            .field("endpoint", &self.0.endpoint)
            .field("detail", &self.0.detail)
            .field("source", &self.0.source)
            .finish_non_exhaustive()
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
