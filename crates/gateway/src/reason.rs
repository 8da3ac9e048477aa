//! The closed list of what can go wrong at a hop.

use std::fmt;

/// Defines [`Reason`] together with the list of all its variants, so that neither can miss one.
macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Why a hop failed: one word that header, log, metric, trace and gRPC status all share.
        ///
        /// What each one is told as stands in [the one table](crate::table).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Reason {
            $($(#[$doc])* $name,)*
        }

        impl Reason {
            /// Every reason there is, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];
        }
    };
}

reasons! {
    /// The name does not resolve, or the answer was empty or refused.
    DnsError,
    /// The resolver did not answer in time.
    DnsTimeout,
    /// No upstream is configured for this authority and path.
    NoRoute,
    /// The address is not one that may be connected to.
    IpProhibited,
    /// The network or the host cannot be reached.
    Unroutable,
    /// Nobody listens at the endpoint's address.
    ConnectionRefused,
    /// Connecting, TCP and TLS together, took too long.
    ConnectionTimeout,
    /// The peer's certificate is past its notAfter.
    CertificateExpired,
    /// The peer's certificate is before its notBefore.
    CertificateNotYetValid,
    /// The peer's certificate is for another DNS name, address or SPIFFE ID.
    CertificateWrongName,
    /// The peer's certificate chains to no authority of the trust bundle.
    CertificateUnknownCa,
    /// The peer's certificate is on a revocation list.
    CertificateRevoked,
    /// The peer's certificate may not be used for this purpose.
    CertificateWrongUsage,
    /// The peer's certificate is bad in another way.
    CertificateInvalid,
    /// The peer broke off with a TLS alert; often it refuses our certificate.
    TlsAlert,
    /// TLS failed in another way: the peer does not speak it, or went away in the handshake.
    TlsProtocol,
    /// The connection was closed or reset before any byte of a response.
    ClosedBeforeResponse,
    /// The same on a kept-alive connection, which the peer closed just as it was used again.
    IdleRace,
    /// The response began and was cut off.
    ResponseIncomplete,
    /// What came back is not well-formed HTTP.
    ProtocolError,
    /// The response's transfer coding is broken.
    TransferCoding,
    /// The response's header section is too large.
    HeaderSectionTooLarge,
    /// One field of the response's header section is too large.
    HeaderTooLarge,
    /// The response's body is too large.
    BodyTooLarge,
    /// The response's trailer section is too large.
    TrailersTooLarge,
    /// Nothing could be read from the upstream for the idle time.
    ReadTimeout,
    /// Nothing could be written to the upstream for the idle time.
    WriteTimeout,
    /// No response head came in time.
    ResponseTimeout,
    /// The caller's or the route's deadline passed, queueing included.
    DeadlineExceeded,
    /// The upstream switched protocols wrongly, or without being asked to.
    UpgradeFailed,
    /// The upstream refused the HTTP/2 stream unprocessed.
    StreamRefused,
    /// The upstream asked us to calm down (HTTP/2 ENHANCE_YOUR_CALM).
    PeerOverloaded,
    /// The upstream reset the HTTP/2 stream.
    StreamReset,
    /// No endpoint may be used: nothing usable came back from them.
    NoEndpointUnusable,
    /// No endpoint may be used: they said no.
    NoEndpointRefusing,
    /// No endpoint may be used: they never answered in time.
    NoEndpointSilent,
    /// The connection pool is at its limit.
    PoolLimit,
    /// Too much is in flight or queued.
    Overload,
    /// The service's rate is used up.
    RateLimited,
    /// The caller's own quota is used up.
    Quota,
    /// Taken out of service by order.
    Maintenance,
    /// Still starting.
    Starting,
    /// Draining before a stop.
    Draining,
    /// The peer's identity is not allowed here.
    Denied,
    /// The request is malformed.
    BadRequest,
    /// The request did not arrive in time.
    RequestTimeout,
    /// The request's body is too large.
    RequestTooLarge,
    /// The request's target is too long.
    TargetTooLong,
    /// The request expects something other than `100-continue`.
    ExpectationFailed,
    /// The request's header section is too large.
    RequestHeaderTooLarge,
    /// The request needs what this gateway does not do.
    NotImplemented,
    /// The request came through this very instance and direction before.
    Loop,
    /// Our own fault: no descriptors, no ports, no permission, a bug.
    Internal,
    /// A misconfiguration found only now.
    Configuration,
    /// The upstream answered; its status is passed on as it is.
    UpstreamStatus,
    /// The client went away before its answer was whole.
    ClientGone,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// The text is no reason's label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownReason;

impl fmt::Display for UnknownReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not the label of a reason")
    }
}

impl std::error::Error for UnknownReason {}

impl std::str::FromStr for Reason {
    type Err = UnknownReason;

    fn from_str(label: &str) -> Result<Self, UnknownReason> {
        Self::ALL
            .iter()
            .copied()
            .find(|reason| reason.label() == label)
            .ok_or(UnknownReason)
    }
}
