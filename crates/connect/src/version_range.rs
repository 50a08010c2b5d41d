//! Versions that a configuration asks for in `….plugin.version`: one version, or a range as Maven writes it.

use std::cmp::Ordering;

/// One interval; an end that is none is open.
#[derive(Debug, PartialEq, Eq)]
struct Interval {
    from: String,
    to: String,
    with_from: bool,
    with_to: bool,
}

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct VersionRange {
    intervals: Vec<Interval>,
    latest: bool,
}

impl VersionRange {
    /// Reads a version or a range; what is neither matches nothing.
    pub(crate) fn parse(text: &str) -> Self {
        let text = text.trim();
        let exact = |version: &str| Interval {
            from: version.to_owned(),
            to: version.to_owned(),
            with_from: true,
            with_to: true,
        };
        let latest = text.eq_ignore_ascii_case("latest");
        let mut intervals = Vec::new();
        if text.starts_with(['[', '(']) {
            let mut rest = text;
            while let Some(end) = rest.find([']', ')']) {
                let (one, behind) = rest.split_at(end + 1);
                intervals.extend(interval(one));
                rest = behind.trim_start_matches([',', ' ']);
            }
        } else {
            intervals.push(exact(text));
        }
        Self { intervals, latest }
    }

    pub(crate) fn matches(&self, version: &str) -> bool {
        self.latest || self.intervals.iter().any(|interval| interval.contains(version))
    }

    /// As Connect prints it.
    pub(crate) fn shown(&self) -> String {
        let one = |interval: &Interval| {
            if interval.from == interval.to && interval.from.is_empty() {
                return "[,]".to_owned();
            }
            let open = if interval.with_from { '[' } else { '(' };
            let close = if interval.with_to { ']' } else { ')' };
            format!("{open}{},{}{close}", interval.from, interval.to)
        };
        self.intervals.iter().map(one).collect::<Vec<_>>().join(",")
    }
}

fn interval(text: &str) -> Option<Interval> {
    let (with_from, with_to) = (text.starts_with('['), text.ends_with(']'));
    let inner = text.strip_prefix(['[', '('])?.strip_suffix([']', ')'])?;
    let (from, to) = inner.split_once(',').unwrap_or((inner, inner));
    Some(Interval { from: from.trim().to_owned(), to: to.trim().to_owned(), with_from, with_to })
}

impl Interval {
    fn contains(&self, version: &str) -> bool {
        // `[,]`: Connect takes an empty text for a range that holds nothing.
        if self.from.is_empty() && self.to.is_empty() {
            return false;
        }
        let above = self.from.is_empty()
            || match compare(version, &self.from) {
                Ordering::Greater => true,
                Ordering::Equal => self.with_from,
                Ordering::Less => false,
            };
        let below = self.to.is_empty()
            || match compare(version, &self.to) {
                Ordering::Less => true,
                Ordering::Equal => self.with_to,
                Ordering::Greater => false,
            };
        above && below
    }
}

/// Part by part: numbers as numbers, `Final` like nothing, other words before nothing (`4.0.0-rc1` is older than
/// `4.0.0`).
fn compare(left: &str, right: &str) -> Ordering {
    let parts = |text: &str| -> Vec<String> {
        let mut parts: Vec<String> = text.split(['.', '-']).map(str::to_ascii_lowercase).collect();
        while parts.last().is_some_and(|part| matches!(part.as_str(), "final" | "ga" | "0" | "")) {
            parts.pop();
        }
        parts
    };
    let (left, right) = (parts(left), parts(right));
    for at in 0..left.len().max(right.len()) {
        let order = rank(left.get(at)).cmp(&rank(right.get(at)));
        if order != Ordering::Equal {
            return order;
        }
    }
    Ordering::Equal
}

/// Words come before numbers; nothing is as good as zero.
fn rank(part: Option<&String>) -> (u8, u64, String) {
    match part {
        None => (2, 0, String::new()),
        Some(part) => match part.parse() {
            Ok(number) => (2, number, String::new()),
            Err(_word) => (0, 0, part.clone()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_match_as_maven_matches_them() {
        for (range, version, expected) in [
            ("3.6.3.Final", "3.6.3.Final", true),
            ("3.6.3", "3.6.3.Final", true),
            ("9.9", "3.6.3.Final", false),
            ("[3.0,4.0)", "3.6.3.Final", true),
            ("[3.6.3.Final,)", "3.6.3.Final", true),
            ("(3.6.3.Final,)", "3.6.3.Final", false),
            ("(,3.6]", "3.6.3.Final", false),
            ("(,1.0],[3,4)", "3.6.3.Final", true),
            ("[4.0.0-rc1,)", "4.0.0", true),
            ("latest", "3.6.3.Final", true),
            ("", "3.6.3.Final", false),
            ("bogus", "3.6.3.Final", false),
        ] {
            assert_eq!(VersionRange::parse(range).matches(version), expected, "{range} {version}");
        }
    }

    #[test]
    fn ranges_are_shown_as_by_connect() {
        assert_eq!(VersionRange::parse("9.9").shown(), "[9.9,9.9]");
        assert_eq!(VersionRange::parse("").shown(), "[,]");
        assert_eq!(VersionRange::parse("(1,2)").shown(), "(1,2)");
    }
}
