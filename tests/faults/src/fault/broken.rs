//! Frames that break HTTP/2, and answers to gRPC calls that are none.

use crate::frames::{
    ACK, CONTINUATION, END_HEADERS, END_STREAM, GOAWAY, PADDED, PING, PRIORITY, PUSH_PROMISE, RST_STREAM,
    SETTINGS, WINDOW_UPDATE, block, data, frame, head, headers,
};

/// Defines an enum of answers: the frames of each, given its stream.
macro_rules! answers {
    ($(#[$doc:meta])* $kind:ident($stream:ident) { $($(#[$said:meta])* $name:ident = $frames:expr,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $kind {
            $($(#[$said])* $name,)*
        }

        impl $kind {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The frames that answer the request on `stream`.
            pub(crate) fn frames(self, $stream: u32) -> Vec<u8> {
                match self { $(Self::$name => $frames,)* }
            }
        }
    };
}

/// A head that is malformed, or not, and a body of `ok`.
fn with_head(stream: u32, fields: &[(&str, &str)]) -> Vec<u8> {
    [
        headers(stream, END_HEADERS, &block(fields)),
        data(stream, END_STREAM, b"ok"),
    ]
    .concat()
}

/// A good head, part of a body, and trailers.
fn with_trailers(stream: u32, fields: &[(&str, &str)]) -> Vec<u8> {
    [
        head(stream, &[]),
        data(stream, 0, b"part"),
        headers(stream, END_HEADERS | END_STREAM, &block(fields)),
    ]
    .concat()
}

answers! {
    /// What breaks HTTP/2 (RFC 9113, RFC 7541). All but the last group come where a head is waited for.
    Broken(stream) {
        // ---- pseudo-fields (RFC 9113 §8.3)
        /// No `:status`.
        NoStatus = with_head(stream, &[("x-field", "x")]),
        /// `:status` twice.
        TwoStatuses = with_head(stream, &[(":status", "200"), (":status", "200")]),
        /// `:status: ok`.
        StatusText = with_head(stream, &[(":status", "ok")]),
        /// `:status: 99`.
        StatusTwoDigits = with_head(stream, &[(":status", "99")]),
        /// `:status: 1000`.
        StatusFourDigits = with_head(stream, &[(":status", "1000")]),
        /// `:status` after a field.
        StatusAfterField = with_head(stream, &[("x-field", "x"), (":status", "200")]),
        /// `:path`, which is a request's.
        RequestPseudo = with_head(stream, &[(":status", "200"), (":path", "/")]),
        /// `:what`, which is nothing's.
        UnknownPseudo = with_head(stream, &[(":status", "200"), (":what", "x")]),
        // ---- fields (§8.2)
        /// A field without a name.
        NoName = with_head(stream, &[(":status", "200"), ("", "x")]),
        /// A space in a name.
        SpaceInName = with_head(stream, &[(":status", "200"), ("x field", "x")]),
        /// A NUL in a value.
        NulInValue = with_head(stream, &[(":status", "200"), ("x-field", "a\0b")]),
        /// CR LF in a value, which would be two fields in HTTP/1.1.
        CrLfInValue = with_head(stream, &[(":status", "200"), ("x-field", "a\r\nx-other: b")]),
        /// `connection`.
        Connection = with_head(stream, &[(":status", "200"), ("connection", "close")]),
        /// `proxy-connection`.
        ProxyConnection = with_head(stream, &[(":status", "200"), ("proxy-connection", "close")]),
        /// `keep-alive`.
        KeepAlive = with_head(stream, &[(":status", "200"), ("keep-alive", "timeout=5")]),
        /// `transfer-encoding`.
        TransferEncoding = with_head(stream, &[(":status", "200"), ("transfer-encoding", "chunked")]),
        /// `upgrade`.
        Upgrade = with_head(stream, &[(":status", "200"), ("upgrade", "h2c")]),
        // ---- content-length (§8.1.1)
        /// `content-length` twice, with other numbers.
        TwoLengths = with_head(stream, &[(":status", "200"), ("content-length", "2"), ("content-length", "3")]),
        /// `content-length: two`.
        LengthText = with_head(stream, &[(":status", "200"), ("content-length", "two")]),
        /// `content-length: 4` and the end of the stream.
        LengthWithoutBody =
            headers(stream, END_HEADERS | END_STREAM, &block(&[(":status", "200"), ("content-length", "4")])),
        /// `content-length: 1` and two bytes.
        LengthTooSmall = with_head(stream, &[(":status", "200"), ("content-length", "1")]),
        // ---- header blocks (RFC 7541)
        /// The index 0.
        HpackIndexZero = headers(stream, END_HEADERS, &[0x88, 0x80]),
        /// An index beyond both tables.
        HpackIndexTooLarge = headers(stream, END_HEADERS, &[0x88, 0xff, 0x80, 0x01]),
        /// An integer without an end.
        HpackEndlessInteger = headers(stream, END_HEADERS, &[0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        /// A string that is longer than its block.
        HpackCut = headers(stream, END_HEADERS, &[0x88, 0x00, 0x05, b'x']),
        /// A Huffman code that ends in EOS.
        HpackBadHuffman = headers(stream, END_HEADERS, &[0x88, 0x00, 0x84, 0xff, 0xff, 0xff, 0xff, 0x01, b'x']),
        /// A dynamic table larger than was allowed.
        HpackTableTooLarge = headers(stream, END_HEADERS, &[0x3f, 0xe1, 0xff, 0xff, 0x03, 0x88]),
        // ---- frames where they may not be (RFC 9113 §5, §6)
        /// `DATA` before a head.
        DataFirst = data(stream, END_STREAM, b"ok"),
        /// `DATA` on stream 0.
        DataOnStreamZero = data(0, 0, b"ok"),
        /// `DATA` on a stream that was never opened.
        DataOnIdleStream = data(stream + 100, 0, b"ok"),
        /// `HEADERS` on stream 0.
        HeadersOnStreamZero = head(0, &[]),
        /// `HEADERS` on a stream that only a server could have opened, and may not.
        HeadersOnEvenStream = head(2, &[]),
        /// `CONTINUATION` after nothing.
        ContinuationFirst = frame(CONTINUATION, END_HEADERS, stream, &[0x88]),
        /// A frame of another kind within a header block.
        PingInHeaders = [headers(stream, 0, &[0x88]), frame(PING, 0, 0, b"12345678")].concat(),
        /// `CONTINUATION` of another stream's header block.
        ContinuationElsewhere =
            [headers(stream, 0, &[0x88]), frame(CONTINUATION, END_HEADERS, stream + 2, &[])].concat(),
        /// `PUSH_PROMISE`, though push is off.
        PushPromise = frame(PUSH_PROMISE, END_HEADERS, stream, &[0, 0, 0, 2, 0x82, 0x86, 0x84, 0x41, 1, b'x']),
        /// `RST_STREAM` of stream 0.
        ResetOfStreamZero = frame(RST_STREAM, 0, 0, &[0, 0, 0, 8]),
        /// `RST_STREAM` of a stream that was never opened.
        ResetOfIdleStream = frame(RST_STREAM, 0, stream + 100, &[0, 0, 0, 8]),
        /// `SETTINGS` on a stream.
        SettingsOnStream = frame(SETTINGS, 0, stream, &[]),
        /// `PING` on a stream.
        PingOnStream = frame(PING, 0, stream, b"12345678"),
        /// `GOAWAY` on a stream.
        GoAwayOnStream = frame(GOAWAY, 0, stream, &[0; 8]),
        // ---- frames of a wrong size or content (§4.2, §6)
        /// `DATA` of 16,385 bytes, one more than was allowed.
        FrameTooLarge = [head(stream, &[]), data(stream, END_STREAM, &[b'x'; 16_385])].concat(),
        /// `HEADERS` with more padding than it is long.
        PaddingTooLong = headers(stream, END_HEADERS | PADDED, &[200, 0x88]),
        /// `HEADERS` of no bytes that say they are padded.
        PaddingMissing = headers(stream, END_HEADERS | PADDED, &[]),
        /// `SETTINGS` of 5 bytes.
        SettingsOfOddLength = frame(SETTINGS, 0, 0, &[0; 5]),
        /// An acknowledgement of settings with settings.
        SettingsAckWithPayload = frame(SETTINGS, ACK, 0, &[0; 6]),
        /// `SETTINGS_INITIAL_WINDOW_SIZE` beyond 2^31-1.
        SettingsWindowTooLarge = frame(SETTINGS, 0, 0, &[0, 4, 0xff, 0xff, 0xff, 0xff]),
        /// `SETTINGS_MAX_FRAME_SIZE` of 1.
        SettingsFrameTooSmall = frame(SETTINGS, 0, 0, &[0, 5, 0, 0, 0, 1]),
        /// `SETTINGS_ENABLE_PUSH` of 2.
        SettingsPushOfTwo = frame(SETTINGS, 0, 0, &[0, 2, 0, 0, 0, 2]),
        /// `PING` of 7 bytes.
        PingOfSeven = frame(PING, 0, 0, b"1234567"),
        /// `RST_STREAM` of 3 bytes.
        ResetOfThree = frame(RST_STREAM, 0, stream, &[0; 3]),
        /// `GOAWAY` of 7 bytes.
        GoAwayOfSeven = frame(GOAWAY, 0, 0, &[0; 7]),
        /// `PRIORITY` of 4 bytes.
        PriorityOfFour = frame(PRIORITY, 0, stream, &[0; 4]),
        /// `WINDOW_UPDATE` of 3 bytes.
        WindowUpdateOfThree = frame(WINDOW_UPDATE, 0, 0, &[0; 3]),
        /// `WINDOW_UPDATE` by 0 for the connection.
        WindowUpdateByZero = frame(WINDOW_UPDATE, 0, 0, &[0; 4]),
        /// `WINDOW_UPDATE` by 0 for the stream.
        StreamWindowUpdateByZero = frame(WINDOW_UPDATE, 0, stream, &[0; 4]),
        /// `WINDOW_UPDATE` beyond 2^31-1 for the connection.
        WindowOverflow = frame(WINDOW_UPDATE, 0, 0, &[0x7f, 0xff, 0xff, 0xff]),
        /// `WINDOW_UPDATE` beyond 2^31-1 for the stream.
        StreamWindowOverflow = frame(WINDOW_UPDATE, 0, stream, &[0x7f, 0xff, 0xff, 0xff]).repeat(2),
        /// A head with status 100 that ends the stream.
        InformationalEnd = headers(stream, END_HEADERS | END_STREAM, &block(&[(":status", "100")])),
        // ---- after a good head
        /// Trailers with a pseudo-field.
        PseudoInTrailers = with_trailers(stream, &[(":status", "200"), ("x-trailer", "x")]),
        /// Trailers with a field that is a connection's.
        ConnectionInTrailers = with_trailers(stream, &[("connection", "close")]),
        /// Trailers with a capital in a name.
        CapitalInTrailers = with_trailers(stream, &[("X-Trailer", "x")]),
        /// Trailers that do not end the stream.
        TrailersWithoutEnd = [
            head(stream, &[]),
            data(stream, 0, b"part"),
            headers(stream, END_HEADERS, &block(&[("x-trailer", "x")])),
        ]
        .concat(),
        /// 4 bytes of 6 that were announced, and then 4 more.
        BodyTooLong = [
            head(stream, &[("content-length", "6")]),
            data(stream, 0, b"part"),
            data(stream, END_STREAM, b"more"),
        ]
        .concat(),
        /// `DATA` with more padding than it is long, after 4 bytes.
        PaddingTooLongInBody =
            [head(stream, &[]), data(stream, 0, b"part"), data(stream, PADDED, &[9, b'x'])].concat(),
        /// More than the window allows.
        WindowExceeded = [head(stream, &[]), data(stream, 0, &[b'x'; 16_384]).repeat(1024)].concat(),
    }
}

/// A message with its prefix: not compressed, 4 bytes.
const MESSAGE: &[u8] = b"\0\0\0\0\x04part";
/// A message that is announced with 100 bytes and has 4.
const HALF: &[u8] = b"\0\0\0\0\x64part";

fn grpc_head(stream: u32) -> Vec<u8> {
    head(stream, &[("content-type", "application/grpc")])
}

fn grpc(stream: u32, message: &[u8], trailers: &[(&str, &str)]) -> Vec<u8> {
    let end = headers(stream, END_HEADERS | END_STREAM, &block(trailers));
    [grpc_head(stream), data(stream, 0, message), end].concat()
}

fn http(stream: u32, status: &str, kind: &str) -> Vec<u8> {
    let head = headers(
        stream,
        END_HEADERS,
        &block(&[(":status", status), ("content-type", kind)]),
    );
    [head, data(stream, END_STREAM, b"from the app")].concat()
}

answers! {
    /// Answers to a gRPC call (`PROTOCOL-HTTP2.md` of its specification).
    Grpc(stream) {
        /// None wrong: a message, and status 0.
        Ok = grpc(stream, MESSAGE, &[("grpc-status", "0")]),
        /// Status 5 in a head that is all.
        TrailersOnly = headers(
            stream,
            END_HEADERS | END_STREAM,
            &block(&[(":status", "200"), ("content-type", "application/grpc"), ("grpc-status", "5")]),
        ),
        /// A message, and no trailers.
        NoTrailers = [grpc_head(stream), data(stream, END_STREAM, MESSAGE)].concat(),
        /// Trailers without a status.
        NoStatus = grpc(stream, MESSAGE, &[("x-trailer", "x")]),
        /// Status `ok`, which is no number.
        StatusText = grpc(stream, MESSAGE, &[("grpc-status", "ok")]),
        /// Status 99, which is none of gRPC's.
        StatusUnknown = grpc(stream, MESSAGE, &[("grpc-status", "99")]),
        /// Status `-1`.
        StatusNegative = grpc(stream, MESSAGE, &[("grpc-status", "-1")]),
        /// Half a message, and status 0.
        HalfMessage = grpc(stream, HALF, &[("grpc-status", "0")]),
        /// Half a message, and the end without trailers.
        HalfMessageNoTrailers = [grpc_head(stream), data(stream, END_STREAM, HALF)].concat(),
        /// HTTP's 503, as a balancer says it that knows no gRPC.
        Http503 = http(stream, "503", "text/html"),
        /// HTTP's 404.
        Http404 = http(stream, "404", "text/plain"),
        /// HTTP's 200 with a page.
        Page = http(stream, "200", "text/html"),
    }
}
