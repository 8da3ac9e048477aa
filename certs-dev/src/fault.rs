//! What can be wrong with a certificate, one name a fault. Everything else about it is right, so that a
//! test which expects one error cannot be passed by another.

use std::{fmt, str::FromStr};

use rcgen::CertificateParams;

use crate::{Authority, Issued, Request, Validity, leaf::Draft};

/// One thing wrong with a leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// It ended an hour ago.
    Expired,
    /// It begins in an hour.
    NotYetValid,
    /// It is for `wrong-name.invalid` and `spiffe://wrong-name.invalid/wrong`, not for what was asked.
    WrongName,
    /// It has no subject alternative name at all, only a common name.
    NoNames,
    /// It has two SPIFFE IDs, the one asked for first: no X.509-SVID has (SPIFFE X.509-SVID §2).
    TwoSpiffeIds,
    /// It and its whole chain are from an authority that nobody knows.
    ForeignCa,
    /// It is signed with its own key and comes without a chain.
    SelfSigned,
    /// It comes without the intermediate that links it to the root.
    MissingIntermediate,
    /// The intermediate in its chain ended an hour ago; the leaf itself still holds.
    ExpiredIntermediate,
    /// It may be used for anything but what was asked: a server's has `clientAuth` alone, a client's
    /// `serverAuth`, one for both `codeSigning`.
    WrongUsage,
    /// The key beside it is another's.
    MismatchedKey,
}

impl Fault {
    /// Every fault, in the order above.
    pub const ALL: [Self; 11] = [
        Self::Expired,
        Self::NotYetValid,
        Self::WrongName,
        Self::NoNames,
        Self::TwoSpiffeIds,
        Self::ForeignCa,
        Self::SelfSigned,
        Self::MissingIntermediate,
        Self::ExpiredIntermediate,
        Self::WrongUsage,
        Self::MismatchedKey,
    ];

    /// Its name on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::NotYetValid => "not-yet-valid",
            Self::WrongName => "wrong-name",
            Self::NoNames => "no-names",
            Self::TwoSpiffeIds => "two-spiffe-ids",
            Self::ForeignCa => "foreign-ca",
            Self::SelfSigned => "self-signed",
            Self::MissingIntermediate => "missing-intermediate",
            Self::ExpiredIntermediate => "expired-intermediate",
            Self::WrongUsage => "wrong-usage",
            Self::MismatchedKey => "mismatched-key",
        }
    }

    /// What is wrong, in a few words.
    pub const fn about(self) -> &'static str {
        match self {
            Self::Expired => "ended an hour ago",
            Self::NotYetValid => "begins in an hour",
            Self::WrongName => "for wrong-name.invalid instead of the names asked for",
            Self::NoNames => "no subject alternative name, only a common name",
            Self::TwoSpiffeIds => "two SPIFFE IDs instead of one",
            Self::ForeignCa => "signed by an authority that nobody knows",
            Self::SelfSigned => "signed with its own key",
            Self::MissingIntermediate => "the chain lacks the intermediate",
            Self::ExpiredIntermediate => "the intermediate ended an hour ago",
            Self::WrongUsage => "extended key usage for something else",
            Self::MismatchedKey => "the key is another certificate's",
        }
    }

    /// Signs the leaf asked for, spoilt.
    pub(crate) fn sign(
        self,
        authority: &Authority,
        request: &Request,
        validity: Validity,
    ) -> Result<Issued, rcgen::Error> {
        let Authority { root, intermediate } = authority;
        let mut draft = Draft::new(request, validity)?;
        self.spoil(&mut draft.params, request)?;
        match self {
            Self::ForeignCa => draft.signed_by(&Authority::generate("foreign", validity)?.intermediate, root),
            Self::SelfSigned => draft.self_signed(root),
            Self::MissingIntermediate => Ok(draft.signed_by(intermediate, root)?.without_intermediate()),
            Self::ExpiredIntermediate => {
                draft.signed_by(&root.intermediate("expired", Validity::expired())?, root)
            }
            Self::MismatchedKey => draft.signed_by(intermediate, root)?.with_another_key(),
            _ => draft.signed_by(intermediate, root),
        }
    }

    /// The faults that lie in what the certificate says; a wrong time is in its validity already.
    fn spoil(self, params: &mut CertificateParams, request: &Request) -> Result<(), rcgen::Error> {
        match self {
            Self::WrongName => params.subject_alt_names = request.misnamed().alternative_names()?,
            Self::NoNames => params.subject_alt_names.clear(),
            Self::TwoSpiffeIds => params.subject_alt_names = request.twice_named().alternative_names()?,
            Self::WrongUsage => params.extended_key_usages = request.usage().wrong_purposes(),
            _ => {}
        }
        Ok(())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Fault {
    type Err = UnknownFault;

    fn from_str(name: &str) -> Result<Self, UnknownFault> {
        Self::ALL
            .into_iter()
            .find(|fault| fault.as_str() == name)
            .ok_or_else(|| UnknownFault {
                name: name.to_owned(),
            })
    }
}

/// No fault has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no fault is called {name:?}")]
pub struct UnknownFault {
    name: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_found_by_its_name() {
        for fault in Fault::ALL {
            assert_eq!(fault.as_str().parse(), Ok(fault));
        }
        assert!("none-such".parse::<Fault>().is_err());
    }
}
