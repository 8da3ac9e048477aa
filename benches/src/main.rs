//! What each layer costs a request that meets no trouble, beside what others have for the same purpose, in one table.
//!
//! The figures are what a layer adds to the app alone: one POST with twelve fields, from the clone of the service to the
//! drop of the response's body, read to its end; the app is pending once, as one behind a network. Making request and
//! response is not measured.
//!
//! - `ns`: what nine in ten of many rounds exceed, in which all rows take turns: the time of who is hardly disturbed. On a
//!   shared machine a tenth means nothing all the same.
//! - `instructions` and `allocations` (calls of `malloc` and the like) are counted by callgrind, if there is valgrind; they
//!   hardly change from run to run.
//! - `dearer` marks a layer of ours that takes more instructions than the cheapest of the others for the same purpose. What
//!   has a remark behind its name does less, or something else: tower's limit is free again at the response's head, its
//!   shedding has no queue. None of the others names what went wrong.
//!
//! Left out is tower-resilience's hedge: it spawns a task for every attempt, and no task runs here.

mod app;
mod counted;
mod rows;

use std::{env, process::ExitCode};

use tokio::{runtime::Builder, time::Instant};

use self::{
    app::{Question, question},
    counted::Counted,
    rows::Row,
};

const BATCH: usize = 64;
const ROUNDS: usize = 600;

fn main() -> ExitCode {
    let runtime = Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("a runtime without sockets needs nothing");
    let _timers = runtime.enter();
    let mut rows = rows::all();
    // One row in a process of its own, to be counted from outside.
    if let Some(row) = env::args().nth(1).and_then(|row| row.parse::<usize>().ok()) {
        return counted::be_counted(&mut rows[row]);
    }
    let times = times(&mut rows);
    let counts: Vec<_> = (0..rows.len()).map(counted::count).collect();
    print(&rows, &times, &counts);
    ExitCode::SUCCESS
}

/// Nanoseconds a request, of each row.
fn times(rows: &mut [Row]) -> Vec<f64> {
    let mut times = vec![Vec::with_capacity(ROUNDS); rows.len()];
    for _ in 0..ROUNDS {
        for (row, times) in rows.iter_mut().zip(&mut times) {
            let questions = questions(row, BATCH);
            let started = Instant::now();
            questions.into_iter().for_each(&mut row.ask);
            times.push(started.elapsed().as_nanos() as f64 / BATCH as f64);
        }
    }
    times.into_iter().map(lower_decile).collect()
}

fn questions(row: &Row, times: usize) -> Vec<Question> {
    (0..times).map(|_| question(&row.method)).collect()
}

fn lower_decile(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 10]
}

fn print(rows: &[Row], times: &[f64], counts: &[Option<Counted>]) {
    println!(
        "{:<24} {:<24} {:>7} {:>12} {:>11}",
        "", "", "ns", "instructions", "allocations"
    );
    for (number, row) in rows.iter().enumerate() {
        let (purpose, whose) = (row.purpose, row.whose);
        // The app alone is told as it is, and taken off everything else.
        let base = if number == 0 { None } else { Some(0) };
        let nanos = times[number] - base.map_or(0.0, |base| times[base]);
        let counted = counts[number].map(|counted| match base.and_then(|base| counts[base]) {
            Some(base) => counted - base,
            None => counted,
        });
        let (instructions, allocations) = match counted {
            Some(counted) => (
                format!("{:.0}", counted.instructions),
                format!("{:.0}", counted.allocations),
            ),
            None => Default::default(),
        };
        let mark = if is_dearer(number, rows, counts) {
            "  dearer"
        } else {
            ""
        };
        println!("{purpose:<24} {whose:<24} {nanos:>7.0} {instructions:>12} {allocations:>11}{mark}");
    }
}

/// Whether a row of ours takes more instructions than all others of its purpose.
fn is_dearer(number: usize, rows: &[Row], counts: &[Option<Counted>]) -> bool {
    let ours = &rows[number];
    let instructions = |number: usize| counts[number].map(|counted| counted.instructions);
    let others =
        (0..rows.len()).filter(|other| rows[*other].purpose == ours.purpose && rows[*other].is_equal());
    let cheapest = others.filter_map(instructions).reduce(f64::min);
    ours.is_ours()
        && cheapest
            .zip(instructions(number))
            .is_some_and(|(theirs, ours)| ours > theirs)
}
