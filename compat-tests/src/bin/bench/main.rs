//! `make bench`: what ferroban and the original need for the same work, side by side in one run.
//!
//! Every measurement runs on both, alternating, three times (or as often as the first argument says); the
//! table shows medians. A second argument picks the works whose name contains it. Where the original would take
//! minutes, it gets less of the same work, and rates are compared. A second table (`peers`) has what programs
//! that search or ban need for the same flood log.
mod measure;
mod peers;
mod work;

use compat_tests::Side;
use work::Work;

/// As many lines of the SYN flood as ferroban gets ([`work::ALL`]).
const FLOOD_LINES: usize = 1_000_000;

/// One line of the table.
struct Row {
    name: &'static str,
    unit: &'static str,
    theirs: f64,
    ours: f64,
    /// Whether more is better (a rate), or less (a time, a size).
    more: bool,
}

fn main() {
    let rounds =
        std::env::args().nth(1).map_or(3, |word| word.parse().expect("the argument is a number of rounds"));
    let picked = std::env::args().nth(2).unwrap_or_default();
    let mut rows = Vec::new();
    for work in work::ALL.iter().filter(|work| work.name.contains(&picked)) {
        eprintln!("{} …", work.name);
        rows.extend(rows_of(work, rounds));
    }
    if !rows.is_empty() {
        print_table(&rows);
    }
    if "peers".contains(&picked) {
        eprintln!("peers …");
        print_peers(&peers::rows(rounds, FLOOD_LINES));
    }
}

/// Runs `work` on both sides, alternating.
fn rows_of(work: &Work, rounds: usize) -> Vec<Row> {
    let mut results = [Vec::new(), Vec::new()];
    for _ in 0..rounds {
        for (side, results) in Side::BOTH.into_iter().zip(&mut results) {
            let size = if side == Side::Ours { work.size.1 } else { work.size.0 };
            results.push((work.run)(side, size));
        }
    }
    let [theirs, ours] = results;
    let rows = work.results.iter().enumerate().map(|(i, (name, unit, more))| {
        let median = |results: &[Vec<f64>]| measure::median(results.iter().map(|values| values[i]).collect());
        Row { name, unit, theirs: median(&theirs), ours: median(&ours), more: *more }
    });
    rows.collect()
}

fn print_table(rows: &[Row]) {
    println!("| work | fail2ban 1.1.1 | ferroban | times |");
    println!("|---|---:|---:|---:|");
    for row in rows {
        let times = if row.more { row.ours / row.theirs } else { row.theirs / row.ours };
        let [theirs, ours] = [row.theirs, row.ours].map(shown);
        let unit = if row.unit.is_empty() { String::new() } else { format!(" ({})", row.unit) };
        println!("| {}{unit} | {theirs} | {ours} | {} |", row.name, shown(times));
    }
}

fn print_peers(rows: &[peers::Row]) {
    println!("\n| others, the same SYN flood log | lines/s |\n|---|---:|");
    for row in rows {
        println!("| {} | {} |", row.name, shown(row.rate));
    }
}

/// Three significant digits, and commas between thousands.
fn shown(value: f64) -> String {
    if value >= 1000.0 {
        let digits = format!("{value:.0}");
        let mut text = String::new();
        for (i, digit) in digits.chars().enumerate() {
            if i > 0 && (digits.len() - i) % 3 == 0 {
                text.push(',');
            }
            text.push(digit);
        }
        return text;
    }
    let decimals = if value >= 100.0 {
        0
    } else if value >= 10.0 {
        1
    } else if value >= 1.0 {
        2
    } else {
        3
    };
    format!("{value:.decimals$}")
}
