//! Distinguished names as text: `CN=orders,O=Shop`, most specific part first.
//!
//! Printable ASCII always: other bytes become `\C3\A9`, so that a name fits header fields and log lines as it is.
//!
//! Source: RFC 4514 §2.

use std::fmt::Write;

use x509_parser::x509::{AttributeTypeAndValue, X509Name};

/// The text of `name`; empty for the empty name.
pub(crate) fn text_of(name: &X509Name<'_>) -> String {
    let mut text = String::new();
    for rdn in name.iter_rdn().collect::<Vec<_>>().into_iter().rev() {
        for (nth, attribute) in rdn.iter().enumerate() {
            if !text.is_empty() {
                text.push(if nth == 0 { ',' } else { '+' });
            }
            push_attribute(&mut text, attribute);
        }
    }
    text
}

/// The value of the (last, most specific) common name of `name`, escaped as in [`text_of`].
pub(crate) fn common_name_of(name: &X509Name<'_>) -> Option<String> {
    let attribute = name.iter_common_name().last()?;
    let mut text = String::new();
    push_value(&mut text, attribute.as_slice());
    Some(text).filter(|text| !text.is_empty())
}

fn push_attribute(text: &mut String, attribute: &AttributeTypeAndValue<'_>) {
    let oid = attribute.attr_type().to_id_string();
    text.push_str(short_name(&oid).unwrap_or(&oid));
    text.push('=');
    push_value(text, attribute.as_slice());
}

/// The names of RFC 4514 §3; any other type is written as its number.
fn short_name(oid: &str) -> Option<&'static str> {
    Some(match oid {
        "2.5.4.3" => "CN",
        "2.5.4.7" => "L",
        "2.5.4.8" => "ST",
        "2.5.4.10" => "O",
        "2.5.4.11" => "OU",
        "2.5.4.6" => "C",
        "2.5.4.9" => "STREET",
        "0.9.2342.19200300.100.1.25" => "DC",
        "0.9.2342.19200300.100.1.1" => "UID",
        _ => return None,
    })
}

/// Escapes what RFC 4514 §2.4 demands, and every byte that is not printable ASCII.
fn push_value(text: &mut String, value: &[u8]) {
    for (at, &byte) in value.iter().enumerate() {
        let edge_space = byte == b' ' && (at == 0 || at + 1 == value.len());
        match byte {
            b'"' | b'+' | b',' | b';' | b'<' | b'>' | b'\\' => escape(text, byte),
            b'#' if at == 0 => escape(text, byte),
            b' ' if edge_space => escape(text, byte),
            b' '..=b'~' => text.push(char::from(byte)),
            // Writing to a string cannot fail.
            _ => drop(write!(text, "\\{byte:02X}")),
        }
    }
}

fn escape(text: &mut String, byte: u8) {
    text.push('\\');
    text.push(char::from(byte));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn escaped(value: &str) -> String {
        let mut text = String::new();
        push_value(&mut text, value.as_bytes());
        text
    }

    #[test]
    fn what_would_end_a_value_is_escaped() {
        assert_eq!(escaped("Shop, Inc."), "Shop\\, Inc.");
        assert_eq!(escaped(" a "), "\\ a\\ ");
        assert_eq!(escaped("#1 \"b\""), "\\#1 \\\"b\\\"");
        assert_eq!(escaped("Lučić"), "Lu\\C4\\8Di\\C4\\87");
        assert_eq!(escaped("a\r\nb"), "a\\0D\\0Ab");
    }

    proptest! {
        #[test]
        fn a_value_is_printable_ascii_whatever_it_held(value in any::<String>()) {
            prop_assert!(escaped(&value).bytes().all(|byte| (b' '..=b'~').contains(&byte)));
        }
    }
}
