//! The table of `stats`: one row per jail.

use super::python::{Raised, index, iterate};
use crate::value::Value;

/// Characters that draw the table, with and without UTF-8: bars and lines, light and double, and crossings.
struct Drawing {
    bar: &'static str,
    double: &'static str,
    left: &'static str,
    cross: &'static str,
    double_cross: &'static str,
    bottom: &'static str,
    light_bar: &'static str,
    light: &'static str,
}

const ASCII: Drawing = Drawing {
    bar: "|",
    double: "-",
    left: "|",
    cross: "x",
    double_cross: "x",
    bottom: "-",
    light_bar: "|",
    light: "-",
};

const UTF8: Drawing = Drawing {
    bar: "║",
    double: "═",
    left: "╟",
    cross: "╫",
    double_cross: "╬",
    bottom: "╩",
    light_bar: "│",
    light: "─",
};

const COLUMNS: usize = 6;
const LEAST_WIDTHS: [usize; COLUMNS] = [8, 8, 3, 3, 3, 3];

/// The table for a reply of the form `{jail: [backend, (failed, total), (banned, total)], …}`.
pub fn statistics(reply: &Value, utf8: bool) -> Result<String, Raised> {
    let Value::Dict(jails) = reply else { return Err(Raised) };
    let rows: Result<Vec<[String; COLUMNS]>, Raised> =
        jails.iter().map(|(name, facts)| row(name, facts)).collect();
    let rows = rows?;
    let mut widths = LEAST_WIDTHS;
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let table = Table { widths, draw: if utf8 { &UTF8 } else { &ASCII } };
    let mut lines = vec![
        table.titles(),
        table.subtitles(),
        table.line(&["", "", "cur", "tot", "cur", "tot"].map(str::to_owned)),
        table.rule(table.draw.double_cross),
    ];
    lines.extend(rows.iter().map(|row| table.line(row)));
    lines.push(table.rule(table.draw.bottom));
    Ok(lines.join("\n"))
}

fn row(name: &Value, facts: &Value) -> Result<[String; COLUMNS], Raised> {
    let mut cells = vec![name.to_text(), index(facts, 0)?.to_text()];
    for group in 1..=2 {
        cells.extend(iterate(&index(facts, group)?)?.iter().map(Value::to_text));
    }
    cells.try_into().map_err(|_| Raised)
}

struct Table {
    widths: [usize; COLUMNS],
    draw: &'static Drawing,
}

impl Table {
    /// Widths of the four columns of the head.
    fn wide(&self) -> [usize; 4] {
        let [jail, backend, a, b, c, d] = self.widths;
        [jail, backend, 3 + a + b, 3 + c + d]
    }

    fn columns(&self, cells: &[String]) -> String {
        cells.join(&format!(" {} ", self.draw.bar))
    }

    fn titles(&self) -> String {
        let titles = ["", "", "Filter", "Actions"];
        let cells: Vec<String> =
            titles.iter().zip(self.wide()).map(|(text, width)| format!("{text:<width$}")).collect();
        format!(" {}", self.columns(&cells))
    }

    fn subtitles(&self) -> String {
        let [jail, backend, filter, actions] = self.wide();
        let cells = [format!("{:<jail$}", "Jail"), format!("{:<backend$}", "Backend")];
        let Drawing { left, light, cross, .. } = self.draw;
        let (filter, actions) = (light.repeat(filter), light.repeat(actions));
        format!(" {} {left}{light}{filter}{light}{cross}{light}{actions}{light}", self.columns(&cells))
    }

    fn line(&self, [jail, backend, a, b, c, d]: &[String; COLUMNS]) -> String {
        let [w0, w1, w2, w3, w4, w5] = self.widths;
        let bar = self.draw.light_bar;
        let cells = [
            format!("{jail:<w0$}"),
            format!("{backend:<w1$}"),
            format!("{a:>w2$} {bar} {b:>w3$}"),
            format!("{c:>w4$} {bar} {d:>w5$}"),
        ];
        format!(" {}", self.columns(&cells))
    }

    fn rule(&self, crossing: &str) -> String {
        let line = self.draw.double;
        let parts = self.wide().map(|width| line.repeat(width));
        format!("{line}{}{line}", parts.join(&format!("{line}{crossing}{line}")))
    }
}
