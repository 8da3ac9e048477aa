//! Settings that are one word out of a few.

/// A setting whose value is one of a few words.
pub(super) trait Word: Copy + 'static {
    /// Every word with what it means, in the order an error message lists them.
    const WORDS: &'static [(&'static str, Self)];
}

/// Defines an enum whose variants are words of the configuration: read and written by the same list.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $word)] $variant,)*
        }

        impl $name {
            /// The word that the configuration has for it.
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }
        }

        impl $crate::config::word::Word for $name {
            const WORDS: &'static [(&'static str, Self)] = &[$(($word, Self::$variant),)*];
        }
    };
}
pub(super) use words;
