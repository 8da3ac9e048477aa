//! Which names may go into a certificate: refused here, they would only be refused by every verifier later.

use rustls_pki_types::DnsName;

use crate::Error;

/// A name that serves as a folder's name and as a common name (at most 64 characters, RFC 5280 appendix A.1).
pub(crate) fn check_name(name: &str) -> Result<(), Error> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if (1..=63).contains(&name.len()) && !name.starts_with('.') && name.bytes().all(allowed) {
        return Ok(());
    }
    Err(Error::Name {
        name: name.to_owned(),
    })
}

/// A DNS name as it may stand in a certificate: no trailing dot, a star for the whole first label at most
/// (RFC 6125 §6.4.3).
pub(crate) fn check_dns(name: &str) -> Result<(), Error> {
    match dns_fault(name) {
        None => Ok(()),
        Some(why) => Err(Error::Dns {
            name: name.to_owned(),
            why,
        }),
    }
}

fn dns_fault(name: &str) -> Option<&'static str> {
    let labels = name.strip_prefix("*.").unwrap_or(name);
    if name.parse::<std::net::IpAddr>().is_ok() {
        return Some("it is an IP address, which has a place of its own");
    }
    if name.len() > 253 {
        return Some("longer than 253 characters");
    }
    if labels.split('.').any(|label| !(1..=63).contains(&label.len())) {
        return Some("each label between the dots has 1 to 63 characters");
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if !labels.bytes().all(allowed) {
        return Some("only letters, digits, '-' and '_' (and \"*.\" at the front) may be in it");
    }
    // Whatever else the verifier objects to: hyphens at a label's end, a last label of digits.
    DnsName::try_from(labels)
        .is_err()
        .then_some("no verifier would take it")
}

/// A SPIFFE ID of a workload (SPIFFE-ID §2): a trust domain and a path.
pub(crate) fn check_spiffe(id: &str) -> Result<(), Error> {
    match spiffe_fault(id) {
        None => Ok(()),
        Some(why) => Err(Error::Spiffe {
            id: id.to_owned(),
            why,
        }),
    }
}

fn spiffe_fault(id: &str) -> Option<&'static str> {
    let Some(rest) = id.strip_prefix("spiffe://") else {
        return Some("it must begin with \"spiffe://\"");
    };
    let Some((domain, path)) = rest.split_once('/') else {
        return Some("a workload's has a path after the trust domain");
    };
    let in_domain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.');
    let in_path = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if id.len() > 2048 {
        return Some("longer than 2048 characters");
    }
    if !(1..=255).contains(&domain.len()) || !domain.bytes().all(in_domain) {
        return Some("a trust domain has 1 to 255 lower-case letters, digits, '-', '_' or '.'");
    }
    if path.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
        return Some("no part of the path may be empty, \".\" or \"..\", nor may it end in '/'");
    }
    let strange = path.split('/').any(|segment| !segment.bytes().all(in_path));
    strange.then_some("a path has letters, digits, '-', '_' and '.' between its slashes")
}

#[cfg(test)]
mod tests {
    use proptest::{prop_assert, proptest};

    use super::*;

    #[test]
    fn an_ip_address_is_no_dns_name() {
        assert!(dns_fault("127.0.0.1").unwrap().contains("IP address"));
        assert!(dns_fault("::1").unwrap().contains("IP address"));
    }

    #[test]
    fn a_star_stands_only_for_the_whole_first_label() {
        assert_eq!(dns_fault("*.shop.svc"), None);
        assert!(dns_fault("a*.shop.svc").is_some());
        assert!(dns_fault("shop.*").is_some());
        assert!(dns_fault("*").is_some());
    }

    #[test]
    fn labels_are_neither_empty_nor_too_long() {
        assert_eq!(dns_fault(&"a".repeat(63)), None);
        assert!(dns_fault(&"a".repeat(64)).is_some());
        assert!(dns_fault("orders.").is_some());
        assert!(dns_fault("").is_some());
        assert!(dns_fault(&["a".repeat(63).as_str(); 4].join(".")).is_some());
    }

    #[test]
    fn a_workload_id_has_a_trust_domain_and_a_path() {
        assert_eq!(spiffe_fault("spiffe://shop/ns/shop/sa/orders"), None);
        for bad in [
            "https://shop/orders",
            "spiffe://shop",
            "spiffe:///orders",
            "spiffe://Shop/orders",
            "spiffe://shop:1/orders",
            "spiffe://shop/",
            "spiffe://shop/a//b",
            "spiffe://shop/../a",
            "spiffe://shop/a?b",
        ] {
            assert!(spiffe_fault(bad).is_some(), "{bad}");
        }
    }

    proptest! {
        // A name taken here and refused by the verifier would be a certificate for nobody.
        #[test]
        fn what_is_taken_as_a_dns_name_is_one_to_the_verifier(name in "[-_.a-cA-C0-2]{0,70}") {
            if dns_fault(&name).is_none() {
                prop_assert!(DnsName::try_from(name.as_str()).is_ok(), "{}", name);
            }
        }

        #[test]
        fn no_spiffe_id_has_a_query_a_fragment_a_port_or_an_empty_segment(rest in "[a-zA-Z:/?#.@%]{0,20}") {
            let id = format!("spiffe://{rest}");
            if spiffe_fault(&id).is_none() {
                prop_assert!(!rest.contains(['?', '#', ':', '@', '%']) && !rest.contains("//"), "{}", id);
                prop_assert!(!rest.ends_with('/') && rest.contains('/'), "{}", id);
            }
        }
    }

    #[test]
    fn a_name_cannot_leave_its_folder() {
        for bad in ["", ".", "..", "../x", "a/b", ".hidden", "a b"] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
        assert!(check_name("orders-v2.shop").is_ok());
    }
}
