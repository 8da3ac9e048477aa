//! Follows the frames of HTTP/2 as they come, for what h2 keeps to itself: which stream a GOAWAY calls the last.
//!
//! Which of ours were not processed depends on it, and may be sent again (RFC 9113 §6.8, §8.7).

/// Where in a frame its peer is.
#[derive(Debug, Default)]
pub(super) struct Frames {
    /// The head of the frame, and of a GOAWAY its last stream.
    head: [u8; Self::WANTED],
    /// So much of it has come.
    have: usize,
    /// So much of the payload is still to come.
    skip: usize,
}

impl Frames {
    const HEAD: usize = 9;
    const WANTED: usize = Self::HEAD + 4;
    const GOAWAY: u8 = 7;

    /// Reads on; tells the last stream of a GOAWAY that has come with it.
    pub(super) fn follow(&mut self, mut bytes: &[u8]) -> Option<u32> {
        let mut last = None;
        while !bytes.is_empty() {
            if self.skip > 0 {
                let skipped = self.skip.min(bytes.len());
                self.skip -= skipped;
                bytes = &bytes[skipped..];
                continue;
            }
            let taken = (self.wanted() - self.have).min(bytes.len());
            self.head[self.have..self.have + taken].copy_from_slice(&bytes[..taken]);
            self.have += taken;
            bytes = &bytes[taken..];
            if self.have == self.wanted() {
                last = self.begin_payload().or(last);
            }
        }
        last
    }

    /// The head alone, until it is known that more is of use.
    fn wanted(&self) -> usize {
        let is_goaway = self.have >= Self::HEAD && self.head[3] == Self::GOAWAY && self.length() >= 4;
        if is_goaway { Self::WANTED } else { Self::HEAD }
    }

    fn length(&self) -> usize {
        u32::from_be_bytes([0, self.head[0], self.head[1], self.head[2]]) as usize
    }

    fn begin_payload(&mut self) -> Option<u32> {
        self.skip = self.length() - (self.have - Self::HEAD);
        let whole = self.have == Self::WANTED;
        self.have = 0;
        let [.., a, b, c, d] = self.head;
        whole.then(|| u32::from_be_bytes([a, b, c, d]) & 0x7fff_ffff)
    }
}

#[cfg(test)]
mod tests {
    use super::Frames;

    const SETTINGS: &[u8] = &[0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0];
    const GOAWAY: &[u8] = &[0, 0, 8, 7, 0, 0, 0, 0, 0, 0x80, 0, 0, 5, 0, 0, 0, 2];
    const PING: &[u8] = &[0, 0, 8, 6, 0, 0, 0, 0, 0, 7, 7, 7, 7, 7, 7, 7, 7];

    #[test]
    fn the_last_stream_of_a_goaway_is_found_among_other_frames() {
        let all = [SETTINGS, PING, GOAWAY, PING].concat();
        assert_eq!(Frames::default().follow(&all), Some(5));
        assert_eq!(Frames::default().follow(&[SETTINGS, PING].concat()), None);
    }

    #[test]
    fn it_is_found_wherever_reads_begin_and_end() {
        let all = [SETTINGS, GOAWAY, PING, GOAWAY].concat();
        for size in 1..all.len() {
            let mut frames = Frames::default();
            let found: Vec<_> = all
                .chunks(size)
                .filter_map(|chunk| frames.follow(chunk))
                .collect();
            assert!(!found.is_empty() && found.iter().all(|last| *last == 5), "{size}");
        }
    }

    #[test]
    fn a_goaway_that_is_too_short_says_nothing() {
        let short = [0, 0, 3, 7, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(Frames::default().follow(&[&short[..], PING].concat()), None);
    }
}
