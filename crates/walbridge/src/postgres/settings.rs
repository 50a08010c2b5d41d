//! What a connector's configuration means: judged once, against the table, then never read again.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use connect::Properties;
use fancy_regex::Regex;
use pgoutput::publication::Autocreate;
use pgoutput::{Password, Relation, SslConfig, SslMode};
use sink::config::{FailureMode, SkippedOperations};
use sink::convert::{BinaryMode, DecimalMode, Options, TimeMode};

use super::options::{self, Handling};

/// `snapshot.mode`, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SnapshotMode {
    /// Read the tables unless that was done.
    Initial,
    /// Never read them.
    NoData,
}

/// Something is wrong with one option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) option: String,
    pub(super) message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "The '{}' value is invalid: {}", self.option, self.message)
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) prefix: Arc<str>,
    pub(super) database: pgoutput::Config,
    pub(super) slot: SlotSettings,
    pub(super) publication: pgoutput::publication::Publication,
    pub(super) snapshot: SnapshotMode,
    pub(super) snapshot_delay: Duration,
    pub(super) filter: Arc<Filter>,
    pub(super) queue_bytes: usize,
    pub(super) status_interval: Duration,
    pub(super) retries: Option<u32>,
    pub(super) retry_wait: Duration,
    pub(super) extended_headers: bool,
    pub(super) tombstones: bool,
    pub(super) skipped: SkippedOperations,
    pub(super) options: Options,
    pub(super) conversion_failure: FailureMode,
}

/// The slot and how to start it.
#[derive(Debug)]
pub(super) struct SlotSettings {
    pub(super) name: String,
    pub(super) drop_on_stop: bool,
    pub(super) max_retries: u32,
    pub(super) retry_delay: Duration,
    pub(super) stream_params: Vec<(String, String)>,
}

/// Which tables are captured.
#[derive(Debug)]
pub(super) struct Filter {
    schemas: Lists,
    tables: Lists,
    ignore_builtin: bool,
}

#[derive(Debug)]
struct Lists {
    /// `None`: everything.
    include: Option<Vec<Regex>>,
    exclude: Vec<Regex>,
}

impl Lists {
    fn take(&self, name: &str) -> bool {
        match &self.include {
            Some(include) => matches_any(include, name),
            None => !matches_any(&self.exclude, name),
        }
    }
}

fn matches_any(patterns: &[Regex], name: &str) -> bool {
    // A pattern that gives up (too much backtracking) has not matched.
    patterns.iter().any(|p| p.is_match(name).unwrap_or(false))
}

impl Filter {
    pub(super) fn takes(&self, schema: &str, table: &str) -> bool {
        let builtin = matches!(schema, "pg_catalog" | "information_schema")
            || schema.starts_with("pg_temp")
            || schema.starts_with("pg_toast")
            || table == "spatial_ref_sys";
        !(self.ignore_builtin && builtin)
            && self.schemas.take(schema)
            && self.tables.take(&format!("{schema}.{table}"))
    }

    pub(super) fn takes_relation(&self, relation: &Relation) -> bool {
        self.takes(&relation.schema, &relation.name)
    }

    /// Debezium reads tables in the order of the patterns of `table.include.list`, then by name.
    pub(super) fn rank(&self, schema: &str, table: &str) -> usize {
        let name = format!("{schema}.{table}");
        let include = self.tables.include.as_deref().unwrap_or_default();
        include.iter().position(|p| p.is_match(&name).unwrap_or(false)).unwrap_or(usize::MAX)
    }
}

/// Splits a list of patterns at commas without a backslash before them; blanks around entries do not count.
pub(super) fn split_list(text: &str) -> Vec<String> {
    let mut entries = vec![String::new()];
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, entries.last_mut()) {
            ('\\', Some(entry)) if chars.next_if_eq(&',').is_some() => entry.push(','),
            (',', _) => entries.push(String::new()),
            (c, Some(entry)) => entry.push(c),
            (_, None) => {}
        }
    }
    entries.into_iter().map(|e| e.trim().to_owned()).filter(|e| !e.is_empty()).collect()
}

/// Splits SQL statements at semicolons; two of them are a literal one.
fn split_statements(text: &str) -> Vec<String> {
    let parts = text.replace(";;", "\u{0}");
    let whole = |part: &str| part.replace('\u{0}', ";").trim().to_owned();
    parts.split(';').map(whole).filter(|s| !s.is_empty()).collect()
}

/// Where the database is, and how long validation may take to reach it. For a configuration that [`super::validation`]
/// found nothing wrong with.
pub(super) fn connection(config: &Properties) -> Result<(pgoutput::Config, Duration), Problem> {
    let read = Reader(config);
    let database = database(&read)?;
    if database.port == 0 {
        let message = "a port is at least 1".to_owned();
        return Err(Problem { option: "database.port".to_owned(), message });
    }
    Ok((database, read.millis("connection.validation.timeout.ms")?))
}

/// Every problem that keeps the connector from running, in the table's order.
pub(super) fn problems(config: &Properties) -> Vec<Problem> {
    let problem = |option: &str, message: String| Problem { option: option.to_owned(), message };
    let mut found = Vec::new();
    for option in options::OPTIONS {
        let name = option.key.name;
        let given = config.get(name).map(String::as_str);
        let required = matches!(option.key.default, connect::config_def::Default::Required);
        let blank = given.is_none_or(|v| v.trim().is_empty());
        if blank {
            if required {
                found.push(problem(name, "A value is required".to_owned()));
            }
            continue;
        }
        let value = given.unwrap_or_default();
        if let Some(message) = option.check.problem(value) {
            found.push(problem(name, message));
        } else if option.handling == Handling::Refused && !is_default(option, value) {
            found.push(problem(
                name,
                "walbridge does not support this option yet; remove it".to_owned(),
            ));
        }
    }
    for name in config.keys() {
        if options::REFUSED_PREFIXES.iter().any(|p| name.starts_with(p)) {
            found.push(problem(
                name,
                "walbridge does not support this option yet; remove it".to_owned(),
            ));
        }
    }
    let given = |name: &str| config.get(name).is_some_and(|v| !v.trim().is_empty());
    for kind in ["schema", "table"] {
        let (include, exclude) = (format!("{kind}.include.list"), format!("{kind}.exclude.list"));
        if given(&include) && given(&exclude) {
            found.push(problem(&exclude, format!("\"{include}\" is already specified")));
        }
    }
    if let Err(message) = skipped_operations(config.get("skipped.operations").map(String::as_str)) {
        found.push(problem("skipped.operations", message));
    }
    if given("plugin.name")
        && !config.get("plugin.name").is_some_and(|p| p.trim().eq_ignore_ascii_case("pgoutput"))
    {
        found.push(problem("plugin.name", "walbridge reads the plugin pgoutput only".to_owned()));
    }
    if let Some(mode) = config.get("snapshot.mode").filter(|_| given("snapshot.mode"))
        && !matches!(mode.trim().to_ascii_lowercase().as_str(), "initial" | "no_data")
        && !found.iter().any(|p| p.option == "snapshot.mode")
    {
        found.push(problem(
            "snapshot.mode",
            format!("walbridge does not support {} yet; use initial or no_data", mode.trim()),
        ));
    }
    found
}

fn is_default(option: &options::PostgresOption, value: &str) -> bool {
    match option.key.default {
        connect::config_def::Default::Text(default) => value.trim().eq_ignore_ascii_case(default),
        _ => value.trim().is_empty(),
    }
}

fn skipped_operations(text: Option<&str>) -> Result<SkippedOperations, String> {
    let Some(text) = text.filter(|t| !t.trim().is_empty()) else {
        return Ok(SkippedOperations::default());
    };
    let words: Vec<&str> = text.split(',').map(str::trim).collect();
    if words == ["none"] {
        return Ok(SkippedOperations {
            create: false,
            update: false,
            delete: false,
            truncate: false,
        });
    }
    if words.contains(&"none") {
        return Err("'none' cannot be specified with other skipped operation types".to_owned());
    }
    if !words.iter().all(|w| matches!(*w, "c" | "u" | "d" | "t" | "r")) {
        return Err("Invalid operation".to_owned());
    }
    let has = |word: &str| words.contains(&word);
    Ok(SkippedOperations {
        create: has("c"),
        update: has("u"),
        delete: has("d"),
        truncate: has("t"),
    })
}

/// Reads values whose form [`problems`] has checked.
struct Reader<'a>(&'a Properties);

impl Reader<'_> {
    fn text(&self, name: &str) -> Option<&str> {
        let given = self.0.get(name).map(|v| v.trim()).filter(|v| !v.is_empty());
        given.or_else(|| match options::find(name)?.key.default {
            connect::config_def::Default::Text(default) => Some(default),
            _ => None,
        })
    }

    fn word(&self, name: &str) -> String {
        self.text(name).unwrap_or_default().to_ascii_lowercase()
    }

    fn owned(&self, name: &str) -> String {
        self.text(name).unwrap_or_default().to_owned()
    }

    fn flag(&self, name: &str) -> bool {
        self.word(name) == "true"
    }

    fn number<T: FromStr>(&self, name: &str) -> Result<T, Problem> {
        let message = "the number is out of range".to_owned();
        let text = self.text(name).unwrap_or_default();
        text.parse().map_err(|_out_of_range: T::Err| Problem { option: name.to_owned(), message })
    }

    fn millis(&self, name: &str) -> Result<Duration, Problem> {
        Ok(Duration::from_millis(self.number(name)?))
    }

    fn patterns(&self, name: &str) -> Result<Option<Vec<Regex>>, Problem> {
        let Some(list) = self.text(name) else { return Ok(None) };
        let compile = |pattern: String| {
            Regex::new(&format!("(?i)^(?:{pattern})$"))
                .map_err(|error| Problem { option: name.to_owned(), message: error.to_string() })
        };
        split_list(list).into_iter().map(compile).collect::<Result<_, _>>().map(Some)
    }
}

impl Settings {
    /// Judges the configuration.
    pub(super) fn parse(config: &Properties) -> Result<Self, Vec<Problem>> {
        let found = problems(config);
        if !found.is_empty() {
            return Err(found);
        }
        Self::read(&Reader(config)).map_err(|problem| vec![problem])
    }

    fn read(read: &Reader<'_>) -> Result<Self, Problem> {
        let queue_bytes = match read.number::<usize>("max.queue.size.in.bytes")? {
            0 => 8 << 20,
            bytes => bytes,
        };
        Ok(Self {
            prefix: read.owned("topic.prefix").into(),
            database: database(read)?,
            slot: slot(read)?,
            publication: publication(read),
            snapshot: if read.word("snapshot.mode") == "no_data" {
                SnapshotMode::NoData
            } else {
                SnapshotMode::Initial
            },
            snapshot_delay: read.millis("snapshot.delay.ms")?,
            filter: Arc::new(Filter {
                schemas: lists(read, "schema")?,
                tables: lists(read, "table")?,
                ignore_builtin: read.flag("table.ignore.builtin"),
            }),
            queue_bytes,
            status_interval: read.millis("status.update.interval.ms")?,
            retries: u32::try_from(read.number::<i64>("errors.max.retries")?).ok(),
            retry_wait: read.millis("retriable.restart.connector.wait.ms")?,
            extended_headers: read.flag("extended.headers.enabled"),
            tombstones: read.flag("tombstones.on.delete"),
            skipped: skipped_operations(read.text("skipped.operations")).unwrap_or_default(),
            options: conversion(read)?,
            conversion_failure: match read.word("event.converting.failure.handling.mode").as_str() {
                "fail" => FailureMode::Fail,
                "skip" => FailureMode::Skip,
                _ => FailureMode::Warn,
            },
        })
    }
}

fn lists(read: &Reader<'_>, kind: &str) -> Result<Lists, Problem> {
    Ok(Lists {
        include: read.patterns(&format!("{kind}.include.list"))?,
        exclude: read.patterns(&format!("{kind}.exclude.list"))?.unwrap_or_default(),
    })
}

fn database(read: &Reader<'_>) -> Result<pgoutput::Config, Problem> {
    let password = |name: &str| read.text(name).map(|text| Password::new(text.to_owned()));
    let file = |name: &str| read.text(name).map(PathBuf::from);
    Ok(pgoutput::Config {
        host: read.owned("database.hostname"),
        port: read.number("database.port")?,
        user: read.owned("database.user"),
        password: password("database.password"),
        dbname: read.owned("database.dbname"),
        ssl: SslConfig {
            mode: match read.word("database.sslmode").as_str() {
                "disable" => SslMode::Disable,
                "allow" => SslMode::Allow,
                "require" => SslMode::Require,
                "verify-ca" => SslMode::VerifyCa,
                "verify-full" => SslMode::VerifyFull,
                _ => SslMode::Prefer,
            },
            cert: file("database.sslcert"),
            key: file("database.sslkey"),
            root_cert: file("database.sslrootcert"),
            key_password: password("database.sslpassword"),
        },
        connect_timeout: read.millis("database.connection.timeout.ms")?,
        query_timeout: read.millis("database.query.timeout.ms")?,
        tcp_keepalive: read.flag("database.tcpKeepAlive"),
        initial_statements: split_statements(
            read.text("database.initial.statements").unwrap_or_default(),
        ),
    })
}

fn slot(read: &Reader<'_>) -> Result<SlotSettings, Problem> {
    let pair = |param: &str| {
        let (key, value) = param.split_once('=')?;
        Some((key.trim().to_owned(), value.trim().to_owned()))
    };
    let stream_params = read
        .text("slot.stream.params")
        .unwrap_or_default()
        .split(';')
        .filter(|p| !p.trim().is_empty())
        .map(|p| {
            pair(p).ok_or_else(|| Problem {
                option: "slot.stream.params".to_owned(),
                message: "pairs of the form k=v, separated by semicolons, are expected".to_owned(),
            })
        })
        .collect::<Result<_, _>>()?;
    Ok(SlotSettings {
        name: read.owned("slot.name"),
        drop_on_stop: read.flag("slot.drop.on.stop"),
        max_retries: u32::try_from(read.number::<i64>("slot.max.retries")?).unwrap_or(0),
        retry_delay: read.millis("slot.retry.delay.ms")?,
        stream_params,
    })
}

fn publication(read: &Reader<'_>) -> pgoutput::publication::Publication {
    // Only operations that were skipped explicitly leave the publication, as in Debezium.
    let explicit = read
        .0
        .get("skipped.operations")
        .is_some_and(|v| !v.trim().is_empty() && v.trim() != "none");
    let skipped = skipped_operations(read.text("skipped.operations")).unwrap_or_default();
    let operations = [
        ("insert", skipped.create),
        ("update", skipped.update),
        ("delete", skipped.delete),
        ("truncate", skipped.truncate),
    ];
    let published: Vec<&str> =
        operations.iter().filter(|(_, skip)| !skip).map(|(name, _)| *name).collect();
    pgoutput::publication::Publication {
        name: read.owned("publication.name"),
        autocreate: match read.word("publication.autocreate.mode").as_str() {
            "disabled" => Autocreate::Disabled,
            "filtered" => Autocreate::Filtered,
            "no_tables" => Autocreate::NoTables,
            _ => Autocreate::AllTables,
        },
        via_partition_root: read.flag("publish.via.partition.root"),
        publish: explicit.then(|| published.join(",")),
    }
}

fn conversion(read: &Reader<'_>) -> Result<Options, Problem> {
    Ok(Options {
        decimal: match read.word("decimal.handling.mode").as_str() {
            "string" => DecimalMode::String,
            "double" => DecimalMode::Double,
            _ => DecimalMode::Precise,
        },
        time: match read.word("time.precision.mode").as_str() {
            "adaptive_time_microseconds" => TimeMode::AdaptiveTimeMicroseconds,
            "connect" => TimeMode::Connect,
            "isostring" => TimeMode::IsoString,
            "microseconds" => TimeMode::Microseconds,
            "nanoseconds" => TimeMode::Nanoseconds,
            _ => TimeMode::Adaptive,
        },
        binary: match read.word("binary.handling.mode").as_str() {
            "base64" => BinaryMode::Base64,
            "base64-url-safe" => BinaryMode::Base64UrlSafe,
            "hex" => BinaryMode::Hex,
            _ => BinaryMode::Bytes,
        },
        interval_string: read.word("interval.handling.mode") == "string",
        hstore_map: read.word("hstore.handling.mode") == "map",
        money_fraction_digits: read.number("money.fraction.digits")?,
        include_unknown: read.flag("include.unknown.datatypes"),
        unavailable_placeholder: placeholder(
            read.text("unavailable.value.placeholder").unwrap_or_default(),
        )?,
    })
}

/// `hex:` introduces bytes in hexadecimal.
fn placeholder(text: &str) -> Result<Vec<u8>, Problem> {
    let Some(digits) = text.strip_prefix("hex:") else { return Ok(text.as_bytes().to_vec()) };
    let byte = |pair: &[u8]| match pair {
        [high, low] => {
            let digit = |b: u8| char::from(b).to_digit(16);
            u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()
        }
        _ => None,
    };
    digits.as_bytes().chunks(2).map(byte).collect::<Option<_>>().ok_or_else(|| Problem {
        option: "unavailable.value.placeholder".to_owned(),
        message: "after hex: an even number of hexadecimal digits is expected".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minimal(extra: &[(&str, &str)]) -> Properties {
        [
            ("topic.prefix", "p"),
            ("database.hostname", "h"),
            ("database.user", "u"),
            ("database.password", "secret"),
            ("database.dbname", "d"),
        ]
        .iter()
        .chain(extra)
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect()
    }

    fn filter(extra: &[(&str, &str)]) -> Arc<Filter> {
        Settings::parse(&minimal(extra)).unwrap().filter
    }

    #[test]
    fn lists_are_anchored_ignore_case_and_blanks_and_keep_escaped_commas() {
        assert_eq!(split_list(" a\\.b , ,c{1\\,2},d"), ["a\\.b", "c{1,2}", "d"]);
        let f = filter(&[("table.include.list", " public.Users , sales\\..*")]);
        assert!(f.takes("public", "users"));
        assert!(f.takes("sales", "x"));
        assert!(!f.takes("public", "users2"));
        assert!(!f.takes("xsales", "x"));
        assert_eq!((f.rank("sales", "x"), f.rank("public", "users")), (1, 0));
    }

    #[test]
    fn schema_and_table_filters_must_both_pass() {
        let f = filter(&[("schema.exclude.list", "audit"), ("table.exclude.list", ".*\\.tmp_.*")]);
        assert!(f.takes("public", "a"));
        assert!(!f.takes("audit", "a"));
        assert!(!f.takes("public", "tmp_a"));
        assert!(!f.takes("pg_catalog", "pg_class"));
    }

    #[test]
    fn problems_name_their_option_in_debeziums_words() {
        let mut config = minimal(&[
            ("table.include.list", "a"),
            ("table.exclude.list", "b"),
            ("snapshot.mode", "never"),
        ]);
        config.shift_remove("database.user");
        let shown: Vec<String> = problems(&config).iter().map(ToString::to_string).collect();
        assert_eq!(shown.len(), 3, "{shown:?}");
        assert_eq!(shown[0], "The 'database.user' value is invalid: A value is required");
        assert!(shown[1].starts_with("The 'snapshot.mode' value is invalid: Value must be one of"));
        assert_eq!(
            shown[2],
            "The 'table.exclude.list' value is invalid: \"table.include.list\" is already specified"
        );
    }

    #[test]
    fn what_would_change_the_capture_is_refused_and_what_would_not_is_accepted() {
        for (key, value) in [
            ("column.mask.with.4.chars", "a.b.c"),
            ("message.key.columns", "a:b"),
            ("column.exclude.list", "x"),
        ] {
            assert_eq!(problems(&minimal(&[(key, value)]))[0].option, key);
        }
        for (key, value) in [
            ("max.batch.size", "1"),
            ("topic.delimiter", "."),
            ("some.unknown", "1"),
            ("read.only", "FALSE"),
        ] {
            assert_eq!(problems(&minimal(&[(key, value)])), [], "{key}");
        }
    }

    #[test]
    fn only_explicitly_skipped_operations_leave_the_publication() {
        let publish =
            |extra: &[(&str, &str)]| Settings::parse(&minimal(extra)).unwrap().publication.publish;
        assert_eq!(publish(&[]), None);
        assert_eq!(publish(&[("skipped.operations", "none")]), None);
        assert_eq!(publish(&[("skipped.operations", "c, t")]).as_deref(), Some("update,delete"));
    }

    #[test]
    fn statements_and_placeholders_are_read_as_documented() {
        assert_eq!(split_statements("SET a = 1; SELECT ';;' ;"), ["SET a = 1", "SELECT ';'"]);
        assert_eq!(placeholder("hex:00fF").unwrap(), [0, 255]);
        assert!(placeholder("hex:0").is_err());
    }

    #[test]
    fn the_password_is_never_shown() {
        let settings = Settings::parse(&minimal(&[])).unwrap();
        assert!(!format!("{settings:?}").contains("secret"));
    }
}
