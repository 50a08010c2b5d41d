//! `io.debezium.transforms.TimezoneConverter`: times with a zone in another one, and times without one as times there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use super::envelope::Envelope;
use super::part::TIMESTAMP;
use super::{Record, Transform};
use crate::data::{Schema, Value};
use crate::error::{Error, Result};
use crate::option::Options;

/// Fields by table or topic; none means all.
type Rules = BTreeMap<String, BTreeSet<String>>;

/// The transform.
#[derive(Debug)]
pub(super) struct TimezoneConverter {
    zone: TimeZone,
    include: bool,
    exclude: bool,
    topics: Rules,
    tables: Rules,
    either: Rules,
}

/// Which fields of a record are converted.
enum Choice<'a> {
    All,
    Only(&'a BTreeSet<String>),
    Except(&'a BTreeSet<String>),
}

impl TimezoneConverter {
    pub(super) fn parse(options: &Options<'_>) -> Result<Self> {
        let name = options.text("converted.timezone").unwrap_or_default();
        let zone = match offset(name) {
            Some(offset) => offset.to_time_zone(),
            None => TimeZone::get(name).map_err(|_unknown| {
                Error::debezium("Invalid timezone format. Please specify either a geographic timezone (e.g. America/Los_Angeles) or a UTC offset in the format of +/-hh:mm, (e.g. +08:00).")
            })?,
        };
        let (include, exclude) = (options.list("include.list"), options.list("exclude.list"));
        if !include.is_empty() && !exclude.is_empty() {
            return Err(Error::debezium(
                "Both include and exclude lists are specified. Please specify only one.",
            ));
        }
        let mut parsed = Self {
            zone,
            include: !include.is_empty(),
            exclude: !exclude.is_empty(),
            topics: Rules::new(),
            tables: Rules::new(),
            either: Rules::new(),
        };
        let mut common = None;
        for item in include.iter().chain(&exclude) {
            parsed.add(item, &mut common)?;
        }
        Ok(parsed)
    }

    /// A prefix holds for the items behind it as well, as in Debezium.
    fn add(&mut self, item: &str, common: &mut Option<bool>) -> Result<()> {
        let parts: Vec<&str> = item.split(':').collect();
        let is_prefix =
            |text: &str| text.eq_ignore_ascii_case("source") || text.eq_ignore_ascii_case("topic");
        let (prefix, name, field) = match parts.as_slice() {
            [name] => (None, *name, None),
            [prefix, name] if is_prefix(prefix) => (Some(*prefix), *name, None),
            [name, field] => (None, *name, Some(*field)),
            [prefix, name, field] if is_prefix(prefix) => (Some(*prefix), *name, Some(*field)),
            _ => {
                let list = if self.include { "include" } else { "exclude" };
                return Err(Error::debezium(format!(
                    "Invalid {list} list format. Please specify a list of rules in the format of \"source:<tablename>:<fieldnames>\", \"topic:<topicname>:<fieldnames>\", \"<matchname>:<fieldnames>\""
                )));
            }
        };
        if let Some(prefix) = prefix {
            *common = Some(prefix.eq_ignore_ascii_case("topic"));
        }
        let rules = match common {
            Some(true) => &mut self.topics,
            Some(false) => &mut self.tables,
            None => &mut self.either,
        };
        rules.entry(name.to_owned()).or_default().extend(field.map(str::to_owned));
        Ok(())
    }

    /// The rule that a record meets; `None` where nothing is converted.
    fn choice(&self, topic: &str, table: &str) -> Option<Choice<'_>> {
        let rule = self.topics.get(topic).or_else(|| self.tables.get(table));
        let rule = rule.or_else(|| self.either.get(topic)).or_else(|| self.either.get(table));
        match rule {
            None if self.include => None,
            None => Some(Choice::All),
            Some(fields) if self.exclude => (!fields.is_empty()).then_some(Choice::Except(fields)),
            Some(fields) if fields.is_empty() => Some(Choice::All),
            Some(fields) => Some(Choice::Only(fields)),
        }
    }

    fn convert_row(&self, part: &str, schema: &Schema, values: &mut [Value], choice: &Choice<'_>) {
        for (field, value) in schema.fields().iter().zip(values) {
            let listed = |fields: &BTreeSet<String>| {
                let path = format!("{part}.{}", field.name);
                (part != "source" && fields.contains(&*field.name)) || fields.contains(&path)
            };
            let chosen = match choice {
                Choice::All => true,
                Choice::Only(fields) => listed(fields),
                Choice::Except(fields) => !listed(fields),
            };
            if chosen && let Some(converted) = self.convert(part, &field.name, &field.schema, value)
            {
                *value = converted;
            }
        }
    }

    /// The converted value; `None` where it stays as it is.
    fn convert(&self, part: &str, field: &str, schema: &Schema, value: &Value) -> Option<Value> {
        match (schema.name.as_deref(), value) {
            (Some("io.debezium.time.ZonedTimestamp"), Value::String(text)) => {
                self.zoned_timestamp(text).map(|text| text.as_str().into())
            }
            (Some("io.debezium.time.ZonedTime"), Value::String(text)) => {
                self.zoned_time(text).map(|text| text.as_str().into())
            }
            (Some("io.debezium.time.MicroTimestamp"), Value::Int64(us)) => {
                self.local(*us, 1_000_000)
            }
            (Some("io.debezium.time.NanoTimestamp"), Value::Int64(ns)) => {
                self.local(*ns, 1_000_000_000)
            }
            (Some("io.debezium.time.Timestamp" | TIMESTAMP), Value::Int64(ms)) => {
                self.local(*ms, 1000)
            }
            (None, Value::Int64(time)) if part == "source" => {
                let unit = match field {
                    "ts_ms" => 1000,
                    "ts_us" => 1_000_000,
                    "ts_ns" => 1_000_000_000,
                    _ => return None,
                };
                let instant = Timestamp::from_second(time.div_euclid(unit)).ok()?;
                let seconds = i64::from(self.zone.to_offset(instant).seconds());
                Some(Value::Int64(time.checked_add(seconds.checked_mul(unit)?)?))
            }
            _ => None,
        }
    }

    /// A time without a zone, taken for one of ours.
    fn local(&self, time: i64, unit: i64) -> Option<Value> {
        let local = Timestamp::from_second(time.div_euclid(unit)).ok()?;
        let local = Offset::UTC.to_datetime(local);
        let seconds = i64::from(self.offset_of(local)?.seconds());
        Some(Value::Int64(time.checked_sub(seconds.checked_mul(unit)?)?))
    }

    /// The zone's offset at a local time; in a gap or overlap the one before, as in Java.
    fn offset_of(&self, local: DateTime) -> Option<Offset> {
        use jiff::tz::AmbiguousOffset;
        Some(match self.zone.to_ambiguous_zoned_datetime(local).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset,
            AmbiguousOffset::Gap { before, .. } | AmbiguousOffset::Fold { before, .. } => before,
        })
    }

    /// Debezium takes the offset at the text's own local time, not at the instant.
    fn zoned_timestamp(&self, text: &str) -> Option<String> {
        let (local, given) = split_offset(text)?;
        let local: DateTime = local.parse().ok()?;
        let offset = self.offset_of(local)?;
        let shift = i64::from(offset.seconds()) - i64::from(given.seconds());
        let moved = local.checked_add(SignedDuration::from_secs(shift)).ok()?;
        Some(format!(
            "{:04}-{:02}-{:02}T{}{}",
            moved.year(),
            moved.month(),
            moved.day(),
            time_text(moved.time()),
            offset_text(offset)
        ))
    }

    /// A time of day has no date: the offset is the one of now.
    fn zoned_time(&self, text: &str) -> Option<String> {
        let (local, given) = split_offset(text)?;
        let local: jiff::civil::Time = local.parse().ok()?;
        let offset = self.zone.to_offset(Timestamp::now());
        let shift = i64::from(offset.seconds()) - i64::from(given.seconds());
        let moved = local.wrapping_add(SignedDuration::from_secs(shift));
        Some(format!("{}{}", time_text(moved), offset_text(offset)))
    }
}

/// `+hh:mm` or `+hh:mm:ss`.
fn offset(text: &str) -> Option<Offset> {
    let (sign, digits) = match (text.strip_prefix('+'), text.strip_prefix('-')) {
        (Some(digits), _) => (1, digits),
        (_, Some(digits)) => (-1, digits),
        _ => return None,
    };
    let parts = digits.split(':').map(|part| part.parse::<i32>().ok().filter(|_| part.len() == 2));
    let seconds = match parts.collect::<Option<Vec<_>>>()?.as_slice() {
        [hours, minutes] => hours * 3600 + minutes * 60,
        [hours, minutes, seconds] => hours * 3600 + minutes * 60 + seconds,
        _ => return None,
    };
    Offset::from_seconds(sign * seconds).ok()
}

/// A local time and the offset behind it.
fn split_offset(text: &str) -> Option<(&str, Offset)> {
    if let Some(local) = text.strip_suffix('Z') {
        return Some((local, Offset::UTC));
    }
    let at = text.rfind(['+', '-']).filter(|at| *at >= 8)?;
    let (local, behind) = text.split_at_checked(at)?;
    Some((local, offset(behind)?))
}

/// `HH:mm:ss`, and as many digits of the second's fraction as needed.
fn time_text(time: jiff::civil::Time) -> String {
    let mut text = format!("{:02}:{:02}:{:02}", time.hour(), time.minute(), time.second());
    let fraction = format!("{:09}", time.subsec_nanosecond());
    let fraction = fraction.trim_end_matches('0');
    if !fraction.is_empty() {
        text.push('.');
        text.push_str(fraction);
    }
    text
}

fn offset_text(offset: Offset) -> String {
    let seconds = offset.seconds();
    if seconds == 0 {
        return "Z".to_owned();
    }
    let sign = if seconds < 0 { '-' } else { '+' };
    let (hours, minutes, rest) =
        (seconds.abs() / 3600, seconds.abs() / 60 % 60, seconds.abs() % 60);
    let text = format!("{sign}{hours:02}:{minutes:02}");
    if rest == 0 { text } else { format!("{text}:{rest:02}") }
}

impl Transform for TimezoneConverter {
    fn apply(&self, mut record: Record) -> Result<Option<Record>> {
        let Some(envelope) = Envelope::of(&record.value) else { return Ok(Some(record)) };
        let table = envelope.structure("source").and_then(|(schema, values)| {
            match values.get(schema.field_index("table")?) {
                Some(Value::String(table)) => Some(Arc::clone(table)),
                _ => None,
            }
        });
        let Some(choice) = self.choice(&record.topic, table.as_deref().unwrap_or_default()) else {
            return Ok(Some(record));
        };
        let mut values = envelope.values.to_vec();
        // The source's own times only where a rule names them.
        let names_source = match &choice {
            Choice::All => false,
            Choice::Only(fields) | Choice::Except(fields) => {
                fields.iter().any(|f| f.starts_with("source."))
            }
        };
        for (field, value) in envelope.schema.fields().iter().zip(&mut values) {
            let part = &*field.name;
            if let Value::Struct(row) = value
                && (matches!(part, "before" | "after") || part == "source" && names_source)
            {
                self.convert_row(part, &field.schema, row, &choice);
            }
        }
        record.value.value = Value::Struct(values);
        Ok(Some(record))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component;

    fn converter(zone: &str) -> TimezoneConverter {
        let get = |key: &str| (key == "converted.timezone").then_some(zone);
        let class = "io.debezium.transforms.TimezoneConverter";
        let found = component::find(class, component::Kind::Transformation).unwrap();
        TimezoneConverter::parse(&Options::new(&get, found).unwrap()).unwrap()
    }

    #[test]
    fn times_move_to_the_zone() {
        let kyiv = converter("Europe/Kyiv");
        assert_eq!(
            kyiv.zoned_timestamp("2024-01-15T08:30:00.000000Z").unwrap(),
            "2024-01-15T10:30:00+02:00"
        );
        assert_eq!(
            kyiv.zoned_timestamp("2024-07-15T08:30:00.123456Z").unwrap(),
            "2024-07-15T11:30:00.123456+03:00"
        );
        assert_eq!(
            kyiv.local(1_705_314_600_000_000, 1_000_000),
            Some(Value::Int64(1_705_307_400_000_000))
        );
        assert_eq!(converter("+05:30").zoned_time("23:30:00.5Z").unwrap(), "05:00:00.5+05:30");
    }
}
