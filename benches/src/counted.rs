//! Counts instructions and allocations of one row: this very program once more, under callgrind.

use std::{
    env, fs,
    hint::black_box,
    ops::Sub,
    process::{self, Command, ExitCode, Stdio},
};

use crate::{app::Question, questions, rows::Row};

/// Requests that are counted, after a few that are not.
const TIMES: usize = 1000;
const BEFORE: usize = 100;

const ALLOCATORS: [&str; 6] = [
    "malloc",
    "calloc",
    "realloc",
    "memalign",
    "posix_memalign",
    "aligned_alloc",
];

/// What one request takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counted {
    pub(crate) instructions: f64,
    pub(crate) allocations: f64,
}

impl Sub for Counted {
    type Output = Self;

    fn sub(self, base: Self) -> Self {
        Self {
            instructions: self.instructions - base.instructions,
            allocations: self.allocations - base.allocations,
        }
    }
}

/// What a row takes; nothing where there is no valgrind.
pub(crate) fn count(row: usize) -> Option<Counted> {
    let out = env::temp_dir().join(format!("outrigger-benches-{}-{row}", process::id()));
    let counted = Command::new("valgrind")
        .args([
            "--tool=callgrind",
            "--collect-atstart=no",
            "--toggle-collect=*the_counted_section*",
        ])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(env::current_exe().ok()?)
        .arg(row.to_string())
        .stderr(Stdio::null())
        .status();
    let profile = counted
        .ok()
        .filter(|status| status.success())
        .and_then(|_| fs::read_to_string(&out).ok());
    // Best effort: it is in the folder for such things.
    let _ = fs::remove_file(&out);
    Some(read(&profile?))
}

/// The process that is counted.
pub(crate) fn be_counted(row: &mut Row) -> ExitCode {
    questions(row, BEFORE).into_iter().for_each(&mut row.ask);
    let questions = questions(row, TIMES);
    the_counted_section(&mut row.ask, questions);
    ExitCode::SUCCESS
}

#[inline(never)]
fn the_counted_section(ask: &mut dyn FnMut(Question), questions: Vec<Question>) {
    questions
        .into_iter()
        .for_each(|question| ask(black_box(question)));
}

/// Callgrind's format: `totals: N`, and for each call `cfn=(ID) NAME` before `calls=N`; the name is told once.
fn read(profile: &str) -> Counted {
    let (mut instructions, mut allocations) = (0.0, 0.0);
    let mut names = std::collections::HashMap::new();
    let mut called = "";
    for line in profile.lines() {
        if let Some(total) = line.strip_prefix("totals: ") {
            instructions = total.parse().unwrap_or_default();
        } else if let Some((id, name)) = function(line) {
            if !name.is_empty() {
                names.insert(id, name);
            }
            if line.starts_with("cfn=") {
                called = names.get(id).copied().unwrap_or_default();
            }
        } else if let Some(calls) = line.strip_prefix("calls=") {
            if ALLOCATORS.contains(&called) {
                let times = calls
                    .split(' ')
                    .next()
                    .and_then(|times| times.parse::<f64>().ok());
                allocations += times.unwrap_or_default();
            }
        }
    }
    Counted {
        instructions: instructions / TIMES as f64,
        // Calls are counted on the same ways before as well, only what they cost is not.
        allocations: allocations / (BEFORE + TIMES) as f64,
    }
}

/// `fn=` or `cfn=`, then `(ID)`, and the name if it is the first time.
fn function(line: &str) -> Option<(&str, &str)> {
    let text = line.strip_prefix("cfn=").or_else(|| line.strip_prefix("fn="))?;
    let (id, name) = text.split_once(')')?;
    Some((id, name.trim_start()))
}
