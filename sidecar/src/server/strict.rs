//! What hyper's parser lets pass in HTTP/1.1 and we do not: a line of a head, or of trailers, that ends without a CR,
//! a fragment in a target, and a chunk size of more than sixteen digits (RFC 9112 §2.2, §3.2, §7.1).
//!
//! It parses nothing and answers nothing. It follows where heads and chunks begin, with hyper's word for how each
//! body is framed, and has hyper read [`BROKEN`] from the first wrong byte on. What is in bodies, and behind an
//! upgrade, is not looked at.

/// The most digits that a chunk's size may have.
const DIGITS: u8 = 16;
/// What hyper refuses at once, in a head, in a chunk's size and in trailers: a NUL, and the end of what it stands in.
pub(super) const BROKEN: &[u8] = b"\0\r\n\r\n";

/// How a request's body is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// By its length, which may be none.
    Length(u64),
    Chunked,
    /// What follows need not be HTTP.
    Upgrade,
}

/// Follows the bytes that one client sends.
#[derive(Debug)]
pub(super) struct Strict {
    at: At,
    lines: Lines,
}

/// What the next byte belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Head,
    /// What follows a head that hyper has not read yet.
    HeadEnd,
    Body(u64),
    ChunkSize {
        size: u64,
        digits: u8,
    },
    /// The rest of the line that the size begins.
    ChunkLine(u64),
    /// What is left of a chunk, the end of its last line included.
    Chunk(u64),
    Trailers,
    Unknown,
}

impl Strict {
    /// From a connection's first byte on.
    pub(super) fn new() -> Self {
        Self {
            at: At::Head,
            lines: Lines::of_head(),
        }
    }

    /// What comes is not HTTP/1.1.
    pub(super) fn ignore(&mut self) {
        self.at = At::Unknown;
    }

    /// A head begins with the next byte, even if that was looked at before.
    pub(super) fn begin_head(&mut self) {
        (self.at, self.lines) = (At::Head, Lines::of_head());
    }

    /// Looks through what hyper is to read next, and says how much of it hyper may read now: nothing behind a head,
    /// until it is known what that is. `framing` is that of the latest request that hyper has read.
    ///
    /// # Errors
    /// The first byte that is wrong, by its place.
    pub(super) fn check(&mut self, bytes: &[u8], framing: impl Fn() -> Framing) -> Result<usize, usize> {
        let mut from = 0;
        while from < bytes.len() {
            let rest = &bytes[from..];
            match self.at {
                // Almost always.
                At::Head if self.lines == Lines::of_head() && is_plain_head(rest) => {
                    from = bytes.len();
                    self.at = At::HeadEnd;
                }
                At::Head => {
                    from += self.lines.check(rest).map_err(|wrong| from + wrong)?;
                    if self.lines.over {
                        self.at = At::HeadEnd;
                        break;
                    }
                }
                At::HeadEnd => self.begin_body(framing()),
                At::Body(0) => self.begin_head(),
                At::Body(left) => from += skip(rest, left, At::Body, &mut self.at),
                At::Chunk(0) => self.at = At::CHUNK,
                At::Chunk(left) => from += skip(rest, left, At::Chunk, &mut self.at),
                At::ChunkSize { digits: DIGITS, .. } if rest[0].is_ascii_hexdigit() => return Err(from),
                At::ChunkSize { size, digits } => from += self.read_size(rest[0], size, digits),
                At::ChunkLine(size) => {
                    let line = line_in(rest);
                    from += line;
                    if rest[line - 1] == b'\n' {
                        self.begin_chunk(size);
                    }
                }
                At::Trailers => {
                    from += self.lines.check(rest).map_err(|wrong| from + wrong)?;
                    if self.lines.over {
                        self.begin_head();
                    }
                }
                At::Unknown => return Ok(bytes.len()),
            }
        }
        Ok(from)
    }

    fn begin_body(&mut self, framing: Framing) {
        self.at = match framing {
            Framing::Length(length) => At::Body(length),
            Framing::Chunked => At::CHUNK,
            Framing::Upgrade => At::Unknown,
        };
    }

    fn begin_chunk(&mut self, size: u64) {
        if size > 0 {
            self.at = At::Chunk(size.saturating_add(2));
        } else {
            (self.at, self.lines) = (At::Trailers, Lines::of_trailers());
        }
    }

    fn read_size(&mut self, byte: u8, size: u64, digits: u8) -> usize {
        let Some(digit) = char::from(byte).to_digit(16) else {
            self.at = At::ChunkLine(size);
            return 0;
        };
        self.at = At::ChunkSize {
            size: size << 4 | u64::from(digit),
            digits: digits + 1,
        };
        1
    }
}

impl At {
    const CHUNK: Self = Self::ChunkSize { size: 0, digits: 0 };
}

/// Passes over what there is of `left` bytes.
fn skip(bytes: &[u8], left: u64, rest: impl Fn(u64) -> At, at: &mut At) -> usize {
    let here = usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
    *at = rest(left - here as u64);
    here
}

/// How long the first line is, its end included; all there is, if it has none.
fn line_in(bytes: &[u8]) -> usize {
    memchr::memchr(b'\n', bytes).map_or(bytes.len(), |end| end + 1)
}

/// Whether this is one head, whole, with nothing before or behind it, and nothing wrong in it, nor anything that might
/// be: one pass of a few instructions for sixteen bytes.
fn is_plain_head(bytes: &[u8]) -> bool {
    const END: &[u8] = b"\r\n\r\n";
    let Some(lines) = bytes.strip_suffix(END) else {
        return false;
    };
    let first = lines.first().is_some_and(|byte| !b"\r\n#".contains(byte));
    let odd = lines
        .iter()
        .zip(lines.iter().skip(1))
        .fold(0, |odd, (byte, next)| {
            let ends = *byte == b'\n';
            odd | u8::from(*next == b'#')
            | u8::from((*next == b'\n') & (*byte != b'\r'))
            // An empty line, or one that begins oddly.
            | u8::from(ends & (*next == b'\r'))
        });
    // The last line must not be one that only END begins.
    first && odd == 0 && lines.last() != Some(&b'\n')
}

/// Lines up to an empty one.
#[derive(Debug, PartialEq, Eq)]
struct Lines {
    /// Of the line that is not over yet.
    length: usize,
    last: u8,
    /// Whether an empty line ends them: before a request's first line there may be some (RFC 9112 §2.2).
    begun: bool,
    /// In the request line, behind the method.
    target: bool,
    over: bool,
}

impl Lines {
    fn of_head() -> Self {
        Self {
            length: 0,
            last: 0,
            begun: false,
            target: false,
            over: false,
        }
    }

    fn of_trailers() -> Self {
        Self {
            begun: true,
            ..Self::of_head()
        }
    }

    /// Looks through lines, and says how long they are, or which byte is wrong.
    fn check(&mut self, bytes: &[u8]) -> Result<usize, usize> {
        let mut from = 0;
        while from < bytes.len() && !self.over {
            let line = &bytes[from..from + line_in(&bytes[from..])];
            self.check_line(line).map_err(|wrong| from + wrong)?;
            from += line.len();
        }
        Ok(from)
    }

    /// Looks at a line, or a piece of one.
    fn check_line(&mut self, line: &[u8]) -> Result<(), usize> {
        if !self.begun {
            self.check_target(line)?;
        }
        let (before, last) = match *line {
            [.., before, last] => (before, last),
            [last] => (self.last, last),
            [] => return Ok(()),
        };
        self.last = last;
        self.length += line.len();
        if last != b'\n' {
            return Ok(());
        }
        if before != b'\r' {
            return Err(line.len() - 1);
        }
        let empty = self.length == 2;
        self.over = self.begun && empty;
        self.begun |= !empty;
        self.length = 0;
        Ok(())
    }

    /// A fragment is for whoever asks, and is not sent (RFC 9110 §7.1); but `#` may stand in a method.
    fn check_target(&mut self, line: &[u8]) -> Result<(), usize> {
        let mut from = 0;
        if !self.target {
            let Some(space) = memchr::memchr(b' ', line) else {
                return Ok(());
            };
            self.target = true;
            from = space;
        }
        memchr::memchr(b'#', &line[from..]).map_or(Ok(()), |fragment| Err(from + fragment))
    }
}

#[cfg(test)]
mod tests;
