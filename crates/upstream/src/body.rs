//! The two bodies of an exchange: what goes up is recorded, what comes down is watched.

mod request;
mod response;
mod tape;
#[cfg(test)]
mod tests;
mod upload;

use std::error::Error as StdError;

#[cfg(test)]
pub(crate) use self::request::client_failure;
pub use self::{request::RequestBody, response::ResponseBody};
pub(crate) use self::{response::Origin, upload::Upload};

/// Any error, boxed.
pub(crate) type BoxError = Box<dyn StdError + Send + Sync>;
