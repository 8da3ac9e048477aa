//! The command line of the development certificate authority.

fn main() {}
