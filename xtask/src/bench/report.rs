//! What was measured, as a Markdown table.

use std::fmt;
use std::time::Duration;

use super::usage::Usage;

const HEADING: &str = "\
| scenario | result | rows/s | CPU µs/row | peak MB | pg_recvlogical, same backlog |
| --- | --- | --: | --: | --: | --- |";

/// One row of the table.
#[derive(Debug, Default)]
pub(crate) struct Line {
    pub(crate) scenario: String,
    pub(crate) result: String,
    pub(crate) rows_per_s: Option<f64>,
    pub(crate) cpu_us_per_row: Option<f64>,
    pub(crate) peak_mb: Option<u64>,
    /// What pg_recvlogical did with the same.
    pub(crate) receiver: String,
}

impl Line {
    /// With what the worker used for `rows`.
    pub(crate) fn used(mut self, usage: &Usage, rows: u64) -> Self {
        self.cpu_us_per_row = Some(usage.cpu.as_secs_f64() * 1e6 / rows as f64);
        self.peak_mb = Some(usage.peak_bytes >> 20);
        self
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scenario, result, rows_per_s, cpu_us_per_row, peak_mb, receiver } = self;
        let rows = rows_per_s.map_or(String::new(), |rows| thousands(rows.round()));
        let cpu = cpu_us_per_row.map_or(String::new(), |cpu| format!("{cpu:.1}"));
        let peak = peak_mb.map_or(String::new(), |peak| peak.to_string());
        write!(f, "| {scenario} | {result} | {rows} | {cpu} | {peak} | {receiver} |")
    }
}

/// `rows` a second, over `time`.
pub(crate) fn rate(rows: u64, time: Duration) -> f64 {
    rows as f64 / time.as_secs_f64().max(f64::EPSILON)
}

/// A whole number with a space before each group of three digits.
pub(crate) fn thousands(number: impl fmt::Display) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// The whole report: the machine, then the table.
pub(crate) fn markdown(machine: &str, lines: &[Line]) -> String {
    let lines: Vec<String> = lines.iter().map(Line::to_string).collect();
    format!("{machine}\n\n{HEADING}\n{}", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::thousands;

    #[test]
    fn digits_are_grouped_from_the_right() {
        assert_eq!(thousands(7), "7");
        assert_eq!(thousands(123), "123");
        assert_eq!(thousands(1_234_567.0_f64), "1 234 567");
    }
}
