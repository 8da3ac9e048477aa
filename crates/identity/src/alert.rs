//! TLS alerts: number, name, and what it usually means when a peer sends one.
//!
//! Source: RFC 8446 §6 and the IANA registry of TLS alerts.

/// An alert that ends a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alert {
    /// Its number, as in `alert-id`.
    pub id: u8,
    /// Its name as RFC 8446 spells it, as in `alert-message`.
    pub name: &'static str,
    /// The value of the metric label `result`.
    pub(crate) label: &'static str,
    /// What the peer most likely means, if it can be said.
    pub(crate) hint: Option<&'static str>,
}

impl Alert {
    /// The alert of this number; named `unknown` if there is none in the registry.
    pub fn of(id: u8) -> Self {
        let known = ALERTS.iter().find(|alert| alert.id == id);
        known.copied().unwrap_or(Self { id, ..UNKNOWN })
    }

    /// Whether the peer refuses our certificate with it.
    pub fn is_about_our_certificate(self) -> bool {
        matches!(self.id, 41..=46 | 48 | 49 | 111 | 113 | 114 | 116)
    }
}

const fn row(id: u8, label: &'static str, hint: Option<&'static str>) -> Alert {
    // The label is the name behind `alert_`.
    let (_, name) = label.split_at("alert_".len());
    Alert {
        id,
        name,
        label,
        hint,
    }
}

const UNKNOWN: Alert = row(0, "alert_unknown", None);

#[rustfmt::skip]
pub(crate) const ALERTS: &[Alert] = &[
    row(0,   "alert_close_notify",                    Some("it closed the connection in the handshake")),
    row(10,  "alert_unexpected_message",              None),
    row(20,  "alert_bad_record_mac",                  Some("data was damaged on the way, or the two sides disagree on keys")),
    row(21,  "alert_decryption_failed",               None),
    row(22,  "alert_record_overflow",                 None),
    row(30,  "alert_decompression_failure",           None),
    row(40,  "alert_handshake_failure",               Some("it finds no common ground: cipher, key exchange, or a client certificate that it misses")),
    row(41,  "alert_no_certificate",                  Some("it asks for a client certificate, and got none")),
    row(42,  "alert_bad_certificate",                 Some("it refuses our certificate: it finds it malformed or badly signed")),
    row(43,  "alert_unsupported_certificate",         Some("it refuses our certificate: of a kind, or for a usage, that it does not take")),
    row(44,  "alert_certificate_revoked",             Some("it refuses our certificate: revoked")),
    row(45,  "alert_certificate_expired",             Some("it refuses our certificate: expired, or not valid yet; renew it, and compare the clocks")),
    row(46,  "alert_certificate_unknown",             Some("it refuses our certificate: for a reason that it does not tell")),
    row(47,  "alert_illegal_parameter",               None),
    row(48,  "alert_unknown_ca",                      Some("it refuses our certificate: its issuer is not in the peer's trust bundle")),
    row(49,  "alert_access_denied",                   Some("it knows our certificate and refuses us: our name or identity is not one that it allows")),
    row(50,  "alert_decode_error",                    None),
    row(51,  "alert_decrypt_error",                   Some("a signature or a key of ours did not verify there")),
    row(60,  "alert_export_restriction",              None),
    row(70,  "alert_protocol_version",                Some("it speaks neither TLS 1.3 nor 1.2")),
    row(71,  "alert_insufficient_security",           Some("it demands stronger ciphers")),
    row(80,  "alert_internal_error",                  Some("it failed on its side; its log may say why")),
    row(86,  "alert_inappropriate_fallback",          None),
    row(90,  "alert_user_canceled",                   Some("it gave up the handshake")),
    row(100, "alert_no_renegotiation",                None),
    row(109, "alert_missing_extension",               Some("it demands a TLS extension, often a server name (SNI)")),
    row(110, "alert_unsupported_extension",           None),
    row(111, "alert_certificate_unobtainable",        None),
    row(112, "alert_unrecognized_name",               Some("it serves nobody under the server name (SNI) that was asked for")),
    row(113, "alert_bad_certificate_status_response", Some("it refuses our certificate: its stapled status is bad")),
    row(114, "alert_bad_certificate_hash_value",      None),
    row(115, "alert_unknown_psk_identity",            None),
    row(116, "alert_certificate_required",            Some("it asks for a client certificate, and got none")),
    row(120, "alert_no_application_protocol",         Some("it speaks none of the application protocols that were offered (ALPN)")),
    row(121, "alert_ech_required",                    None),
];
