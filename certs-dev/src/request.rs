//! What a leaf is to say: its names, what it may be used for, from when until when.

use std::net::IpAddr;

use rcgen::{ExtendedKeyUsagePurpose, SanType};

use crate::{
    Error, Validity,
    names::{check_dns, check_name, check_spiffe},
};

/// A leaf to be issued. It needs at least one DNS name, IP address or SPIFFE ID.
#[derive(Clone, Debug)]
pub struct Request {
    name: String,
    dns: Vec<String>,
    ip: Vec<IpAddr>,
    spiffe: Vec<String>,
    usage: Usage,
    validity: Option<Validity>,
}

const WRONG_SPIFFE: &str = "spiffe://wrong-name.invalid/wrong";

/// What a leaf may be used for (extended key usage, RFC 5280 §4.2.1.12).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Usage {
    /// `serverAuth` alone.
    Server,
    /// `clientAuth` alone.
    Client,
    /// `serverAuth` and `clientAuth`: a workload both listens and calls.
    #[default]
    Both,
}

impl Request {
    /// A leaf with the common name `name`, for servers and clients, for [`LEAF_LIFETIME`](crate::LEAF_LIFETIME) or
    /// for as long as the authority holds, if that is shorter.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            dns: Vec::new(),
            ip: Vec::new(),
            spiffe: Vec::new(),
            usage: Usage::Both,
            validity: None,
        }
    }

    /// Adds a DNS name; `*.` at its front stands for one label.
    #[must_use]
    pub fn with_dns(mut self, name: impl Into<String>) -> Self {
        self.dns.push(name.into());
        self
    }

    /// Adds an IP address.
    #[must_use]
    pub fn with_ip(mut self, ip: impl Into<IpAddr>) -> Self {
        self.ip.push(ip.into());
        self
    }

    /// Sets the SPIFFE ID: an X.509-SVID has exactly one.
    #[must_use]
    pub fn with_spiffe(mut self, id: impl Into<String>) -> Self {
        self.spiffe = vec![id.into()];
        self
    }

    /// Sets what it may be used for.
    #[must_use]
    pub fn with_usage(mut self, usage: Usage) -> Self {
        self.usage = usage;
        self
    }

    /// Sets from when until when it holds; the end must lie within the authority's own.
    #[must_use]
    pub fn with_validity(mut self, validity: Validity) -> Self {
        self.validity = Some(validity);
        self
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn usage(&self) -> Usage {
        self.usage
    }

    pub(crate) fn validity(&self) -> Option<Validity> {
        self.validity
    }

    /// The same, for another's names.
    pub(crate) fn misnamed(&self) -> Self {
        let other = Self {
            dns: Vec::new(),
            ip: Vec::new(),
            spiffe: Vec::new(),
            ..self.clone()
        };
        other.with_dns("wrong-name.invalid").with_spiffe(WRONG_SPIFFE)
    }

    /// The same, with as many SPIFFE IDs more as make two.
    pub(crate) fn twice_named(&self) -> Self {
        let more = [WRONG_SPIFFE, "spiffe://wrong-name.invalid/other"].map(str::to_owned);
        let spiffe = self.spiffe.iter().cloned().chain(more).take(2).collect();
        Self {
            spiffe,
            ..self.clone()
        }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        check_name(&self.name)?;
        self.dns.iter().try_for_each(|name| check_dns(name))?;
        self.spiffe.iter().try_for_each(|id| check_spiffe(id))?;
        if self.dns.is_empty() && self.ip.is_empty() && self.spiffe.is_empty() {
            return Err(Error::Nameless {
                name: self.name.clone(),
            });
        }
        Ok(())
    }

    pub(crate) fn alternative_names(&self) -> Result<Vec<SanType>, rcgen::Error> {
        let dns = self
            .dns
            .iter()
            .map(|name| Ok(SanType::DnsName(name.as_str().try_into()?)));
        let ip = self.ip.iter().map(|ip| Ok(SanType::IpAddress(*ip)));
        let spiffe = self
            .spiffe
            .iter()
            .map(|id| Ok(SanType::URI(id.as_str().try_into()?)));
        dns.chain(ip).chain(spiffe).collect()
    }
}

impl Usage {
    pub(crate) fn purposes(self) -> Vec<ExtendedKeyUsagePurpose> {
        use ExtendedKeyUsagePurpose::{ClientAuth, ServerAuth};
        match self {
            Self::Server => vec![ServerAuth],
            Self::Client => vec![ClientAuth],
            Self::Both => vec![ServerAuth, ClientAuth],
        }
    }

    /// What a certificate of the wrong kind would have instead.
    pub(crate) fn wrong_purposes(self) -> Vec<ExtendedKeyUsagePurpose> {
        match self {
            Self::Server => Self::Client.purposes(),
            Self::Client => Self::Server.purposes(),
            Self::Both => vec![ExtendedKeyUsagePurpose::CodeSigning],
        }
    }
}
