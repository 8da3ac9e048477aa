//! Certificates, the files they come in, and the names in them.

use http::HeaderValue;
use outrigger_identity::{Certificate, Identity, Peer, Pem, Role, SpiffeId, SpiffePattern};
use rustls_pki_types::CertificateDer;

/// Nothing of a peer's certificate reaches a field or a log line that could end it.
pub(crate) fn certificate(bytes: &[u8]) {
    let leaf = CertificateDer::from(bytes.to_vec());
    let Ok(certificate) = Certificate::read(Role::Peer, &leaf) else {
        return;
    };
    let texts = [
        certificate.label(),
        certificate.full_label(),
        certificate.issuer.clone(),
    ];
    let names = certificate.names();
    for text in texts.iter().chain(&names).chain(&certificate.uris) {
        assert!(is_printable(text), "{text:?}");
    }
    if let Some(id) = &certificate.spiffe {
        assert_eq!(certificate.uris, [id.to_string()], "the ID is the only URI");
    }
    let peer = Peer::from_leaf(leaf).expect("it was read before");
    let xfcc = peer.xfcc();
    assert!(is_printable(&xfcc), "{xfcc:?}");
    HeaderValue::from_str(&xfcc).expect("it fits a field");
    assert!(xfcc.starts_with(&format!("Hash={};Subject=\"", peer.sha256())));
    assert_eq!(keys(&xfcc)[..2], ["Hash", "Subject"]);
    let known = |key: &String| matches!(key.as_str(), "Hash" | "Subject" | "URI" | "DNS");
    assert!(keys(&xfcc).iter().all(known), "{xfcc}");
    assert_eq!(
        keys(&xfcc).len(),
        2 + certificate.uris.len() + certificate.dns.len(),
        "{xfcc}"
    );
    assert!(is_printable(&peer.label()));
}

/// The keys of an element as its readers see them: values may be quoted, and within quotes nothing separates.
fn keys(xfcc: &str) -> Vec<String> {
    let (mut keys, mut key, mut in_value, mut quoted, mut escaped) =
        (Vec::new(), String::new(), false, false, false);
    for c in xfcc.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' if in_value => quoted = !quoted,
            _ if quoted => {}
            ',' => panic!("{xfcc:?} is more than one element"),
            ';' => in_value = false,
            '=' if !in_value => {
                in_value = true;
                keys.push(std::mem::take(&mut key));
            }
            c if !in_value => key.push(c),
            _ => {}
        }
    }
    assert!(!quoted && key.is_empty(), "{xfcc:?} does not end");
    keys
}

fn is_printable(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// An identity's files, one behind the other, each up to a line `====`: certificates, key, bundle, revocation list.
pub(crate) fn files(bytes: &[u8]) {
    let mut parts: Vec<Vec<u8>> = vec![Vec::new()];
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        match parts.last_mut() {
            Some(part) if line != b"====\n" => part.extend_from_slice(line),
            _ => parts.push(Vec::new()),
        }
    }
    let part = |index: usize| parts.get(index).map_or(&[][..], Vec::as_slice);
    let lists = [part(3)];
    let pem = Pem {
        cert: part(0),
        key: part(1),
        trust: part(2),
        crl: if parts.len() > 3 { &lists } else { &[] },
    };
    match Identity::from_pem(&pem) {
        Ok(identity) => assert!(format!("{identity:?}").len() < 1 << 20),
        Err(errors) => {
            let told = errors.to_string();
            assert!(!told.is_empty());
            assert!(
                told.chars().all(|c| c == '\n' || !c.is_control()),
                "{told:?} would break a log line"
            );
        }
    }
}

/// An ID on the first line, a pattern on the second: read as the standard says, matched as it is written.
pub(crate) fn spiffe(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let (id, pattern) = text.split_once('\n').unwrap_or((text, text));
    let read = id.parse::<SpiffeId>();
    assert_eq!(read.is_ok(), is_id(id), "{id:?}: {read:?}");
    let pattern = pattern.parse::<SpiffePattern>();
    let (Ok(id), Ok(pattern)) = (read, pattern) else {
        return;
    };
    assert_eq!(
        format!("spiffe://{}{}", id.trust_domain(), id.path()),
        id.as_str()
    );
    assert!(SpiffePattern::from(id.clone()).matches(&id));
    assert_eq!(
        pattern.matches(&id),
        is_match(pattern.as_str(), id.as_str()),
        "{pattern} {id}"
    );
}

/// SPIFFE-ID §2, read once more by other means.
fn is_id(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("spiffe://") else {
        return false;
    };
    let mut parts = rest.split('/');
    let domain = parts.next().unwrap_or_default();
    let in_domain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
    let in_path = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    text.len() <= 2048
        && (1..=255).contains(&domain.len())
        && domain.chars().all(in_domain)
        && parts.all(|part| !matches!(part, "" | "." | "..") && part.chars().all(in_path))
}

/// `*` is one segment; at the end, one or more.
fn is_match(pattern: &str, id: &str) -> bool {
    let (pattern, id): (Vec<_>, Vec<_>) = (pattern.split('/').collect(), id.split('/').collect());
    let open = pattern.len() > 3 && pattern.last() == Some(&"*");
    let fits = if open {
        id.len() >= pattern.len()
    } else {
        id.len() == pattern.len()
    };
    fits && pattern
        .iter()
        .zip(&id)
        .all(|(wanted, part)| *wanted == "*" || wanted == part)
}
