//! Tests of whole files: what is read, what is told, what is written.

mod clashes;
mod defaults;
mod findings;
mod mistakes;
mod round_trip;
mod tcp;

use std::path::Path;

use super::*;

/// Reads a text as `outrigger.toml` in the root folder, so that paths come out the same everywhere.
fn parse(text: &str) -> Result<Loaded, ConfigErrors> {
    Config::parse(text, Path::new("/outrigger.toml"))
}

/// The configuration of a text that is right.
#[track_caller]
fn config(text: &str) -> Config {
    parse(text).unwrap_or_else(|errors| panic!("{errors}")).config
}

/// What is told of a text that is wrong, a line each, without the name of the file.
#[track_caller]
fn errors(text: &str) -> Vec<String> {
    let errors = parse(text).expect_err("something is wrong");
    assert!(!errors.0.is_empty(), "a refusal says why");
    lines(&errors.0)
}

/// The same for warnings.
#[track_caller]
fn warnings(text: &str) -> Vec<String> {
    lines(&parse(text).unwrap_or_else(|errors| panic!("{errors}")).warnings)
}

/// The mistakes of an upstream that is right but for this line; it is line 4.
#[track_caller]
fn in_upstream(line: &str) -> Vec<String> {
    errors(&format!("{MINIMAL}{line}\n"))
}

fn lines(findings: &[Finding]) -> Vec<String> {
    let line = |finding: &Finding| finding.to_string().replacen("/outrigger.toml:", "", 1);
    findings.iter().map(line).collect()
}

const IDENTITY: &str = "[identity]\ncert = \"tls.crt\"\nkey = \"tls.key\"\ntrust = \"ca.crt\"\n";
const MINIMAL: &str = "[[outbound.upstream]]\nname = \"a\"\nendpoints = [\"127.0.0.1:1\"]\n";
