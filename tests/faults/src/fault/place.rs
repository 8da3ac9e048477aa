//! Places in a response where it can break off, and ways to do so.

use std::borrow::Cow;

/// Defines [`Place`]: a name, how the response is framed, and what is sent of it; the rest is what would follow.
macro_rules! places {
    ($($name:ident = $sent:literal, $rest:literal,)*) => {
        /// A place in a good response.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Place {
            $(
                #[doc = concat!("After `", stringify!($sent), "`.")]
                $name,
            )*
        }

        impl Place {
            /// Every place, in the order of a response.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// What comes before it.
            pub(crate) fn sent(self) -> Cow<'static, [u8]> {
                match self { $(Self::$name => $sent.as_bytes().into(),)* }
            }

            /// What would come after it.
            pub(crate) fn rest(self) -> &'static [u8] {
                match self { $(Self::$name => $rest.as_bytes(),)* }
            }
        }
    };
}

places! {
    // ---- the head
    BeforeHead        = "",                              "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nwhole!",
    InVersion         = "HTTP/1",                        ".1 200 OK\r\ncontent-length: 6\r\n\r\nwhole!",
    InStatus          = "HTTP/1.1 20",                   "0 OK\r\ncontent-length: 6\r\n\r\nwhole!",
    AfterStatusLine   = "HTTP/1.1 200 OK\r\n",           "content-length: 6\r\n\r\nwhole!",
    InHead            = "HTTP/1.1 200 OK\r\ncontent-le", "ngth: 6\r\n\r\nwhole!",
    InFieldValue      = "HTTP/1.1 200 OK\r\nx-field: va", "lue\r\ncontent-length: 6\r\n\r\nwhole!",
    BeforeEndOfHead   = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n", "\r\nwhole!",
    AfterInformational = "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nwhole!",
    // ---- a body with its length
    AfterHead         = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n",     "whole!",
    InBody            = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npart", "!!",
    // ---- a body that ends with its connection
    InBodyUntilClose  = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\npart", "!!",
    // ---- a chunked body, each after a good chunk
    AfterHeadOfChunks = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", "6\r\nwhole!\r\n0\r\n\r\n",
    InChunkSize       = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\npart\r\n2",      "\r\n!!\r\n0\r\n\r\n",
    InChunk           = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\npart\r\n2\r\n!", "!\r\n0\r\n\r\n",
    AfterChunk        = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\npart",           "\r\n0\r\n\r\n",
    BeforeLastChunk   = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\npart\r\n",       "0\r\n\r\n",
    InLastChunk       = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\npart\r\n0",      "\r\n\r\n",
    BeforeTrailers    = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\npart\r\n0\r\n",  "\r\n",
    InTrailers        = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\npart\r\n0\r\nx-trailer: va", "lue\r\n\r\n",
}

/// A way to end where there should be more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum How {
    /// In order: `close_notify` behind TLS, then FIN.
    Close,
    /// A bare FIN.
    Cut,
    /// A RST.
    Reset,
    /// Not at all: the connection stays, and nothing more comes.
    Silence,
}

impl How {
    /// Every way.
    pub const ALL: &'static [Self] = &[Self::Close, Self::Cut, Self::Reset, Self::Silence];
}
