//! The table that a bench ends with, as Markdown: it is pasted into the documentation as it is.

use crate::part::Measured;
use std::fmt;

/// What a row promises.
#[derive(Debug, Clone, Copy)]
pub enum Goal {
    /// Nothing: it explains another row.
    None,
    /// Ours is at least this many times the peer's.
    Ratio(f64),
    /// Our figure is at least this.
    AtLeast(f64),
    /// Our figure is at most this.
    AtMost(f64),
}

/// One line of the table.
#[derive(Debug, Clone)]
pub struct Row {
    /// What was measured, with its unit.
    pub what: String,
    /// Our figure.
    pub ours: f64,
    /// What it is compared with, if anything.
    pub peer: Option<f64>,
    /// What is promised.
    pub goal: Goal,
    /// Processor seconds and peak MiB of our process.
    pub cost: Option<(f64, f64)>,
    /// The same of the peer's.
    pub peer_cost: Option<(f64, f64)>,
}

impl Row {
    /// A figure by itself.
    pub fn figure(what: impl Into<String>, ours: f64, goal: Goal) -> Self {
        Self { what: what.into(), ours, peer: None, goal, cost: None, peer_cost: None }
    }

    /// The rate of a part.
    pub fn rate(what: impl Into<String>, ours: &Measured, goal: Goal) -> Self {
        Self { cost: Some(cost(ours)), ..Row::figure(what, ours.rate(), goal) }
    }

    /// The rate of a part beside that of a peer.
    pub fn beside(what: impl Into<String>, ours: &Measured, peer: &Measured, goal: Goal) -> Self {
        Self { peer: Some(peer.rate()), peer_cost: Some(cost(peer)), ..Row::rate(what, ours, goal) }
    }

    /// Whether the promise was kept; `None` when there is none.
    pub fn met(&self) -> Option<bool> {
        match self.goal {
            Goal::None => None,
            Goal::Ratio(least) => Some(self.peer.is_some_and(|it| self.ours >= least * it)),
            Goal::AtLeast(least) => Some(self.ours >= least),
            Goal::AtMost(most) => Some(self.ours <= most),
        }
    }
}

fn cost(measured: &Measured) -> (f64, f64) {
    (measured.cpu.as_secs_f64(), measured.peak_mib())
}

/// The rows of one bench.
#[derive(Debug, Clone, Default)]
pub struct Table {
    rows: Vec<Row>,
}

impl Table {
    /// Adds a row, and shows it at once on the error output: a bench takes minutes.
    pub fn push(&mut self, row: Row) {
        eprintln!("{}", Line(&row));
        self.rows.push(row);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| what | ours | peer | ratio | goal | met | CPU s, ours / peer | peak MiB, ours / peer |")?;
        writeln!(f, "|---|--:|--:|--:|--:|---|--:|--:|")?;
        self.rows.iter().try_for_each(|it| writeln!(f, "{}", Line(it)))
    }
}

struct Line<'a>(&'a Row);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = self.0;
        let (peer, ratio) = row.peer.map_or_else(Default::default, |it| (number(it), format!("{:.2}×", row.ours / it)));
        let goal = match row.goal {
            Goal::None => String::new(),
            Goal::Ratio(least) => format!("≥ {least}×"),
            Goal::AtLeast(least) => format!("≥ {}", number(least)),
            Goal::AtMost(most) => format!("≤ {}", number(most)),
        };
        let met = row.met().map_or("", |it| if it { "met" } else { "**missed**" });
        let both = |of: fn(&(f64, f64)) -> f64| {
            let shown = |it: &Option<(f64, f64)>| it.as_ref().map(of).map(number);
            [shown(&row.cost), shown(&row.peer_cost)].into_iter().flatten().collect::<Vec<_>>().join(" / ")
        };
        let (cpu, peak) = (both(|it| it.0), both(|it| it.1));
        write!(f, "| {} | {} | {peer} | {ratio} | {goal} | {met} | {cpu} | {peak} |", row.what, number(row.ours))
    }
}

/// Three digits at least, thousands apart.
fn number(value: f64) -> String {
    let decimals = if value.abs() < 10.0 { 2 } else { usize::from(value.abs() < 100.0) };
    let text = format!("{value:.decimals$}");
    let (whole, fraction) = text.split_at(text.find('.').unwrap_or(text.len()));
    let digits = whole.len();
    let spaced = whole.chars().enumerate().flat_map(|(at, digit)| {
        let gap = at > 0 && (digits - at).is_multiple_of(3);
        gap.then_some(',').into_iter().chain([digit])
    });
    spaced.collect::<String>() + fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missed_goal_stays_in_the_table() {
        let mut table = Table::default();
        table.push(Row { peer: Some(4_000.0), ..Row::figure("documents/s", 20_000.0, Goal::Ratio(6.0)) });
        table.push(Row::figure("seconds", 12.34, Goal::AtMost(30.0)));
        table.push(Row::figure("MB/s", 0.5, Goal::None));
        let lines: Vec<String> = table.to_string().lines().skip(2).map(str::to_owned).collect();
        assert_eq!(
            lines,
            [
                "| documents/s | 20,000 | 4,000 | 5.00× | ≥ 6× | **missed** |  |  |",
                "| seconds | 12.3 |  |  | ≤ 30.0 | met |  |  |",
                "| MB/s | 0.50 |  |  |  |  |  |  |",
            ]
        );
    }
}
