//! What a connector's configuration means: judged once, against the table, then never read again.

mod signal;
mod snapshot;

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use connect::Properties;
use fancy_regex::Regex;
use pgoutput::publication::Autocreate;
use pgoutput::{Password, Relation, SslConfig, SslMode};
use sink::config::{FailureMode, PropagateSourceType, SkippedOperations};
use sink::convert::{BinaryMode, DecimalMode, Options, TimeMode};
use sink::java_regex;
use sink::name::NameAdjustment;
use sink::topic::{KeyField, Routing, TopicNaming};

use super::columns::{Columns, Keys};
use super::identity::Identities;
use super::options::{self, Handling};
use crate::live::Origin;

pub(crate) use signal::{NotificationSettings, SignalSettings, SignalTopic, TableName, Watermarks};
pub(super) use snapshot::{SnapshotMode, SnapshotSettings};

/// `offset.mismatch.strategy`: what holds when the stored position is not the slot's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mismatch {
    /// The stored one, unseen.
    NoValidation,
    /// The stored one, and the slot follows.
    TrustOffset,
    /// The slot's, if it is ahead.
    TrustSlot,
    /// The one that is ahead; the slot follows.
    TrustGreater,
}

/// Heartbeats, where they are wanted.
#[derive(Debug)]
pub(super) struct Heartbeat {
    pub(super) interval: Duration,
    /// SQL to run with each.
    pub(super) action: Option<String>,
}

/// `guardrail.collections.*`.
#[derive(Debug)]
pub(super) struct Guardrail {
    /// Most tables; none for no limit.
    pub(super) tables_max: Option<usize>,
    /// Whether more are an error.
    pub(super) fails: bool,
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
pub(super) struct Settings {
    pub(super) prefix: Arc<str>,
    pub(super) database: pgoutput::Config,
    pub(super) slot: SlotSettings,
    pub(super) publication: pgoutput::publication::Publication,
    pub(super) snapshot: SnapshotSettings,
    pub(super) signals: SignalSettings,
    pub(super) notifications: NotificationSettings,
    pub(super) filter: Arc<Filter>,
    pub(super) columns: Arc<Columns>,
    pub(super) keys: Arc<Keys>,
    pub(super) skip_unchanged: bool,
    pub(super) messages: Option<Arc<Lists>>,
    pub(super) topics: TopicNaming,
    /// The topic of transactions, where they are told.
    pub(super) transaction_topic: Option<Arc<str>>,
    pub(super) heartbeat_topic: Arc<str>,
    pub(super) heartbeat: Option<Heartbeat>,
    pub(super) identities: Identities,
    pub(super) guardrail: Guardrail,
    pub(super) mismatch: Mismatch,
    /// Whether nobody confirms positions: `lsn.flush.mode=manual`.
    pub(super) never_confirms: bool,
    /// How often `catalog_xmin` is read, if at all.
    pub(super) xmin_interval: Option<Duration>,
    pub(super) queue_bytes: usize,
    pub(super) status_interval: Duration,
    pub(super) retries: Option<u32>,
    pub(super) retry_wait: Duration,
    pub(super) extended_headers: bool,
    pub(super) tombstones: bool,
    pub(super) skipped: SkippedOperations,
    pub(super) options: Options,
    pub(super) conversion_failure: FailureMode,
    pub(super) event_failure: FailureMode,
    pub(super) schema_names: NameAdjustment,
    pub(super) field_names: NameAdjustment,
    pub(super) propagate: Option<PropagateSourceType>,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("prefix", &self.prefix)
            .field("database", &self.database)
            .field("slot", &self.slot)
            .finish_non_exhaustive()
    }
}

/// The slot and how to start it.
#[derive(Debug)]
pub(super) struct SlotSettings {
    pub(super) name: String,
    pub(super) failover: bool,
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
    /// `signal.data.collection`: streamed whatever the lists say.
    signal: Option<TableName>,
}

/// What an include list, or an exclude list, lets pass.
#[derive(Debug)]
pub(super) struct Lists {
    /// `None`: everything.
    include: Option<Vec<Regex>>,
    /// The patterns to include as the user wrote them.
    written: Vec<String>,
    exclude: Vec<Regex>,
}

impl Lists {
    pub(super) fn take(&self, name: &str) -> bool {
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
        self.is_signal(schema, table)
            || (!(self.ignore_builtin && builtin)
                && self.schemas.take(schema)
                && self.tables.take(&format!("{schema}.{table}")))
    }

    /// Whether it is the table that signals are written to.
    pub(super) fn is_signal(&self, schema: &str, table: &str) -> bool {
        self.signal
            .as_ref()
            .is_some_and(|s| (s.schema.as_str(), s.name.as_str()) == (schema, table))
    }

    /// The patterns of `table.include.list` that match none of these tables.
    pub(super) fn idle_patterns(&self, tables: &[(String, String)]) -> Vec<String> {
        let names: Vec<String> =
            tables.iter().map(|(schema, name)| format!("{schema}.{name}")).collect();
        let include = self.tables.include.as_deref().unwrap_or_default().iter();
        let idle = include
            .zip(&self.tables.written)
            .filter(|(p, _)| !names.iter().any(|n| p.is_match(n).unwrap_or(false)));
        idle.map(|(_, written)| written.clone()).collect()
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

/// Where the database is, and how long validation may take to reach it; of a configuration without [`problems`].
pub(super) fn connection(config: &Properties) -> Result<(pgoutput::Config, Duration), Problem> {
    let read = Reader(config);
    Ok((database(&read)?, read.millis("connection.validation.timeout.ms")?))
}

/// Every problem that Debezium names when a configuration is submitted, in the table's order; without any, the options
/// that walbridge does not support.
pub(super) fn problems(config: &Properties) -> Vec<Problem> {
    let problem = |option: &str, message: String| Problem { option: option.to_owned(), message };
    let mut found: Vec<Problem> = options::all()
        .flat_map(|option| {
            let messages = option.problems(config).into_iter();
            messages.map(|message| problem(option.key.name, message))
        })
        .collect();
    if found.is_empty() {
        let refused = options::all().filter(|option| {
            let given = config.get(option.key.name);
            option.handling == Handling::Refused
                && given.is_some_and(|v| !v.trim().is_empty() && !is_default(option, v))
        });
        let message = "walbridge does not support this option yet; remove it";
        found.extend(refused.map(|option| problem(option.key.name, message.to_owned())));
    }
    found
}

fn is_default(option: &options::PostgresOption, value: &str) -> bool {
    match option.key.default {
        connect::config_def::Default::Text(default) => value.trim().eq_ignore_ascii_case(default),
        _ => value.trim().is_empty(),
    }
}

/// `skipped.operations`; Debezium's words for what is none.
pub(super) fn skipped_operations(text: Option<&str>) -> Result<SkippedOperations, String> {
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

    /// As [`Self::number`]; the default where Debezium does not look at what is given either.
    fn number_or_default<T: FromStr>(&self, name: &str) -> Result<T, Problem> {
        let given = self.0.get(name).and_then(|text| text.trim().parse().ok());
        match given {
            Some(number) => Ok(number),
            None => Reader(&Properties::new()).number(name),
        }
    }

    fn failure_mode(&self, name: &str) -> FailureMode {
        match self.word(name).as_str() {
            "fail" => FailureMode::Fail,
            // The latter is an older name.
            "skip" | "ignore" => FailureMode::Skip,
            _ => FailureMode::Warn,
        }
    }

    fn millis(&self, name: &str) -> Result<Duration, Problem> {
        Ok(Duration::from_millis(self.number(name)?))
    }

    fn patterns(&self, name: &str) -> Result<Option<Vec<Regex>>, Problem> {
        let Some(list) = self.text(name) else { return Ok(None) };
        let compile = |pattern: String| {
            java_regex::whole(&pattern)
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

    /// Where a task reads from, for those who watch.
    pub(super) fn origin(&self) -> Origin {
        Origin {
            database: self.database.clone(),
            slot: self.slot.name.clone(),
            publication: self.publication.name.clone(),
        }
    }

    fn read(read: &Reader<'_>) -> Result<Self, Problem> {
        let plugin = read.0.get("plugin.name").map(|p| p.trim()).filter(|p| !p.is_empty());
        if plugin.is_some_and(|plugin| !plugin.eq_ignore_ascii_case("pgoutput")) {
            return Err(Problem {
                option: "plugin.name".to_owned(),
                message: "walbridge reads the plugin pgoutput only".to_owned(),
            });
        }
        let queue_bytes = match read.number::<usize>("max.queue.size.in.bytes")? {
            0 => 8 << 20,
            bytes => bytes,
        };
        let topics = topics(read)?;
        Ok(Self {
            prefix: read.owned("topic.prefix").into(),
            database: database(read)?,
            slot: slot(read)?,
            publication: publication(read),
            snapshot: snapshot::read(read)?,
            signals: signal::read(read)?,
            notifications: signal::notifications(read),
            filter: Arc::new(Filter {
                schemas: lists(read, "schema")?,
                tables: lists(read, "table")?,
                ignore_builtin: read.flag("table.ignore.builtin"),
                signal: signal::signal_table(read),
            }),
            columns: Arc::new(Columns::parse(read.0)?),
            keys: Arc::new(Keys::parse(read.text("message.key.columns").unwrap_or_default())?),
            skip_unchanged: read.flag("skip.messages.without.change"),
            messages: messages(read)?.map(Arc::new),
            transaction_topic: read
                .flag("provide.transaction.metadata")
                .then(|| topics.beside(&read.owned("topic.transaction"))),
            heartbeat_topic: match read.text("topic.heartbeat.name") {
                Some(name) => name.into(),
                None => topics.heartbeat(&read.owned("topic.heartbeat.prefix")),
            },
            topics,
            heartbeat: heartbeat(read)?,
            identities: Identities::parse(
                read.text("replica.identity.autoset.values").unwrap_or_default(),
            )?,
            guardrail: Guardrail {
                tables_max: Some(read.number("guardrail.collections.max")?).filter(|max| *max > 0),
                fails: read.word("guardrail.collections.limit.action") == "fail",
            },
            mismatch: mismatch(read),
            never_confirms: flush_mode(read) == "manual",
            xmin_interval: interval(read, "xmin.fetch.interval.ms")?,
            queue_bytes,
            status_interval: read.millis("status.update.interval.ms")?,
            retries: u32::try_from(read.number::<i64>("errors.max.retries")?).ok(),
            retry_wait: read.millis("retriable.restart.connector.wait.ms")?,
            extended_headers: read.flag("extended.headers.enabled"),
            tombstones: read.flag("tombstones.on.delete"),
            skipped: skipped_operations(read.text("skipped.operations")).unwrap_or_default(),
            options: conversion(read)?,
            conversion_failure: read.failure_mode("event.converting.failure.handling.mode"),
            event_failure: read.failure_mode("event.processing.failure.handling.mode"),
            schema_names: name_adjustment(&read.word("schema.name.adjustment.mode")),
            field_names: field_names(read),
            propagate: propagate(read)?,
        })
    }
}

/// None where every prefix passes.
fn messages(read: &Reader<'_>) -> Result<Option<Lists>, Problem> {
    let lists = lists(read, "message.prefix")?;
    Ok(Some(lists).filter(|lists| lists.include.is_some() || !lists.exclude.is_empty()))
}

/// None for 0.
fn interval(read: &Reader<'_>, name: &str) -> Result<Option<Duration>, Problem> {
    Ok(Some(read.millis(name)?).filter(|interval| !interval.is_zero()))
}

/// `flush.lsn.source` is the older form, which counts where the newer one is missing.
fn flush_mode(read: &Reader<'_>) -> String {
    match read.word("lsn.flush.mode") {
        mode if !mode.is_empty() => mode,
        _ if read.flag("flush.lsn.source") => "connector".to_owned(),
        _ => "manual".to_owned(),
    }
}

fn mismatch(read: &Reader<'_>) -> Mismatch {
    match read.word("offset.mismatch.strategy").as_str() {
        "trust_offset" => Mismatch::TrustOffset,
        "trust_slot" => Mismatch::TrustSlot,
        "trust_greater_lsn" => Mismatch::TrustGreater,
        _ if read.flag("internal.slot.seek.to.known.offset.on.start") => Mismatch::TrustOffset,
        _ => Mismatch::NoValidation,
    }
}

/// As Debezium does, heartbeats come by themselves, every ten minutes, where idle positions are to be confirmed.
fn heartbeat(read: &Reader<'_>) -> Result<Option<Heartbeat>, Problem> {
    const FORCED: Duration = Duration::from_secs(600);
    let forced =
        flush_mode(read) == "connector_and_driver" && !read.flag("provide.transaction.metadata");
    let interval = interval(read, "heartbeat.interval.ms")?.or(forced.then_some(FORCED));
    let action = read.text("heartbeat.action.query").map(ToOwned::to_owned);
    Ok(interval.map(|interval| Heartbeat { interval, action }))
}

/// `topic.naming.strategy` and its options.
fn topics(read: &Reader<'_>) -> Result<TopicNaming, Problem> {
    let delimiter = read.0.get("topic.delimiter").map_or(".", String::as_str);
    let naming = TopicNaming::new(&read.owned("topic.prefix"), delimiter);
    let class = read.owned("topic.naming.strategy");
    let name = class.strip_prefix("io.debezium.schema.").unwrap_or(&class);
    let with_schema = name.starts_with("Schema");
    match name {
        "SchemaTopicNamingStrategy" | "DefaultTopicNamingStrategy" => {
            Ok(naming.strategy(with_schema, false))
        }
        "SchemaUnicodeTopicNamingStrategy" | "DefaultUnicodeTopicNamingStrategy" => {
            Ok(naming.strategy(with_schema, true))
        }
        "SchemaRegexTopicNamingStrategy" | "DefaultRegexTopicNamingStrategy" => {
            Ok(naming.strategy(with_schema, false).routed(routing(read)?))
        }
        _ => Err(Problem {
            option: "topic.naming.strategy".to_owned(),
            message: format!("{class} is none of Debezium's strategies"),
        }),
    }
}

fn routing(read: &Reader<'_>) -> Result<Routing, Problem> {
    let problem = |option: &str, message: String| Problem { option: option.to_owned(), message };
    let required =
        |name: &str| read.text(name).ok_or_else(|| problem(name, "A value is required".to_owned()));
    let compile = |name: &str, regex: &str, replacement: &str| {
        sink::topic::compile(regex, replacement).map_err(|error| problem(name, error.to_string()))
    };
    let (regex, replacement) =
        compile("topic.regex", required("topic.regex")?, required("topic.replacement")?)?;
    let key = match (read.text("topic.key.field.regex"), read.text("topic.key.field.replacement")) {
        (Some(regex), Some(replacement)) => {
            Some(compile("topic.key.field.regex", regex, replacement)?)
        }
        _ => None,
    };
    let key = read
        .flag("topic.key.enforce.uniqueness")
        .then(|| KeyField { name: read.owned("topic.key.field.name").into(), form: key });
    Ok(Routing { regex, replacement, key })
}

fn lists(read: &Reader<'_>, kind: &str) -> Result<Lists, Problem> {
    let include = format!("{kind}.include.list");
    Ok(Lists {
        written: split_list(read.text(&include).unwrap_or_default()),
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
        failover: read.flag("slot.failover"),
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

fn name_adjustment(word: &str) -> NameAdjustment {
    match word {
        "avro" => NameAdjustment::Avro,
        "avro_unicode" => NameAdjustment::AvroUnicode,
        _ => NameAdjustment::None,
    }
}

/// Debezium adjusts fields for the two Avro converters that it knows, if the connector itself names one.
fn field_names(read: &Reader<'_>) -> NameAdjustment {
    const AVRO: [&str; 2] = [
        "io.confluent.connect.avro.AvroConverter",
        "io.apicurio.registry.utils.converter.AvroConverter",
    ];
    let is_avro = |key: &str| read.0.get(key).is_some_and(|class| AVRO.contains(&class.trim()));
    match read.text("field.name.adjustment.mode") {
        None if is_avro("key.converter") || is_avro("value.converter") => NameAdjustment::Avro,
        _ => name_adjustment(&read.word("field.name.adjustment.mode")),
    }
}

fn propagate(read: &Reader<'_>) -> Result<Option<PropagateSourceType>, Problem> {
    let columns = read.patterns("column.propagate.source.type")?.unwrap_or_default();
    let types = read.patterns("datatype.propagate.source.type")?.unwrap_or_default();
    if columns.is_empty() && types.is_empty() {
        return Ok(None);
    }
    Ok(Some(Arc::new(move |relation, column, ty| {
        let within = |part: &str| format!("{}.{}.{part}", relation.schema, relation.name);
        matches_any(&columns, &within(column)) || matches_any(&types, &within(ty))
    })))
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
        money_fraction_digits: read.number_or_default("money.fraction.digits")?,
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
        for (key, value) in
            [("converters", "a"), ("post.processors", "x"), ("sourceinfo.struct.maker", "a.B")]
        {
            assert_eq!(problems(&minimal(&[(key, value)]))[0].option, key);
        }
        for (key, value) in [
            ("max.batch.size", "1"),
            ("topic.delimiter", "-"),
            ("some.unknown", "1"),
            ("read.only", "FALSE"),
            ("column.mask.with.x.chars", "a"),
        ] {
            assert_eq!(problems(&minimal(&[(key, value)])), [], "{key}");
        }
    }

    /// As Debezium 3.6.3 answers.
    #[test]
    fn wrong_values_are_refused_in_debeziums_words() {
        let said = |key: &str, value: &str| {
            let found = problems(&minimal(&[(key, value)]));
            assert!(found.iter().all(|problem| problem.option == key), "{found:?}");
            found.into_iter().map(|problem| problem.message).collect::<Vec<_>>()
        };
        let integer = "An integer is expected";
        let boolean = "Either 'true' or 'false' is expected";
        assert_eq!(said("database.port", "abc"), [integer, integer]);
        assert_eq!(said("heartbeat.interval.ms", "-1"), ["An non-negative integer is expected"]);
        assert_eq!(
            said("heartbeat.interval.ms", "x"),
            [integer, "An non-negative integer is expected"]
        );
        assert_eq!(said("tombstones.on.delete", "maybe"), [boolean, boolean]);
        assert_eq!(said("provide.transaction.metadata", "x"), [boolean]);
        assert_eq!(
            said("max.queue.size", "0"),
            ["A positive queue size is required", "Must be larger than the maximum batch size"]
        );
        assert_eq!(said("xmin.fetch.interval.ms", "-1"), ["A non-negative long value is expected"]);
        assert_eq!(
            said("decimal.handling.mode", "exact"),
            ["Value must be one of string, double, precise"]
        );
        assert_eq!(
            said("topic.prefix", ""),
            [
                "A value is required",
                " has invalid format (only the underscore, hyphen, dot and alphanumeric characters are allowed)"
            ]
        );
        assert_eq!(
            said("message.key.columns", "nocolon"),
            [r"nocolon has an invalid format (expecting '^\s*([^:]+):([^:,]+(,[^:,]+)*)\s*$')"]
        );
        assert_eq!(
            said("table.include.list", "public.(a"),
            [
                "A comma-separated list of valid regular expressions is expected, but Unclosed group near index 9\npublic.(a"
            ]
        );
        assert_eq!(said("skipped.operations", "U"), ["Invalid operation"]);
    }

    #[test]
    fn topics_are_named_by_their_options() {
        let settings = Settings::parse(&minimal(&[
            ("topic.delimiter", "_"),
            ("topic.heartbeat.prefix", "hb"),
            ("provide.transaction.metadata", "true"),
            ("heartbeat.interval.ms", "5"),
        ]))
        .unwrap();
        assert_eq!(settings.transaction_topic.as_deref(), Some("p_transaction"));
        assert_eq!(&*settings.heartbeat_topic, "hb_p");
        let named = Settings::parse(&minimal(&[("topic.heartbeat.name", "pulse")])).unwrap();
        assert_eq!((&*named.heartbeat_topic, named.heartbeat.is_none()), ("pulse", true));
        let forced =
            Settings::parse(&minimal(&[("lsn.flush.mode", "connector_and_driver")])).unwrap();
        assert_eq!(forced.heartbeat.map(|h| h.interval.as_secs()), Some(600));
        let unknown = minimal(&[("topic.naming.strategy", "nope.Nope")]);
        assert_eq!(problems(&unknown), [], "as in Debezium, the task fails");
        assert!(Settings::parse(&unknown).is_err());
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
    fn fields_are_adjusted_for_avro_unless_told_otherwise() {
        let avro = ("value.converter", "io.confluent.connect.avro.AvroConverter");
        let names = |extra: &[(&str, &str)]| Settings::parse(&minimal(extra)).unwrap().field_names;
        assert_eq!(names(&[]), NameAdjustment::None);
        assert_eq!(names(&[avro]), NameAdjustment::Avro);
        assert_eq!(names(&[avro, ("field.name.adjustment.mode", "none")]), NameAdjustment::None);
        let unicode = ("field.name.adjustment.mode", "AVRO_UNICODE");
        assert_eq!(names(&[unicode]), NameAdjustment::AvroUnicode);
    }

    #[test]
    fn the_password_is_never_shown() {
        let settings = Settings::parse(&minimal(&[])).unwrap();
        assert!(!format!("{settings:?}").contains("secret"));
    }
}
