//! What a certificate file says, for people.

use std::{
    fmt::{self, Write as _},
    fs,
    net::IpAddr,
    path::Path,
    time::{Duration, SystemTime},
};

use jiff::Timestamp;
use outrigger_certs_dev::Error;
use rustls_pki_types::{CertificateDer, pem::PemObject};
use x509_parser::{
    certificate::X509Certificate,
    extensions::{ExtendedKeyUsage, GeneralName},
    prelude::FromDer,
};

/// One certificate, read.
pub(crate) struct Described {
    subject: String,
    issuer: String,
    serial: Vec<u8>,
    names: Vec<String>,
    uses: Vec<String>,
    not_before: SystemTime,
    not_after: SystemTime,
}

/// The first certificate of a PEM file: the leaf.
pub(crate) fn first(path: &Path) -> Result<Described, Error> {
    all(path)?.into_iter().next().ok_or_else(|| unusable(path))
}

/// Every certificate of a PEM file, in order.
pub(crate) fn all(path: &Path) -> Result<Vec<Described>, Error> {
    let text = fs::read(path).map_err(|source| Error::Io {
        doing: "read",
        path: path.to_owned(),
        source,
    })?;
    CertificateDer::pem_slice_iter(&text)
        .map(|certificate| {
            certificate
                .ok()
                .and_then(|der| Described::of(&der))
                .ok_or_else(|| unusable(path))
        })
        .collect()
}

fn unusable(path: &Path) -> Error {
    Error::Unusable {
        path: path.to_owned(),
        why: "it holds no certificate in PEM",
    }
}

impl Described {
    fn of(der: &CertificateDer<'_>) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        Some(Self {
            subject: certificate.subject().to_string(),
            issuer: certificate.issuer().to_string(),
            serial: certificate.serial.to_bytes_be(),
            names: names(&certificate),
            uses: uses(&certificate),
            not_before: certificate.validity().not_before.to_datetime().into(),
            not_after: certificate.validity().not_after.to_datetime().into(),
        })
    }

    /// Big-endian, positive.
    pub(crate) fn serial(&self) -> &[u8] {
        &self.serial
    }

    /// All names in a line.
    pub(crate) fn names(&self) -> String {
        if self.names.is_empty() {
            "no names".to_owned()
        } else {
            self.names.join(" ")
        }
    }

    /// When it ends, and how far off that is.
    pub(crate) fn lifetime(&self) -> String {
        let now = SystemTime::now();
        let end = date(self.not_after);
        match (
            self.not_before.duration_since(now),
            self.not_after.duration_since(now),
        ) {
            (Ok(wait), _) => format!("until {end} (begins in {})", rough(wait)),
            (_, Ok(left)) => format!("until {end} (in {})", rough(left)),
            (_, Err(over)) => format!("until {end} ({} ago)", rough(over.duration())),
        }
    }
}

impl fmt::Display for Described {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  subject  {}", self.subject)?;
        writeln!(f, "  issuer   {}", self.issuer)?;
        writeln!(f, "  serial   {}", hex(&self.serial))?;
        writeln!(f, "  valid    from {} {}", date(self.not_before), self.lifetime())?;
        writeln!(f, "  names    {}", self.names())?;
        writeln!(f, "  use      {}", self.uses.join(", "))
    }
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let names = certificate.subject_alternative_name().ok().flatten();
    names
        .map(|names| names.value.general_names.iter().map(name).collect())
        .unwrap_or_default()
}

fn name(name: &GeneralName<'_>) -> String {
    match name {
        GeneralName::DNSName(name) => format!("dns:{name}"),
        GeneralName::URI(uri) => (*uri).to_owned(),
        GeneralName::IPAddress(octets) => {
            address(octets).map_or_else(|| hex(octets), |ip| format!("ip:{ip}"))
        }
        other => other.to_string(),
    }
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(octets).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from))
        .ok()
}

fn uses(certificate: &X509Certificate<'_>) -> Vec<String> {
    let usage = certificate.key_usage().ok().flatten();
    let extended = certificate.extended_key_usage().ok().flatten();
    let usage = usage.map(|usage| usage.value.to_string());
    usage
        .into_iter()
        .chain(extended.into_iter().flat_map(|usage| purposes(usage.value)))
        .collect()
}

fn purposes(usage: &ExtendedKeyUsage<'_>) -> Vec<String> {
    let known = [
        (usage.server_auth, "server auth"),
        (usage.client_auth, "client auth"),
        (usage.code_signing, "code signing"),
    ];
    known
        .into_iter()
        .filter(|(set, _)| *set)
        .map(|(_, purpose)| purpose.to_owned())
        .collect()
}

/// RFC 3339, whole seconds, UTC.
pub(crate) fn date(moment: SystemTime) -> String {
    Timestamp::try_from(moment).map_or_else(
        |_| "beyond the calendar".to_owned(),
        |moment| format!("{moment:.0}"),
    )
}

/// Rounded, in the largest unit that it has one of.
fn rough(time: Duration) -> String {
    let seconds = time.as_secs();
    let units = [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];
    let (size, unit) = units
        .into_iter()
        .find(|(size, _)| seconds >= *size)
        .unwrap_or((1, "second"));
    let count = (seconds + size / 2) / size;
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // writing to a String cannot fail
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_their_largest_unit() {
        let told = [0, 1, 59, 60, 3_599, 7_200, 86_400, 604_799].map(|s| rough(Duration::from_secs(s)));
        let expected = [
            "0 seconds",
            "1 second",
            "59 seconds",
            "1 minute",
            "60 minutes",
            "2 hours",
            "1 day",
            "7 days",
        ];
        assert_eq!(told, expected);
    }
}
