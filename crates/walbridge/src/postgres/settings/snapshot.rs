//! What the options `snapshot.*` mean.

use std::time::Duration;

use fancy_regex::Regex;
use pgoutput::snapshot::Isolation;
use sink::offset::SourceOffset;

use super::{Problem, Reader, matches_any};

/// `snapshot.mode`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::postgres) enum SnapshotMode {
    /// Read the tables at every start.
    Always,
    /// Read them unless that was done.
    Initial,
    /// The same, and never stream.
    InitialOnly,
    /// Never read them.
    NoData,
    /// As `Initial`, and again when the server no longer has the stored position.
    WhenNeeded,
    /// What `snapshot.mode.configuration.based.*` say.
    ConfigurationBased {
        /// `…snapshot.data`: read the tables at every start.
        data: bool,
        /// `…start.stream`.
        stream: bool,
        /// `…snapshot.on.data.error`: as `WhenNeeded`.
        on_data_error: bool,
    },
}

impl SnapshotMode {
    /// Whether the tables are to be read, given what is stored.
    pub(in crate::postgres) fn takes(&self, stored: Option<&SourceOffset>) -> bool {
        match self {
            Self::Always => true,
            Self::NoData => false,
            Self::Initial | Self::InitialOnly | Self::WhenNeeded => {
                stored.is_none_or(SourceOffset::snapshot_unfinished)
            }
            Self::ConfigurationBased { data, .. } => *data,
        }
    }

    /// Whether it streams at all.
    pub(in crate::postgres) const fn streams(&self) -> bool {
        match self {
            Self::InitialOnly => false,
            Self::ConfigurationBased { stream, .. } => *stream,
            Self::Always | Self::Initial | Self::NoData | Self::WhenNeeded => true,
        }
    }

    /// Whether a position that is gone from the server is a reason to read the tables again.
    pub(in crate::postgres) const fn heals(&self) -> bool {
        matches!(self, Self::WhenNeeded | Self::ConfigurationBased { on_data_error: true, .. })
    }
}

/// See the module.
#[derive(Debug)]
pub(in crate::postgres) struct SnapshotSettings {
    pub(in crate::postgres) mode: SnapshotMode,
    /// `snapshot.delay.ms`.
    pub(in crate::postgres) delay: Duration,
    /// `streaming.delay.ms`.
    pub(in crate::postgres) streaming_delay: Duration,
    /// `snapshot.isolation.mode`, where no exported snapshot gives a better view.
    pub(in crate::postgres) isolation: Isolation,
    /// `snapshot.locking.mode=shared`: how long a lock may take.
    pub(in crate::postgres) lock_timeout: Option<Duration>,
    /// `snapshot.include.collection.list`.
    include: Option<Vec<Regex>>,
    /// `snapshot.select.statement.overrides`: table and statement.
    overrides: Vec<(String, String)>,
    /// Which of the services that only Debezium can load was asked for, and by which name.
    pub(in crate::postgres) custom: Option<(Service, String)>,
}

impl SnapshotSettings {
    /// Whether the initial snapshot reads the table.
    pub(in crate::postgres) fn takes_table(&self, schema: &str, table: &str) -> bool {
        self.include.as_deref().is_none_or(|list| matches_any(list, &format!("{schema}.{table}")))
    }

    /// The statement that stands for the table.
    pub(in crate::postgres) fn select(&self, schema: &str, table: &str) -> Option<&str> {
        let name = format!("{schema}.{table}");
        self.overrides.iter().find(|(table, _)| *table == name).map(|(_, select)| select.as_str())
    }
}

/// A part of a snapshot that Debezium can load as a class, which walbridge cannot: with `option`=custom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::postgres) struct Service {
    pub(in crate::postgres) option: &'static str,
    /// What Debezium calls it in its error.
    pub(in crate::postgres) name: &'static str,
}

/// Those services.
pub(super) const SERVICES: [Service; 3] = [
    Service { option: "snapshot.mode", name: "snapshotter" },
    Service { option: "snapshot.locking.mode", name: "snapshot lock mode" },
    Service { option: "snapshot.query.mode", name: "snapshot query mode" },
];

pub(super) fn read(read: &Reader<'_>) -> Result<SnapshotSettings, Problem> {
    let based = |part: &str| read.flag(&format!("snapshot.mode.configuration.based.{part}"));
    let mode = match read.word("snapshot.mode").as_str() {
        "always" => SnapshotMode::Always,
        "initial_only" => SnapshotMode::InitialOnly,
        "no_data" => SnapshotMode::NoData,
        "when_needed" => SnapshotMode::WhenNeeded,
        "configuration_based" => SnapshotMode::ConfigurationBased {
            data: based("snapshot.data"),
            stream: based("start.stream"),
            on_data_error: based("snapshot.on.data.error"),
        },
        _ => SnapshotMode::Initial,
    };
    let lock_timeout = read.millis("snapshot.lock.timeout.ms")?;
    Ok(SnapshotSettings {
        mode,
        delay: read.millis("snapshot.delay.ms")?,
        streaming_delay: read.millis("streaming.delay.ms")?,
        isolation: match read.word("snapshot.isolation.mode").as_str() {
            "repeatable_read" => Isolation::RepeatableRead,
            "read_committed" => Isolation::ReadCommitted,
            "read_uncommitted" => Isolation::ReadUncommitted,
            _ => Isolation::Serializable,
        },
        lock_timeout: (read.word("snapshot.locking.mode") == "shared").then_some(lock_timeout),
        include: read.patterns("snapshot.include.collection.list")?,
        overrides: overrides(read),
        custom: SERVICES
            .into_iter()
            .find(|service| read.word(service.option) == "custom")
            .map(|service| (service, read.owned(&format!("{}.custom.name", service.option)))),
    })
}

/// A table in the list without a statement of its own is read as usual, with a warning.
fn overrides(read: &Reader<'_>) -> Vec<(String, String)> {
    const OPTION: &str = "snapshot.select.statement.overrides";
    let tables = read.text(OPTION).unwrap_or_default().split(',').map(str::trim);
    let statement = |table: &str| {
        let select = read.0.get(&format!("{OPTION}.{table}")).map(|select| select.trim());
        if select.is_none_or(str::is_empty) {
            tracing::warn!(table, "{OPTION} names a table that has no statement");
        }
        select.filter(|select| !select.is_empty()).map(|s| (table.replace('"', ""), s.to_owned()))
    };
    tables.filter(|table| !table.is_empty()).filter_map(statement).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mode_says_when_it_reads_and_whether_it_streams() {
        use SnapshotMode::{Always, ConfigurationBased, Initial, InitialOnly, NoData, WhenNeeded};
        let done = SourceOffset::default();
        let table =
            |mode: SnapshotMode| (mode.takes(None), mode.takes(Some(&done)), mode.streams());
        assert_eq!(table(Always), (true, true, true));
        assert_eq!(table(Initial), (true, false, true));
        assert_eq!(table(InitialOnly), (true, false, false));
        assert_eq!(table(NoData), (false, false, true));
        assert_eq!(table(WhenNeeded), (true, false, true));
        let based = |data, stream| ConfigurationBased { data, stream, on_data_error: false };
        assert_eq!(table(based(true, false)), (true, true, false));
        assert_eq!(table(based(false, true)), (false, false, true));
        assert!(WhenNeeded.heals() && !Initial.heals() && !based(true, true).heals());
    }
}
