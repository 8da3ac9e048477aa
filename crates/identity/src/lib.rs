//! Who we are and whom we trust: mutual TLS from PEM files, verification, expiry.
