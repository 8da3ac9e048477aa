//! The curves, as SVG: what was sent and what was served in each second, for a few strategies side by side.

use std::fmt::Write as _;

use crate::report::{Report, Series};

const WIDTH: f64 = 250.0;
const HEIGHT: f64 = 130.0;
const GAP: f64 = 26.0;
const LEFT: f64 = 44.0;
const TOP: f64 = 52.0;
const COLUMNS: usize = 3;
/// The highest that is drawn, over the capacity.
const CEILING: f64 = 4.0;

/// One panel for each report.
pub fn draw(reports: &[Report]) -> String {
    let rows = reports.len().div_ceil(COLUMNS);
    let width = LEFT + COLUMNS as f64 * (WIDTH + GAP);
    let height = TOP + rows as f64 * (HEIGHT + 2.0 * GAP) + 8.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    svg.push_str(&legend());
    for (index, report) in reports.iter().enumerate() {
        let x = LEFT + (index % COLUMNS) as f64 * (WIDTH + GAP);
        let y = TOP + (index / COLUMNS) as f64 * (HEIGHT + 2.0 * GAP);
        panel(&mut svg, report, x, y);
    }
    svg.push_str("</svg>\n");
    svg
}

fn legend() -> String {
    let entry = |x: f64, colour: &str, text: &str| {
        format!(
            "<rect x=\"{x}\" y=\"12\" width=\"14\" height=\"4\" fill=\"{colour}\"/><text x=\"{}\" y=\"18\">{text}</text>\n",
            x + 20.0
        )
    };
    entry(LEFT, "#c0392b", "sent, over capacity")
        + &entry(LEFT + 150.0, "#1f7a4d", "served in time")
        + &entry(LEFT + 270.0, "#d9d9d9", "upstream down")
        + &entry(LEFT + 390.0, "#999999", "fresh load")
}

fn panel(svg: &mut String, report: &Report, x: f64, y: f64) {
    let series = &report.series;
    let (left, right) = (series.down - 5, series.horizon);
    let across = |second: f64| x + (second - left as f64) / (right - left) as f64 * WIDTH;
    let up = |rate: f64| y + HEIGHT * (1.0 - (rate / series.capacity / CEILING).min(1.0));
    let _ = writeln!(
        svg,
        "<rect x=\"{:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{HEIGHT:.1}\" fill=\"#eeeeee\"/>",
        across(series.down as f64),
        across(series.up as f64) - across(series.down as f64),
    );
    for capacities in [0.0, 1.0, 2.0, 4.0] {
        let line = up(capacities * series.capacity);
        let _ = writeln!(
            svg,
            "<line x1=\"{x:.1}\" x2=\"{:.1}\" y1=\"{line:.1}\" y2=\"{line:.1}\" stroke=\"#dddddd\" stroke-width=\"0.6\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"#777777\" font-size=\"9\">{capacities:.0} C</text>",
            x + WIDTH,
            x - 4.0,
            line + 3.0,
        );
    }
    let fresh = up(series.rate);
    let _ = writeln!(
        svg,
        "<line x1=\"{x:.1}\" x2=\"{:.1}\" y1=\"{fresh:.1}\" y2=\"{fresh:.1}\" stroke=\"#999999\" stroke-dasharray=\"3 3\" stroke-width=\"0.8\"/>",
        x + WIDTH,
    );
    curve(svg, &series.sent, left, right, "#c0392b", &across, &up);
    curve(svg, &series.served, left, right, "#1f7a4d", &across, &up);
    let _ = writeln!(
        svg,
        "<text x=\"{x:.1}\" y=\"{:.1}\" font-weight=\"bold\">{}</text><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"#555555\">{}</text>",
        y - 6.0,
        report.strategy,
        x + WIDTH,
        y + HEIGHT + 14.0,
        verdict(report.knock_downs, series),
    );
}

fn curve(
    svg: &mut String,
    counts: &[u32],
    left: usize,
    right: usize,
    colour: &str,
    across: &impl Fn(f64) -> f64,
    up: &impl Fn(f64) -> f64,
) {
    let _ = write!(
        svg,
        "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.3\" points=\""
    );
    for (second, count) in counts.iter().enumerate().take(right).skip(left) {
        let _ = write!(
            svg,
            "{:.1},{:.1} ",
            across(second as f64 + 0.5),
            up(f64::from(*count))
        );
    }
    svg.push_str("\"/>\n");
}

fn verdict(knock_downs: u32, series: &Series) -> String {
    let well = match series.recovered() {
        Some(seconds) => format!("well after {seconds} s"),
        None => "never well again".to_owned(),
    };
    format!("knocked down {knock_downs} times, {well}")
}
