//! Published results that are reproduced with the policies themselves, so that the rest may be believed.

pub mod brooker;
pub mod jitter;
pub mod metastable;
