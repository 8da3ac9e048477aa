//! A refused certificate in one sentence: which, why, since when, and what was expected.

use outrigger_gateway::Reason;
use rustls::CertificateError;

use crate::{Certificate, handshake::Refusal, words};

/// Who presented the certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presenter {
    Upstream,
    Client,
}

impl Presenter {
    pub(crate) const fn noun(self) -> &'static str {
        match self {
            Self::Upstream => "the upstream",
            Self::Client => "the client",
        }
    }
}

/// A refused certificate and what is known around it; certificates that could not be read are absent.
#[derive(Debug)]
pub(crate) struct Case<'a> {
    pub(crate) presenter: Presenter,
    /// The leaf first; empty if nothing is known.
    pub(crate) chain: Vec<Certificate>,
    pub(crate) anchors: &'a [Certificate],
}

impl Case<'_> {
    /// A case of which only the error is known.
    pub(crate) fn unknown(presenter: Presenter) -> Self {
        Self {
            presenter,
            chain: Vec::new(),
            anchors: &[],
        }
    }

    /// Tells the error.
    pub(crate) fn explain(&self, error: &CertificateError) -> Refusal {
        use CertificateError as E;
        let (reason, detail) = match error {
            E::ExpiredContext { time, not_after } => {
                self.expired(seconds(time.as_secs()), seconds(not_after.as_secs()))
            }
            E::Expired => (
                Reason::CertificateExpired,
                format!("{} has expired", self.owned()),
            ),
            E::NotValidYetContext { time, not_before } => {
                self.not_yet_valid(seconds(time.as_secs()), seconds(not_before.as_secs()))
            }
            E::NotValidYet => (
                Reason::CertificateNotYetValid,
                format!("{} is not valid yet", self.owned()),
            ),
            E::NotValidForNameContext { expected, .. } => self.wrong_name(&expected.to_str()),
            E::NotValidForName => (
                Reason::CertificateWrongName,
                format!("{} is for another name", self.owned()),
            ),
            E::Revoked => (Reason::CertificateRevoked, self.revoked()),
            E::InvalidPurpose | E::InvalidPurposeContext { .. } => self.wrong_usage(error),
            E::UnknownIssuer => (Reason::CertificateUnknownCa, self.unknown_issuer()),
            E::BadSignature if !self.chain.is_empty() => (Reason::CertificateUnknownCa, self.forged()),
            E::Other(_) if self.is_authority() => self.authority_as_leaf(),
            other => (
                Reason::CertificateInvalid,
                format!(
                    "{} is refused: {}",
                    self.owned(),
                    words::ascii(&other.to_string())
                ),
            ),
        };
        Refusal {
            reason,
            detail: words::ascii(&detail),
        }
    }

    /// Tells that the leaf has another SPIFFE ID than those expected.
    pub(crate) fn wrong_id<T: AsRef<str>>(&self, expected: &[T]) -> Refusal {
        let expected = match expected {
            [one] => one.as_ref().to_owned(),
            several => format!("one of {}", words::list(several)),
        };
        let presented = match self.chain.first().map(|leaf| leaf.uris.as_slice()) {
            None | Some([]) => "a certificate without a SPIFFE ID".to_owned(),
            Some([uri]) => uri.clone(),
            Some(uris) => format!(
                "several URI names where a SPIFFE ID must be the only one ({})",
                words::list(uris)
            ),
        };
        let detail = format!(
            "{} presented {presented}; expected {expected}",
            self.presenter.noun()
        );
        Refusal {
            reason: Reason::CertificateWrongName,
            detail: words::ascii(&detail),
        }
    }

    fn expired(&self, time: i64, not_after: i64) -> (Reason, String) {
        let (what, whose) = self.which(|certificate| certificate.not_after == not_after);
        let (ago, date) = (words::span(time - not_after), words::date(not_after));
        (
            Reason::CertificateExpired,
            format!("{what} expired {ago} ago: {whose}notAfter {date}"),
        )
    }

    fn not_yet_valid(&self, time: i64, not_before: i64) -> (Reason, String) {
        let (what, whose) = self.which(|certificate| certificate.not_before == not_before);
        let (wait, date) = (words::span(not_before - time), words::date(not_before));
        let detail = format!("{what} is valid only in {wait}: {whose}notBefore {date}; is a clock wrong?");
        (Reason::CertificateNotYetValid, detail)
    }

    fn wrong_name(&self, expected: &str) -> (Reason, String) {
        let names = self.chain.first().map(Certificate::names).unwrap_or_default();
        let presented = match names.as_slice() {
            [] => "has no DNS name or address".to_owned(),
            names => format!("is for {}", words::list(names)),
        };
        let detail = format!(
            "{}'s certificate {presented}; expected {expected}",
            self.presenter.noun()
        );
        (Reason::CertificateWrongName, detail)
    }

    fn revoked(&self) -> String {
        match self.chain.first() {
            Some(leaf) => format!(
                "{} or its issuer's is revoked: serial {}, by {}",
                self.owned(),
                leaf.serial,
                leaf.issuer
            ),
            None => format!("{} is revoked", self.owned()),
        }
    }

    fn wrong_usage(&self, error: &CertificateError) -> (Reason, String) {
        let wanted = match self.presenter {
            Presenter::Upstream => "servers",
            Presenter::Client => "clients",
        };
        let allowed = match error {
            CertificateError::InvalidPurposeContext { presented, .. } if !presented.is_empty() => {
                let names: Vec<String> = presented.iter().map(|usage| format!("{usage:?}")).collect();
                format!(" (its extended key usage is {})", words::list(&names))
            }
            _ => String::new(),
        };
        (
            Reason::CertificateWrongUsage,
            format!("{} may not be used by {wanted}{allowed}", self.owned()),
        )
    }

    /// Follows the chain to the first certificate whose issuer is nowhere.
    fn unknown_issuer(&self) -> String {
        let Some(leaf) = self.chain.first() else {
            return format!("{} was issued by nobody in the bundle", self.owned());
        };
        if leaf.is_self_issued() {
            return format!("{} is self-signed and not in the bundle", self.owned());
        }
        let top = self.top(leaf);
        if self.anchors.iter().any(|anchor| anchor.subject == top.issuer) {
            return format!(
                "{}: {}",
                self.owned(),
                SAME_NAME_OTHER_KEY.replace("{}", &top.issuer)
            );
        }
        if top.is_self_issued() {
            return format!(
                "{} comes from {}, which is not in the bundle",
                self.owned(),
                top.subject
            );
        }
        let nowhere = format!(
            "issuer {} is neither in the chain it sent nor in the bundle",
            top.issuer
        );
        format!("{}: {nowhere}", self.owned())
    }

    /// The last certificate that can be reached from the leaf by the names of issuers.
    fn top<'a>(&'a self, leaf: &'a Certificate) -> &'a Certificate {
        let mut top = leaf;
        // Each certificate is stepped to at most once, so that two that name each other end the walk.
        for _ in &self.chain {
            let issuer = self.chain.iter().find(|next| next.subject == top.issuer);
            match issuer.filter(|_| !top.is_self_issued()) {
                Some(issuer) => top = issuer,
                None => break,
            }
        }
        top
    }

    fn forged(&self) -> String {
        let issuer = self
            .chain
            .first()
            .map(|leaf| self.top(leaf).issuer.clone())
            .unwrap_or_default();
        format!("{}: {}", self.owned(), SAME_NAME_OTHER_KEY.replace("{}", &issuer))
    }

    fn is_authority(&self) -> bool {
        self.chain.first().is_some_and(|leaf| leaf.is_ca)
    }

    /// What `openssl req -x509` makes: a self-signed authority, served as if it were a leaf.
    fn authority_as_leaf(&self) -> (Reason, String) {
        let leaf = &self.chain[0];
        let trusted = self.anchors.iter().any(|anchor| anchor.sha256 == leaf.sha256);
        if leaf.is_self_issued() && !trusted {
            return (
                Reason::CertificateUnknownCa,
                format!("{} is self-signed and not in the bundle", self.owned()),
            );
        }
        (
            Reason::CertificateWrongUsage,
            format!(
                "{} is an authority's, which may not be used by a peer",
                self.owned()
            ),
        )
    }

    /// `the upstream's certificate (CN=orders)`.
    fn owned(&self) -> String {
        match self.chain.first() {
            Some(leaf) => format!("{}'s certificate ({})", self.presenter.noun(), leaf.label()),
            None => format!("{}'s certificate", self.presenter.noun()),
        }
    }

    /// The certificate of the chain that is at fault, and `CN=orders, ` to go before a date.
    fn which(&self, is_it: impl Fn(&Certificate) -> bool) -> (String, String) {
        let found = self.chain.iter().position(is_it);
        let what = match found {
            None | Some(0) => format!("{}'s certificate", self.presenter.noun()),
            Some(_) => format!("an intermediate of {}'s certificate", self.presenter.noun()),
        };
        (
            what,
            found
                .map(|nth| format!("{}, ", self.chain[nth].label()))
                .unwrap_or_default(),
        )
    }
}

const SAME_NAME_OTHER_KEY: &str =
    "the bundle has an authority named {}, but with another key; was it renewed, or is it a foreign one?";

fn seconds(unsigned: u64) -> i64 {
    i64::try_from(unsigned).unwrap_or(i64::MAX)
}
