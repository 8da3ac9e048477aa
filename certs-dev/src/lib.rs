//! A development certificate authority for tests and laptops.
