//! The line that is just coming in: of a head that is too large, the field that makes it so.

/// The end of what has come, from its last line feed on.
#[derive(Debug, Default)]
pub(crate) struct Line {
    /// How it begins.
    start: Vec<u8>,
    length: u64,
}

impl Line {
    /// Only so many bytes of a connection are looked through: larger heads are refused, and bodies are none of ours.
    pub(super) const FOLLOWED: u64 = 128 * 1024;
    /// So much of the beginning is kept: enough for a field's name.
    const KEPT: usize = 64;

    pub(super) fn follow(&mut self, read: &[u8]) {
        let rest = match memchr::memrchr(b'\n', read) {
            Some(end) => {
                self.start.clear();
                self.length = 0;
                &read[end + 1..]
            }
            None => read,
        };
        let kept = rest.len().min(Self::KEPT - self.start.len());
        self.start.extend_from_slice(&rest[..kept]);
        self.length += rest.len() as u64;
    }

    /// How long it is so far.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// The name of the field, if it is one.
    pub(crate) fn field(&self) -> Option<http::HeaderName> {
        let end = self.start.iter().position(|byte| *byte == b':')?;
        http::HeaderName::from_bytes(&self.start[..end]).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::Line;

    fn after(reads: &[&[u8]]) -> Line {
        let mut line = Line::default();
        for read in reads {
            line.follow(read);
        }
        line
    }

    #[test]
    fn it_begins_after_the_last_line_feed_and_grows_with_each_read() {
        let line = after(&[b"HTTP/1.1 200 OK\r\nx-hu", b"ge: hhhh", b"hhhh"]);
        assert_eq!((line.length(), line.field().unwrap().as_str()), (16, "x-huge"));
    }

    #[test]
    fn a_line_feed_begins_another() {
        let line = after(&[&[b'x'; 1000], b": y\r\nb", b": z"]);
        assert_eq!((line.length(), line.field().unwrap().as_str()), (4, "b"));
    }

    #[test]
    fn a_line_that_is_no_field_has_no_name() {
        for line in [&b"HTTP/1.1 200 OOOOO"[..], b"a b: c", b": c", b""] {
            assert!(after(&[line]).field().is_none());
        }
    }
}
