//! Families of samples, and how they are written: Prometheus text 0.0.4 and OpenMetrics 1.0.0.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::sync::Arc;

/// What a family is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// Goes up and down.
    Gauge,
    /// Rises, and starts again at 0.
    Counter,
    /// Nobody said.
    Unknown,
    /// Buckets, sum and count: its samples' labels begin with their suffix.
    Histogram,
    /// Sum and count, likewise.
    Summary,
}

/// A family of samples.
#[derive(Debug, Clone, PartialEq)]
pub struct Family {
    /// Its name, a counter's with `_total` where it has that.
    pub name: Arc<str>,
    /// What it is.
    pub kind: Type,
    /// One line.
    pub help: Arc<str>,
    /// Labels, rendered as by [`label`] and joined with commas, and the value. Of histograms and summaries the text
    /// begins with the suffix and a `{`.
    pub samples: Vec<(Arc<str>, f64)>,
}

/// How a scrape is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `text/plain; version=0.0.4`.
    Text,
    /// `application/openmetrics-text; version=1.0.0`.
    OpenMetrics,
}

impl Format {
    /// What an `Accept` header asks for: OpenMetrics if it is named at all, as the agents do.
    #[must_use]
    pub fn accepted(accept: Option<&str>) -> Self {
        let named = |accept: &str| accept.contains("application/openmetrics-text");
        if accept.is_some_and(named) { Self::OpenMetrics } else { Self::Text }
    }

    /// The answer's `Content-Type`.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// One label: `name="value"`, escaped.
#[must_use]
pub fn label(name: &str, value: &str) -> String {
    let mut out = String::with_capacity(name.len() + value.len() + 3);
    out.push_str(name);
    out.push_str("=\"");
    for c in value.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Writes the families. OpenMetrics ends with its mark.
#[must_use]
pub fn render(families: &[Family], format: Format) -> String {
    let bytes = families.iter().map(|family| 200 + family.samples.len() * 120).sum();
    let mut out = String::with_capacity(bytes);
    match format {
        Format::Text => families.iter().for_each(|family| text(family, &mut out)),
        Format::OpenMetrics => {
            let names: HashSet<&str> = families.iter().map(|family| &*family.name).collect();
            families.iter().for_each(|family| open_metrics(family, &names, &mut out));
            out.push_str("# EOF\n");
        }
    }
    out
}

fn text(family: &Family, out: &mut String) {
    let kind = match family.kind {
        Type::Gauge => "gauge",
        Type::Counter => "counter",
        Type::Unknown => "untyped",
        Type::Histogram => "histogram",
        Type::Summary => "summary",
    };
    // What 0.x agents do for a counter that a rule has given another name.
    let total = family.kind == Type::Counter && !family.name.ends_with("_total");
    let suffix = if total { "_total" } else { "" };
    head(&family.name, suffix, &family.help, kind, out);
    samples(family, out);
}

fn open_metrics(family: &Family, names: &HashSet<&str>, out: &mut String) {
    let base = family.name.strip_suffix("_total");
    // A counter's family is named without its ending; where that is another family's name, or where it has none, it
    // cannot be a counter.
    let (name, kind) = match (family.kind, base) {
        (Type::Counter, Some(base)) if !names.contains(base) => (base, "counter"),
        (Type::Gauge, _) => (&*family.name, "gauge"),
        (Type::Histogram, _) => (&*family.name, "histogram"),
        (Type::Summary, _) => (&*family.name, "summary"),
        (Type::Counter | Type::Unknown, _) => (&*family.name, "unknown"),
    };
    head(name, "", &family.help, kind, out);
    samples(family, out);
}

fn head(name: &str, suffix: &str, help: &str, kind: &str, out: &mut String) {
    for part in ["# HELP ", name, suffix, " "] {
        out.push_str(part);
    }
    for part in help.split_inclusive(['\\', '\n']) {
        if let Some(part) = part.strip_suffix('\\') {
            out.push_str(part);
            out.push_str("\\\\");
        } else if let Some(part) = part.strip_suffix('\n') {
            out.push_str(part);
            out.push_str("\\n");
        } else {
            out.push_str(part);
        }
    }
    for part in ["\n# TYPE ", name, suffix, " ", kind, "\n"] {
        out.push_str(part);
    }
}

fn samples(family: &Family, out: &mut String) {
    for (labels, value) in &family.samples {
        out.push_str(&family.name);
        let composite = matches!(family.kind, Type::Histogram | Type::Summary);
        match (composite, labels.is_empty()) {
            (true, _) => out.push_str(labels),
            (false, true) => {}
            (false, false) => {
                out.push('{');
                out.push_str(labels);
                out.push('}');
            }
        }
        out.push(' ');
        number(*value, out);
        out.push('\n');
    }
}

/// A value as both formats write it.
fn number(value: f64, out: &mut String) {
    if value.is_nan() {
        out.push_str("NaN");
    } else if value.is_infinite() {
        out.push_str(if value > 0.0 { "+Inf" } else { "-Inf" });
    } else if value.fract() == 0.0 && value.abs() < 1e15 && value != 0.0 {
        // Most are whole, and those are written faster as such.
        #[expect(clippy::cast_possible_truncation, reason = "it is whole and small")]
        let whole = value as i64;
        let _ok = write!(out, "{whole}");
    } else {
        let _ok = write!(out, "{value}");
    }
}

/// Keeps what `name[]` asks for: families by their name, or by that of one of their samples.
pub fn filter(families: &mut Vec<Family>, wanted: &[String]) {
    if wanted.is_empty() {
        return;
    }
    families.retain(|family| {
        let name = &*family.name;
        wanted.iter().any(|wanted| {
            let rest = |long: &str, short: &str| long.strip_prefix(short).map(str::to_owned);
            let end = rest(wanted, name).or_else(|| rest(name, wanted));
            end.is_some_and(|end| {
                matches!(&*end, "" | "_total" | "_bucket" | "_sum" | "_count" | "_created")
            })
        })
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn family(name: &str, kind: Type, samples: &[(&str, f64)]) -> Family {
        let samples = samples.iter().map(|(labels, value)| ((*labels).into(), *value)).collect();
        Family { name: name.into(), kind, help: "h\\\n".into(), samples }
    }

    #[test]
    fn text_is_written_with_its_escapes_and_special_values() {
        let label = label("a", "x\"\\\n");
        let families = [family("m", Type::Gauge, &[("", f64::NAN), (&label, f64::INFINITY)])];
        assert_eq!(
            render(&families, Format::Text),
            "# HELP m h\\\\\\n\n# TYPE m gauge\nm NaN\nm{a=\"x\\\"\\\\\\n\"} +Inf\n"
        );
    }

    #[test]
    fn open_metrics_names_a_counter_without_its_ending_unless_a_twin_has_that_name() {
        let alone = [family("m_total", Type::Counter, &[("", 1.0)])];
        let text = render(&alone, Format::OpenMetrics);
        assert!(text.contains("# TYPE m counter\nm_total 1\n# EOF\n"), "{text}");
        let twins = [
            family("m", Type::Gauge, &[("", 1.0)]),
            family("m_total", Type::Counter, &[("", 1.0)]),
        ];
        let text = render(&twins, Format::OpenMetrics);
        assert!(text.contains("# TYPE m gauge\nm 1\n"), "{text}");
        assert!(text.contains("# TYPE m_total unknown\nm_total 1\n"), "{text}");
    }

    #[test]
    fn filter_keeps_families_by_the_name_of_a_sample() {
        let mut families = vec![
            family("m_total", Type::Counter, &[]),
            family("h", Type::Histogram, &[]),
            family("m_total_x", Type::Gauge, &[]),
        ];
        filter(&mut families, &["m_total".to_owned(), "h_bucket".to_owned()]);
        let names: Vec<&str> = families.iter().map(|family| &*family.name).collect();
        assert_eq!(names, ["m_total", "h"]);
    }
}
