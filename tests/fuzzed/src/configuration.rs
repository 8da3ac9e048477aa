//! The configuration's text.

use std::path::Path;

use outrigger_sidecar::config::{Config, Finding};

/// Any text is read or refused with places that are in it; what was read is written so that it reads back the same.
pub(crate) fn configuration(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let file = Path::new("/etc/outrigger.toml");
    match Config::parse(text, file) {
        Ok(loaded) => {
            loaded.warnings.iter().for_each(|finding| check(finding, text));
            let effective = loaded.config.effective();
            let again = Config::parse(&effective, file);
            let again = again.unwrap_or_else(|errors| panic!("{errors}\n\nin\n\n{effective}"));
            assert_eq!(again.config, loaded.config);
        }
        Err(errors) => {
            assert!(!errors.0.is_empty(), "refused without a word");
            errors.0.iter().for_each(|finding| check(finding, text));
        }
    }
}

fn check(finding: &Finding, text: &str) {
    let line = text.split('\n').nth(finding.line - 1);
    let line = line.unwrap_or_else(|| panic!("{finding:?} is behind the end"));
    assert!(
        (1..=line.chars().count() + 1).contains(&finding.column),
        "{finding:?} is beside its line"
    );
    let told = finding.to_string();
    assert!(!finding.message.is_empty());
    assert!(!told.chars().any(char::is_control), "{told:?}");
}
