//! What a process uses, as Linux tells in `/proc`.

use std::fs;

pub(crate) const MIB: u64 = 1 << 20;

/// Memory and descriptors of a process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    /// Bytes that are resident.
    pub(crate) resident: u64,
    /// The most bytes that ever were.
    pub(crate) peak: u64,
    /// Open descriptors.
    pub(crate) descriptors: usize,
}

impl Usage {
    pub(crate) fn of(process: u32) -> Self {
        let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
        Self {
            resident: kilobytes(&status, "VmRSS:") * 1024,
            descriptors: fs::read_dir(format!("/proc/{process}/fd")).unwrap().count(),
            peak: kilobytes(&status, "VmHWM:") * 1024,
        }
    }
}

fn kilobytes(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let value = line.and_then(|line| line.split_whitespace().next());
    value
        .unwrap_or_else(|| panic!("no {name} in {status}"))
        .parse()
        .unwrap()
}
