//! What a peer that does not speak HTTP seems to speak, from its first bytes.

/// A clause about bytes that should have been an HTTP response; `None` if they look like one.
pub(crate) fn of(bytes: &[u8]) -> Option<&'static str> {
    let starts = |prefix: &[u8]| bytes.starts_with(prefix);
    Some(match bytes {
        [] => return None,
        // ContentType alert or handshake, version 3.x (RFC 8446 §5.1).
        [0x15 | 0x16, 0x03, ..] => "the upstream speaks TLS on a port configured as plaintext",
        _ if is_http2(bytes) => "the upstream speaks HTTP/2 on a port configured as HTTP/1.1",
        _ if starts(b"HTTP/1.") || b"HTTP/1.".starts_with(bytes) => return None,
        _ if starts(b"PRI * HTTP/2") => "the upstream speaks HTTP/2 on a port configured as HTTP/1.1",
        _ if starts(b"HTTP/") => "the upstream answers in another version of HTTP",
        _ if starts(b"SSH-") => "the upstream is an SSH server",
        _ if starts(b"220 ") || starts(b"220-") => "the upstream looks like a mail or FTP server",
        _ if starts(b"<") => "the upstream sends bare HTML or XML",
        _ if starts(b"-ERR") || starts(b"+OK") => "the upstream looks like a Redis or POP3 server",
        _ if starts(b"* OK") => "the upstream looks like an IMAP server",
        _ if starts(b"AMQP") => "the upstream looks like an AMQP broker",
        // Length, sequence 0, protocol 10, a version in digits: a greeting.
        [_, _, 0, 0, 10, b'0'..=b'9', ..] => "the upstream looks like a MySQL server",
        _ if starts(b"{") || starts(b"[") => "the upstream sends bare JSON",
        _ if is_request(bytes) => "the upstream sends a request where it should answer",
        _ if bytes.iter().all(|byte| matches!(byte, 9 | 10 | 13 | 32..=126)) => {
            "the upstream sends plain text"
        }
        _ => "the upstream sends binary data",
    })
}

/// A SETTINGS frame on stream 0 is a server's preface (RFC 9113 §3.4).
pub(crate) fn is_http2(bytes: &[u8]) -> bool {
    matches!(bytes, [0, _, _, 4, _, 0, 0, 0, 0, ..])
}

fn is_request(bytes: &[u8]) -> bool {
    const METHODS: [&[u8]; 9] = [
        b"GET ",
        b"HEAD ",
        b"POST ",
        b"PUT ",
        b"PATCH ",
        b"DELETE ",
        b"OPTIONS ",
        b"CONNECT ",
        b"TRACE ",
    ];
    METHODS.iter().any(|method| bytes.starts_with(method))
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn a_peer_that_does_not_speak_http_is_recognised() {
        assert!(of(b"\x15\x03\x01\x00\x02\x02\x46").is_some_and(|text| text.contains("TLS")));
        assert!(of(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00").is_some_and(|text| text.contains("HTTP/2")));
        assert!(of(b"SSH-2.0-OpenSSH_9.6").is_some_and(|text| text.contains("SSH")));
        assert!(of(b"220 mail.example ESMTP").is_some_and(|text| text.contains("mail")));
        assert!(of(b"<html>").is_some_and(|text| text.contains("HTML")));
        assert!(of(b"* OK IMAP4rev1").is_some_and(|text| text.contains("IMAP")));
        assert!(of(b"AMQP\x00\x00\x09\x01").is_some_and(|text| text.contains("AMQP")));
        assert!(of(b"\x4a\x00\x00\x00\x0a8.4.0").is_some_and(|text| text.contains("MySQL")));
        assert!(of(b"PRI * HTTP/2.0\r\n").is_some_and(|text| text.contains("HTTP/2")));
        assert!(of(b"{\"status\":").is_some_and(|text| text.contains("JSON")));
        assert!(of(b"POST / HTTP/1.1").is_some_and(|text| text.contains("a request")));
        assert!(of(b"hello there").is_some_and(|text| text.contains("plain text")));
        assert!(of(b"\xde\xad\xbe\xef").is_some_and(|text| text.contains("binary")));
    }

    #[test]
    fn http_is_not_guessed_at() {
        assert_eq!(of(b"HTTP/1.1 2x0 OK\r\n"), None);
        for begun in [&b""[..], b"H", b"HTTP/1"] {
            assert_eq!(of(begun), None);
        }
    }
}
