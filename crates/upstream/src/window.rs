//! How much HTTP/2 lets come before it is read, on either side of a gateway.
//!
//! A stream that nobody reads keeps its window's worth of bytes here, and h2 some 250 bytes of its own for every frame
//! of less than 256. It lets those grow to half of the connection's window, takes more for a flood of small frames
//! (RUSTSEC-2026-0258), and ends the connection with all of its streams. So that streams of small messages whose reader
//! is slow never look like one, the window of a connection is far wider than that of a stream: it has room for a
//! handful of the worst, and for dozens of those that send a hundred bytes at a time. How many streams there may be
//! at all is for other limits.

/// Of one stream, in bytes: at a round trip of a millisecond, 250 MB a second.
pub const STREAM_WINDOW: u32 = 256 << 10;

/// Of all streams of a connection together, in bytes.
pub const CONNECTION_WINDOW: u32 = 32 << 20;
