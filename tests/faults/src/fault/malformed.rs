//! What is said instead of a good answer in HTTP/1.1, byte by byte; and good answers that are rarely seen.

/// Defines an enum of things to say; what is said is also what the documentation of each says.
macro_rules! said {
    ($(#[$doc:meta])* $kind:ident { $($name:ident = $said:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $kind {
            $(
                #[doc = concat!("`", stringify!($said), "`")]
                $name,
            )*
        }

        impl $kind {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// What is said.
            pub fn said(self) -> &'static [u8] {
                match self { $(Self::$name => $said,)* }
            }
        }
    };
}

said! {
    /// What is no good response, or none at all.
    Malformed {
        // ---- other protocols
        Smtp                = b"220 mail.shop.svc ESMTP ready\r\n",
        Ftp                 = b"220-Welcome\r\n220 ready\r\n",
        Imap                = b"* OK IMAP4rev1 ready\r\n",
        Redis               = b"-ERR unknown command 'GET'\r\n",
        Memcached           = b"ERROR\r\n",
        Amqp                = b"AMQP\x00\x00\x09\x01",
        MySql               = b"\x4a\x00\x00\x00\x0a8.4.0\x00\x08\x00\x00\x00",
        TlsServerHello      = b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03",
        TlsAlert            = b"\x15\x03\x01\x00\x02\x02\x46",
        H2Settings          = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00",
        H2Preface           = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        Request             = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n",
        Html                = b"<html><body>It works!</body></html>\r\n\r\n",
        Json                = b"{\"status\":\"ok\"}\r\n\r\n",
        Text                = b"ok\r\n\r\n",
        Zeros               = b"\x00\x00\x00\x00\x00\x00\x00\x00\r\n\r\n",
        // ---- the status line
        Icy                 = b"ICY 200 OK\r\n\r\n",
        Lowercase           = b"http/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
        NoVersion           = b"200 OK\r\ncontent-length: 2\r\n\r\nok",
        NoSlash             = b"HTTP 200 OK\r\ncontent-length: 2\r\n\r\nok",
        Version12           = b"HTTP/1.2 200 OK\r\ncontent-length: 2\r\n\r\nok",
        Version2            = b"HTTP/2.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
        Version11x          = b"HTTP/1.1x 200 OK\r\ncontent-length: 2\r\n\r\nok",
        SpaceFirst          = b" HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
        TabsBetween         = b"HTTP/1.1\t200\tOK\r\ncontent-length: 2\r\n\r\nok",
        NoStatus            = b"HTTP/1.1\r\ncontent-length: 2\r\n\r\nok",
        StatusOneDigit      = b"HTTP/1.1 2 OK\r\ncontent-length: 2\r\n\r\nok",
        StatusTwoDigits     = b"HTTP/1.1 20 OK\r\ncontent-length: 2\r\n\r\nok",
        StatusNegative      = b"HTTP/1.1 -200 OK\r\ncontent-length: 2\r\n\r\nok",
        StatusSigned        = b"HTTP/1.1 +200 OK\r\ncontent-length: 2\r\n\r\nok",
        StatusHex           = b"HTTP/1.1 0xC8 OK\r\ncontent-length: 2\r\n\r\nok",
        StatusZero          = b"HTTP/1.1 000 OK\r\ncontent-length: 2\r\n\r\nok",
        Status099           = b"HTTP/1.1 099 OK\r\ncontent-length: 2\r\n\r\nok",
        NulInPhrase         = b"HTTP/1.1 200 O\x00K\r\ncontent-length: 2\r\n\r\nok",
        CrInPhrase          = b"HTTP/1.1 200 O\rK\r\ncontent-length: 2\r\n\r\nok",
        // ---- fields
        NoColon             = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-field\r\n\r\nok",
        NoName              = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n: x\r\n\r\nok",
        NulInName           = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-\x00: x\r\n\r\nok",
        ControlInName       = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-\x01: x\r\n\r\nok",
        HighByteInName      = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-\xe9: x\r\n\r\nok",
        ControlInValue      = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-field: a\x01b\r\n\r\nok",
        DeleteInValue       = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-field: a\x7fb\r\n\r\nok",
        CrInValue           = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-field: a\rb\r\n\r\nok",
        LfInValue           = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-field: a\nb\r\n\r\nok",
        Folded              = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-field: a\r\n b\r\n\r\nok",
        FirstFieldIndented  = b"HTTP/1.1 200 OK\r\n content-length: 2\r\n\r\nok",
        // ---- framing
        NegativeLength      = b"HTTP/1.1 200 OK\r\ncontent-length: -2\r\n\r\nok",
        SignedLength        = b"HTTP/1.1 200 OK\r\ncontent-length: +2\r\n\r\nok",
        HexLength           = b"HTTP/1.1 200 OK\r\ncontent-length: 0x2\r\n\r\nok",
        FractionalLength    = b"HTTP/1.1 200 OK\r\ncontent-length: 2.0\r\n\r\nok",
        EmptyLength         = b"HTTP/1.1 200 OK\r\ncontent-length:\r\n\r\nok",
        SpacedLength        = b"HTTP/1.1 200 OK\r\ncontent-length: 1 2\r\n\r\nok",
        OverflowingLength   = b"HTTP/1.1 200 OK\r\ncontent-length: 18446744073709551618\r\n\r\nok",
        ListedLengths       = b"HTTP/1.1 200 OK\r\ncontent-length: 2, 3\r\n\r\nok",
        LengthAndText       = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: two\r\n\r\nok",
        LengthAndChunked    = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        ChunkedAndLength    = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 2\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        ChunkedInHttp10     = b"HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        // ---- codings
        Gzip                = b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n\x1f\x8b",
        GzipChunked         = b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        ChunkedGzip         = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked, gzip\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        ChunkedTwice        = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        ChunkedTwoFields    = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        Identity            = b"HTTP/1.1 200 OK\r\ntransfer-encoding: identity\r\n\r\nok",
        XChunked            = b"HTTP/1.1 200 OK\r\ntransfer-encoding: xchunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        QuotedChunked       = b"HTTP/1.1 200 OK\r\ntransfer-encoding: \"chunked\"\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        ParametrizedChunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked;q=1\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        EmptyCoding         = b"HTTP/1.1 200 OK\r\ntransfer-encoding:\r\n\r\nok",
        // ---- chunks
        ChunkSizeText       = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nmuch\r\nok\r\n0\r\n\r\n",
        ChunkSizeNegative   = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n-2\r\nok\r\n0\r\n\r\n",
        ChunkSizeSigned     = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n+2\r\nok\r\n0\r\n\r\n",
        ChunkSizePrefixed   = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0x2\r\nok\r\n0\r\n\r\n",
        ChunkSizeOverflow   = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n10000000000000002\r\nok\r\n0\r\n\r\n",
        ChunkSizeEmpty      = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\r\nok\r\n0\r\n\r\n",
        ChunkSizeUnended    = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\rok\r\n0\r\n\r\n",
        ChunkTooLong        = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nok\r\n0\r\n\r\n",
        LastChunkUnended    = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\rx\r\n\r\n",
    }
}

said! {
    /// Good responses that are rarely seen, and some that RFC 9112 asks a recipient to put up with.
    Unusual {
        NoPhrase            = b"HTTP/1.1 200\r\ncontent-length: 2\r\n\r\nok",
        EmptyPhrase         = b"HTTP/1.1 200 \r\ncontent-length: 2\r\n\r\nok",
        HighBytesInPhrase   = b"HTTP/1.1 200 \xd6K\r\ncontent-length: 2\r\n\r\nok",
        EmptyLineFirst      = b"\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
        BareLineFeeds       = b"HTTP/1.1 200 OK\ncontent-length: 2\n\nok",
        SpaceBeforeColon    = b"HTTP/1.1 200 OK\r\ncontent-length : 2\r\n\r\nok",
        EmptyValue          = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-empty:\r\n\r\nok",
        HighBytesInValue    = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-field: caf\xe9\r\n\r\nok",
        SameLengthTwice     = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\nok",
        SameLengthListed    = b"HTTP/1.1 200 OK\r\ncontent-length: 2, 2\r\n\r\nok",
        CapitalChunked      = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        ChunkExtension      = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2;name=\"value\"\r\nok\r\n0;last\r\n\r\n",
        ChunkSizeZeros      = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n00002\r\nok\r\n000\r\n\r\n",
        Trailers            = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n2\r\nok\r\n0\r\nx-sum: 1\r\n\r\n",
        Continue            = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
        EarlyHints          = b"HTTP/1.1 103 Early Hints\r\nlink: </style.css>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
        Version10           = b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\nok",
        Status299           = b"HTTP/1.1 299 Odd\r\ncontent-length: 2\r\n\r\nok",
        Status599           = b"HTTP/1.1 599 Odd\r\ncontent-length: 2\r\n\r\nok",
        Status999           = b"HTTP/1.1 999 Odd\r\ncontent-length: 2\r\n\r\nok",
        BytesAfter          = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfake",
        NoContentWithBody   = b"HTTP/1.1 204 No Content\r\ncontent-length: 4\r\n\r\nfake",
        NoContentChunked    = b"HTTP/1.1 204 No Content\r\ntransfer-encoding: chunked\r\n\r\n4\r\nfake\r\n0\r\n\r\n",
        NotModifiedWithBody = b"HTTP/1.1 304 Not Modified\r\ncontent-length: 4\r\n\r\nfake",
    }
}
