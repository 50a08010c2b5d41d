//! Validation of a configuration as Debezium does it: every option by itself, and a connection only if none of them
//! has an error.

use connect::Properties;
use connect::config_def::ConfigValue;

use super::{connection, options, settings, source};

/// Values of older versions, and what says the same today.
const OLD_VALUES: &[(&str, &str)] = &[
    ("io.debezium.transforms.UnwrapFromEnvelope", "io.debezium.transforms.ExtractNewRecordState"),
    ("io.debezium.converters.ByteBufferConverter", "io.debezium.converters.BinaryDataConverter"),
    (
        "org.apache.kafka.connect.transforms.InsertHeader$Value",
        "org.apache.kafka.connect.transforms.InsertHeader",
    ),
    ("wal2json", "pgoutput"),
    ("wal2json_streaming", "pgoutput"),
    ("wal2json_rds", "pgoutput"),
    ("wal2json_rds_streaming", "pgoutput"),
];

/// Snapshot modes of older versions.
const OLD_SNAPSHOT_MODES: &[(&str, &str)] =
    &[("never", "no_data"), ("exported", "initial"), ("schema_only", "no_data")];

/// One value per declared option, and one for each other option that has an error. Debezium never shows the value.
pub(super) async fn validate(config: Properties) -> Vec<ConfigValue> {
    for (option, today) in outdated(&config) {
        let connector = config.get("name").map(String::as_str);
        tracing::warn!(connector, option, "is of an older version; today it is {today}");
    }
    let mut values = verdict(&config);
    if values.iter().all(|value| value.errors.is_empty())
        && let Err(problem) = connect(&config).await
        && let Some(hostname) = values.iter_mut().find(|value| value.name == "database.hostname")
    {
        hostname.errors.push(problem);
    }
    values
}

/// Options whose name or value is of an older version, and today's.
fn outdated(config: &Properties) -> Vec<(&str, &'static str)> {
    let mut found = Vec::new();
    for (key, value) in config {
        let values = if key == "snapshot.mode" { OLD_SNAPSHOT_MODES } else { OLD_VALUES };
        let names = options::LEGACY.iter().filter(|(old, _)| old == key);
        let values = values.iter().filter(|(old, _)| *old == value.trim());
        found.extend(names.chain(values).map(|(_, today)| (key.as_str(), *today)));
    }
    found
}

/// What is wrong with the options, without a look at the database.
fn verdict(config: &Properties) -> Vec<ConfigValue> {
    let declared = options::all().filter(|option| option.declared);
    let mut values: Vec<ConfigValue> = declared
        .map(|option| ConfigValue {
            recommended_values: option.recommended(),
            visible: option.visible(),
            ..ConfigValue::new(option.key.name, None)
        })
        .collect();
    for problem in settings::problems(config) {
        let error = problem.to_string();
        match values.iter_mut().find(|value| value.name == problem.option) {
            Some(value) => value.errors.push(error),
            None => {
                let value = ConfigValue::new(problem.option, None);
                values.push(ConfigValue { errors: vec![error], ..value });
            }
        }
    }
    values
}

async fn connect(config: &Properties) -> Result<(), String> {
    let error = |what: &str| format!("Error while validating connector config: {what}");
    let (database, limit) =
        settings::connection(config).map_err(|problem| error(&problem.message))?;
    match tokio::time::timeout(limit, source::probe(&database)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(fault)) => Err(error(&connection::describe(&fault, &database))),
        Err(_elapsed) => {
            Err(format!("Connection validation timed out after {} ms", limit.as_millis()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(extra: &[(&str, &str)]) -> Properties {
        let base = [
            ("database.hostname", "h"),
            ("database.user", "u"),
            ("database.dbname", "d"),
            ("topic.prefix", "t"),
        ];
        base.iter().chain(extra).map(|&(key, value)| (key.to_owned(), value.to_owned())).collect()
    }

    fn errors(extra: &[(&str, &str)]) -> Vec<String> {
        verdict(&config(extra)).into_iter().flat_map(|value| value.errors).collect()
    }

    /// Options, values, and what Debezium 3.6.3 says of them.
    const REFUSED: &[(&str, &str, &[&str])] = &[
        (
            "snapshot.mode",
            "never",
            &[
                "Value must be one of always, initial_only, configuration_based, when_needed, initial, custom, no_data",
            ],
        ),
        (
            "snapshot.mode",
            "custom",
            &["snapshot.mode.custom.name cannot be empty when snapshot.mode 'custom' is defined"],
        ),
        ("database.port", "x", &["An integer is expected", "An integer is expected"]),
        ("database.port", " 5432 ", &["An integer is expected", "An integer is expected"]),
        (
            "heartbeat.interval.ms",
            "x",
            &["An integer is expected", "An non-negative integer is expected"],
        ),
        (
            "poll.interval.ms",
            "x",
            &["A long value is expected", "A positive, non-zero integer value is expected"],
        ),
        ("slot.retry.delay.ms", "99999999999", &["An integer is expected"]),
        (
            "max.queue.size",
            "0",
            &["A positive queue size is required", "Must be larger than the maximum batch size"],
        ),
        ("max.batch.size", "9000", &["Must be larger than the maximum batch size"]),
        (
            "topic.prefix",
            "",
            &[
                "A value is required",
                " has invalid format (only the underscore, hyphen, dot and alphanumeric characters are allowed)",
            ],
        ),
        ("database.hostname", " ", &["A value is required"]),
        (
            "tombstones.on.delete",
            "maybe",
            &["Either 'true' or 'false' is expected", "Either 'true' or 'false' is expected"],
        ),
        ("topic.naming.strategy", "a b", &["A Java class name is expected"]),
        (
            "table.include.list",
            "a.b,(",
            &[
                "A comma-separated list of valid regular expressions is expected, but Unclosed group near index 1\n(",
            ],
        ),
        (
            "message.key.columns",
            "a:b;c",
            &[r"c has an invalid format (expecting '^\s*([^:]+):([^:,]+(,[^:,]+)*)\s*$')"],
        ),
        (
            "skipped.operations",
            "c,none",
            &["'none' cannot be specified with other skipped operation types"],
        ),
        (
            "custom.metric.tags",
            "a",
            &[
                "A equivalent-separated map of valid key/value pairs is expected, for example: k1=v1,k2=v2",
            ],
        ),
        ("field.name.adjustment.mode", "x", &["Value must be one of none, avro_unicode, avro"]),
    ];

    #[test]
    fn refusals_are_debeziums() {
        for &(key, value, expected) in REFUSED {
            let found: Vec<String> = errors(&[(key, value)])
                .into_iter()
                .map(|error| error.split_once(" value is invalid: ").unwrap().1.to_owned())
                .collect();
            assert_eq!(found, expected, "{key}={value}");
        }
    }

    #[test]
    fn names_and_values_of_older_versions_are_told() {
        let config = config(&[
            ("database.server.name", "s"),
            ("snapshot.mode", "never"),
            ("transforms.u.type", "io.debezium.transforms.UnwrapFromEnvelope"),
            ("slot.name", "never"),
        ]);
        assert_eq!(
            outdated(&config),
            [
                ("database.server.name", "topic.prefix"),
                ("snapshot.mode", "no_data"),
                ("transforms.u.type", "io.debezium.transforms.ExtractNewRecordState"),
            ]
        );
    }

    #[test]
    fn what_debezium_takes_has_no_error() {
        for (key, value) in [
            ("plugin.name", "decoderbufs"),
            ("publication.name", ""),
            ("max.batch.size", "5000"),
            ("snapshot.mode", " INITIAL "),
            ("money.fraction.digits", "x"),
            ("read.only", "x"),
            ("signal.enabled.channels", "nope"),
            ("topic.naming.strategy", "nope.Nope"),
            ("slot.max.retries", "-1"),
            ("column.mask.with.0.chars", "("),
            ("skipped.operations", "c, u"),
            ("replica.identity.autoset.values", "a:FULL,b:INDEX x"),
            ("database.server.name", "legacy"),
        ] {
            assert_eq!(errors(&[(key, value)]), [""; 0], "{key}={value}");
        }
    }

    #[test]
    fn a_list_is_refused_next_to_its_opposite() {
        let found = errors(&[("table.include.list", "a"), ("table.exclude.list", "b")]);
        assert_eq!(
            found,
            [
                "The 'table.exclude.list' value is invalid: \"table.include.list\" is already specified"
            ]
        );
    }

    #[test]
    fn every_declared_default_passes_its_own_checks() {
        for option in options::all() {
            if let connect::config_def::Default::Text(default) = option.key.default {
                let found = errors(&[(option.key.name, default)]);
                assert_eq!(found, [""; 0], "{}", option.key.name);
            }
        }
    }
}
