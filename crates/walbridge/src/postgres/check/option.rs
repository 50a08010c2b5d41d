//! The configuration itself, beyond what `Settings` refuses: misspelt options, converters and transforms.

use connect::Properties;

use crate::postgres::options;
use crate::postgres::settings::Settings;
use crate::postgres::task::{self, Scope};
use crate::report::Finding;

/// Keys that Connect itself reads of a source connector (`SourceConnectorConfig`, `ConnectorConfig`, 4.3).
const CONNECTS: &[&str] = &[
    "config.action.reload",
    "connector.class",
    "connector.plugin.version",
    "exactly.once.support",
    "header.converter",
    "key.converter",
    "name",
    "offsets.storage.topic",
    "predicates",
    "tasks.max",
    "tasks.max.enforce",
    "transaction.boundary",
    "transaction.boundary.interval.ms",
    "transforms",
    "value.converter",
];

/// Families of keys: everything under these prefixes is somebody's.
const PREFIXES: &[&str] = &[
    "admin.override.",
    "column.mask.",
    "column.truncate.to.",
    "consumer.override.",
    "driver.",
    "errors.",
    "header.converter.",
    "internal.",
    "key.converter.",
    "predicates.",
    "snapshot.select.statement.overrides.",
    "producer.override.",
    "topic.creation.",
    "transforms.",
    "value.converter.",
];

/// A warning for each option that nobody reads; the one that is spelt almost so is named.
pub(super) fn unknown(config: &Properties) -> Vec<Finding> {
    let mut known: Vec<&str> = options::all().map(|o| o.key.name).collect();
    known.extend(CONNECTS);
    let legacy = |key: &str| options::LEGACY.iter().find(|(old, _)| *old == key);
    let warn = |key: &String| {
        if known.contains(&key.as_str()) || PREFIXES.iter().any(|p| key.starts_with(p)) {
            return None;
        }
        let advice = if let Some((_, today)) = legacy(key) {
            format!("; today: {today}")
        } else {
            let near = known.iter().map(|name| (distance(key, name), *name)).min();
            match near {
                Some((edits, name)) if edits <= 2 => format!("; did you mean {name}?"),
                _ => String::new(),
            }
        };
        Some(Finding::warn("options", format!("{key}: not known, has no effect{advice}")))
    };
    config.keys().filter_map(warn).collect()
}

/// Converters, transforms and topic rules: what the encoder of a task would be made from.
pub(super) fn records(settings: &Settings, scope: &Scope<'_>, has_worker: bool) -> Finding {
    if let Err(error) = task::topic_creator(scope) {
        return Finding::fail("options", error.to_string());
    }
    match task::encoder_config(settings, scope) {
        Ok(_) => Finding::ok("options", "understood"),
        // The worker's converters are not known here.
        Err(error) if !has_worker && !scope.config.contains_key("key.converter") => {
            Finding::warn("options", format!("{error} The worker may give one."))
        }
        Err(error) => Finding::fail("options", error.to_string()),
    }
}

/// Levenshtein's, over bytes: option names are ASCII.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = std::mem::replace(row.first_mut().unwrap_or(&mut 0), i + 1);
        let mut left = i + 1;
        for (cell, y) in row.iter_mut().skip(1).zip(b.bytes()) {
            let replaced = diagonal + usize::from(x != y);
            diagonal = *cell;
            *cell = replaced.min(diagonal + 1).min(left + 1);
            left = *cell;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted() {
        for (a, b, edits) in
            [("", "abc", 3), ("kitten", "sitting", 3), ("slot.name", "slot.nmae", 2), ("a", "a", 0)]
        {
            assert_eq!(distance(a, b), edits, "{a} {b}");
        }
    }

    #[test]
    fn misspelt_option_is_told_with_its_name_and_others_are_left_alone() {
        let config: Properties = [
            ("tabel.include.list", "x"),
            ("table.include.list", "x"),
            ("connector.class", "x"),
            ("transforms.unwrap.type", "x"),
            ("something.else.entirely", "x"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
        let messages: Vec<String> = unknown(&config).into_iter().map(|f| f.message).collect();
        assert_eq!(
            messages,
            [
                "tabel.include.list: not known, has no effect; did you mean table.include.list?",
                "something.else.entirely: not known, has no effect",
            ]
        );
    }
}
