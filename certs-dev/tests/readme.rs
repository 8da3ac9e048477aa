//! The README's commands work as printed, in the order printed.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::{path::Path, process::Command};

use outrigger_certs_dev::Fault;

const README: &str = include_str!("../README.md");

#[test]
fn the_commands_work_in_the_order_printed() {
    let dir = tempfile::tempdir().unwrap();
    let lines: Vec<_> = README
        .lines()
        .filter_map(|line| line.strip_prefix("outrigger-certs-dev "))
        .collect();
    assert!(lines.len() >= 5);
    for line in lines {
        let binary = Path::new(env!("CARGO_BIN_EXE_outrigger-certs-dev"));
        let output = Command::new(binary)
            .current_dir(dir.path())
            .args(line.split_whitespace())
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{line}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

#[test]
fn the_table_lists_every_fault() {
    let rows: Vec<_> = README
        .lines()
        .filter(|line| line.starts_with("| `") && !line.contains("--"))
        .collect();
    assert_eq!(rows.len(), Fault::ALL.len());
    for (row, fault) in rows.iter().zip(Fault::ALL) {
        assert!(
            row.contains(&format!("`{fault}`")) && row.contains(fault.about()),
            "{row}"
        );
    }
}
