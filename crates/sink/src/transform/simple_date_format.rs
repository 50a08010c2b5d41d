//! Java's `SimpleDateFormat` in UTC and English: what Connect's timestamp transforms format and read with.

use crate::error::{Error, Result};

/// A pattern, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SimpleDateFormat(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// A letter of the pattern and how often it stands there.
    Letter(char, usize),
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 86_400_000;

impl SimpleDateFormat {
    /// Reads a pattern.
    ///
    /// # Errors
    ///
    /// A letter that means nothing, or a quote that does not end.
    pub(super) fn new(pattern: &str) -> Result<Self> {
        let mut pieces = Vec::new();
        let mut chars = pattern.chars().peekable();
        let mut text = String::new();
        while let Some(c) = chars.next() {
            if c == '\'' {
                if chars.next_if_eq(&'\'').is_some() {
                    text.push('\'');
                    continue;
                }
                loop {
                    match chars.next() {
                        Some('\'') if chars.next_if_eq(&'\'').is_some() => text.push('\''),
                        Some('\'') => break,
                        Some(c) => text.push(c),
                        None => return Err(illegal(pattern, "Unterminated quote")),
                    }
                }
                continue;
            }
            if !c.is_ascii_alphabetic() {
                text.push(c);
                continue;
            }
            if !"GyYMLwWDdFEuaHkKhmsSzZX".contains(c) {
                return Err(illegal(pattern, &format!("Illegal pattern character '{c}'")));
            }
            if !text.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut text)));
            }
            let mut count = 1;
            while chars.next_if_eq(&c).is_some() {
                count += 1;
            }
            if c == 'X' && count > 3 {
                return Err(illegal(pattern, "invalid ISO 8601 format: length=4"));
            }
            pieces.push(Piece::Letter(c, count));
        }
        if !text.is_empty() {
            pieces.push(Piece::Text(text));
        }
        Ok(Self(pieces))
    }

    /// The text of an instant in milliseconds since the epoch.
    pub(super) fn format(&self, ms: i64) -> String {
        let mut out = String::new();
        let time = Fields::of(ms);
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Letter(letter, count) => out.push_str(&time.text(*letter, *count)),
            }
        }
        out
    }

    /// The instant of a text that begins with the pattern, as `DateFormat.parse` reads it; what follows is ignored.
    pub(super) fn parse(&self, text: &str) -> Option<i64> {
        let mut rest = text;
        let mut read = Read::default();
        for (index, piece) in self.0.iter().enumerate() {
            match piece {
                Piece::Text(expected) => rest = rest.strip_prefix(expected.as_str())?,
                Piece::Letter(letter, count) => {
                    let abuts = matches!(self.0.get(index + 1), Some(Piece::Letter(next, _)) if is_numeric(*next, 2));
                    rest = read.field(*letter, *count, abuts, rest.trim_start_matches(' '))?;
                }
            }
        }
        read.instant()
    }
}

fn illegal(_pattern: &str, problem: &str) -> Error {
    Error::config(format!(
        "TimestampConverter requires a SimpleDateFormat-compatible pattern for string timestamps: {problem}"
    ))
}

const fn is_numeric(letter: char, count: usize) -> bool {
    match letter {
        'M' | 'L' => count < 3,
        'G' | 'E' | 'a' | 'z' | 'Z' | 'X' => false,
        _ => true,
    }
}

struct Fields {
    year: i64,
    month: i64,
    day: i64,
    day_of_year: i64,
    /// Sunday is 0.
    weekday: i64,
    in_day_ms: i64,
}

impl Fields {
    fn of(ms: i64) -> Self {
        let (days, in_day_ms) = (ms.div_euclid(DAY_MS), ms.rem_euclid(DAY_MS));
        let (year, month, day) = civil(days);
        let day_of_year = days - days_of(year, 1, 1) + 1;
        Self { year, month, day, day_of_year, weekday: (days + 4).rem_euclid(7), in_day_ms }
    }

    fn text(&self, letter: char, count: usize) -> String {
        let hour = self.in_day_ms / HOUR_MS;
        let padded = |number: i64| format!("{number:0count$}");
        let name = |names: &[&str], index: i64, long: bool| {
            let name =
                usize::try_from(index).ok().and_then(|i| names.get(i)).copied().unwrap_or_default();
            if long { name.to_owned() } else { name.chars().take(3).collect() }
        };
        let first_weekday = (self.weekday - self.day_of_year + 1).rem_euclid(7);
        let month_weekday = (self.weekday - self.day + 1).rem_euclid(7);
        match letter {
            'G' => if self.year > 0 { "AD" } else { "BC" }.to_owned(),
            'y' | 'Y' => {
                let year = if self.year > 0 { self.year } else { 1 - self.year };
                if count == 2 { format!("{:02}", year % 100) } else { padded(year) }
            }
            'M' | 'L' if count >= 3 => name(&MONTHS, self.month - 1, count > 3),
            'M' | 'L' => padded(self.month),
            'w' => padded((self.day_of_year - 1 + first_weekday) / 7 + 1),
            'W' => padded((self.day - 1 + month_weekday) / 7 + 1),
            'D' => padded(self.day_of_year),
            'd' => padded(self.day),
            'F' => padded((self.day - 1) / 7 + 1),
            'E' => name(&DAYS, self.weekday, count > 3),
            'u' => padded(if self.weekday == 0 { 7 } else { self.weekday }),
            'a' => if hour < 12 { "AM" } else { "PM" }.to_owned(),
            'H' => padded(hour),
            'k' => padded(if hour == 0 { 24 } else { hour }),
            'K' => padded(hour % 12),
            'h' => padded(if hour % 12 == 0 { 12 } else { hour % 12 }),
            'm' => padded(self.in_day_ms / 60_000 % 60),
            's' => padded(self.in_day_ms / 1000 % 60),
            'S' => padded(self.in_day_ms % 1000),
            'z' => if count > 3 { "Coordinated Universal Time" } else { "UTC" }.to_owned(),
            'Z' => "+0000".to_owned(),
            _ => "Z".to_owned(),
        }
    }
}

/// What has been read of a text. Java's calendar is lenient: fields may exceed their range.
#[derive(Default)]
struct Read {
    year: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    day_of_year: Option<i64>,
    hour: i64,
    half: Option<i64>,
    minute: i64,
    second: i64,
    milli: i64,
    zone_ms: i64,
}

impl Read {
    fn field<'t>(
        &mut self,
        letter: char,
        count: usize,
        abuts: bool,
        text: &'t str,
    ) -> Option<&'t str> {
        if !is_numeric(letter, count) {
            return self.named(letter, text);
        }
        let (number, digits, rest) = number(text, abuts.then_some(count))?;
        match letter {
            'y' | 'Y' if count <= 2 && digits == 2 => self.year = Some(short_year(number)),
            'y' | 'Y' => self.year = Some(number),
            'M' | 'L' => self.month = Some(number),
            'd' => self.day = Some(number),
            'D' => self.day_of_year = Some(number),
            'H' | 'K' => self.hour = number,
            'k' => self.hour = if number == 24 { 0 } else { number },
            'h' => self.hour = if number == 12 { 0 } else { number },
            'm' => self.minute = number,
            's' => self.second = number,
            'S' => self.milli = number,
            _ => {}
        }
        Some(rest)
    }

    fn named<'t>(&mut self, letter: char, text: &'t str) -> Option<&'t str> {
        let find = |names: &[&str]| {
            names.iter().enumerate().find_map(|(index, name)| {
                let short = name.get(..3).unwrap_or(name);
                let rest =
                    strip_ignoring_case(text, name).or_else(|| strip_ignoring_case(text, short))?;
                Some((i64::try_from(index).ok()?, rest))
            })
        };
        match letter {
            'M' | 'L' => find(&MONTHS).map(|(index, rest)| {
                self.month = Some(index + 1);
                rest
            }),
            'E' => find(&DAYS).map(|(_, rest)| rest),
            'G' => strip_ignoring_case(text, "AD").or_else(|| strip_ignoring_case(text, "BC")),
            'a' => [("AM", 0), ("PM", 12)].iter().find_map(|(name, half)| {
                let rest = strip_ignoring_case(text, name)?;
                self.half = Some(*half);
                Some(rest)
            }),
            _ => {
                let (zone_ms, rest) = zone(text)?;
                self.zone_ms = zone_ms;
                Some(rest)
            }
        }
    }

    fn instant(&self) -> Option<i64> {
        let year = self.year.unwrap_or(1970);
        let month = self.month.unwrap_or(1) - 1;
        let (year, month) = (year.checked_add(month.div_euclid(12))?, month.rem_euclid(12) + 1);
        if !(-200_000_000..=200_000_000).contains(&year) {
            return None;
        }
        let days = match self.day_of_year {
            Some(day) if self.month.is_none() => days_of(year, 1, 1) + day - 1,
            _ => days_of(year, month, 1) + self.day.unwrap_or(1) - 1,
        };
        let time = [
            (days, DAY_MS),
            (self.hour + self.half.unwrap_or(0), HOUR_MS),
            (self.minute, 60_000),
            (self.second, 1000),
            (self.milli, 1),
            (self.zone_ms, -1),
        ];
        time.iter().try_fold(0_i64, |sum, (count, unit)| sum.checked_add(count.checked_mul(*unit)?))
    }
}

/// Two digits mean the century around now: 80 years back to 20 ahead. The window is Java's at the time of writing.
const fn short_year(number: i64) -> i64 {
    if number > 45 { 1900 + number } else { 2000 + number }
}

fn strip_ignoring_case<'t>(text: &'t str, prefix: &str) -> Option<&'t str> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// A number, at most `limit` digits where another one follows at once.
fn number(text: &str, limit: Option<usize>) -> Option<(i64, usize, &str)> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let all = digits.bytes().take_while(u8::is_ascii_digit).count();
    let len = limit.map_or(all, |limit| all.min(limit));
    let (head, rest) = digits.split_at_checked(len)?;
    Some((sign * head.parse::<i64>().ok()?, len, rest))
}

/// `Z`, `UTC`, `GMT`, `+02`, `+0200`, `+02:00`, the latter also behind `GMT`: milliseconds east of UTC.
fn zone(text: &str) -> Option<(i64, &str)> {
    let named = ["UTC", "GMT", "Z"].iter().find_map(|name| text.strip_prefix(name));
    let rest = named.unwrap_or(text);
    let (sign, digits) = match (rest.strip_prefix('+'), rest.strip_prefix('-')) {
        (Some(digits), _) => (1, digits),
        (_, Some(digits)) => (-1, digits),
        _ => return named.map(|rest| (0, rest)),
    };
    let (hours, digits) = digits.split_at_checked(2)?;
    let minutes = digits.strip_prefix(':').unwrap_or(digits);
    let (minutes, rest) =
        match minutes.split_at_checked(2).filter(|(m, _)| m.bytes().all(|b| b.is_ascii_digit())) {
            Some((minutes, rest)) => (minutes.parse().ok()?, rest),
            None => (0, digits),
        };
    Some((sign * (hours.parse::<i64>().ok()? * HOUR_MS + minutes * 60_000), rest))
}

/// Year, month and day of a day since 1970-01-01 (Howard Hinnant's `civil_from_days`).
const fn civil(day: i64) -> (i64, i64, i64) {
    let z = day + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let year = yoe + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, doy - (153 * mp + 2) / 5 + 1)
}

/// The day since 1970-01-01 (`days_from_civil`).
const fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let yoe = y.rem_euclid(400);
    let mp = (month + 9) % 12;
    let doy = (153 * mp + 2) / 5 + day - 1;
    let doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    era * 146_097 + doe - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_and_reads_as_java_does() {
        let cases = [
            ("yyyy-MM-dd HH:mm:ss", "2024-01-15 10:30:00", 1_705_314_600_000),
            ("yyyy-MM-dd'T'HH:mm:ss.SSSXXX", "2024-01-15T10:30:00.123Z", 1_705_314_600_123),
            ("EEE, d MMM yyyy hh:mm a z", "Mon, 15 Jan 2024 10:30 AM UTC", 1_705_314_600_000),
            ("yyyyMMddHHmmss", "20240115103000", 1_705_314_600_000),
            ("yy''DDD", "24'015", 1_705_276_800_000),
        ];
        for (pattern, text, ms) in cases {
            let format = SimpleDateFormat::new(pattern).unwrap();
            assert_eq!(format.format(ms), text, "{pattern}");
            assert_eq!(format.parse(text), Some(ms), "{pattern}");
        }
        let format = SimpleDateFormat::new("yyyy-MM-dd HH:mm Z").unwrap();
        assert_eq!(format.parse("2024-01-15 12:30 +0200"), Some(1_705_314_600_000));
        assert_eq!(SimpleDateFormat::new("yyyy/MM/dd").unwrap().parse("2024-01-15"), None);
        assert!(SimpleDateFormat::new("q").is_err());
        assert!(SimpleDateFormat::new("'x").is_err());
    }
}
