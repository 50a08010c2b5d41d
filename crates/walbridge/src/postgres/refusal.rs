//! Why a source does not run although the server would let it, in Debezium's words: people search and alert for them.

use std::fmt;

use pgoutput::Lsn;

/// Why a run of the source ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum SourceError {
    /// Postgres said so.
    #[error(transparent)]
    Postgres(#[from] pgoutput::Error),
    /// The configuration says so.
    #[error("{0}")]
    Refused(#[from] Refusal),
}

impl SourceError {
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Self::Postgres(error) => error.is_transient(),
            Self::Refused(_) => false,
        }
    }
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// More tables than `guardrail.collections.max`, where that is to fail.
    Guardrail {
        /// As many are captured.
        tables: usize,
        /// As many are allowed.
        max: usize,
    },
    /// There is no publication, and none may be made.
    NoPublication,
    /// A publication of the captured tables, and there is none.
    NothingToPublish {
        /// `publication.name`.
        publication: String,
    },
    /// The stored position is before what the slot keeps, or there is no slot.
    PositionGone {
        /// The stored position.
        lsn: Lsn,
        /// `slot.name`.
        slot: String,
    },
    /// `column.include.list` or `column.exclude.list` cuts a table's key off.
    KeyNotSelected,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Guardrail { tables, max } => write!(
                f,
                "Guardrail limit exceeded: {tables} tables/collections configured for capture, but maximum allowed is {max}."
            ),
            Self::NoPublication => f.write_str(
                "Publication autocreation is disabled, please create one and restart the connector.",
            ),
            Self::NothingToPublish { publication } => {
                write!(f, "No table filters found for filtered publication {publication}")
            }
            Self::PositionGone { lsn, slot } => write!(
                f,
                "The connector is trying to read change stream starting at {lsn} from slot {slot}, but this is no longer available on the server. Reconfigure the connector to use a snapshot mode when needed."
            ),
            Self::KeyNotSelected => f.write_str(
                "Data row is smaller than a column index, internal schema representation is probably out of sync with real database schema",
            ),
        }
    }
}

const CONNECT: &str = "org.apache.kafka.connect.errors.ConnectException";
const DEBEZIUM: &str = "io.debezium.DebeziumException";
/// What Debezium says first of a failure in its reading thread.
pub(super) const PRODUCER: &str =
    "An exception occurred in the change event producer. This connector will be stopped.";

impl Refusal {
    /// The heads of Debezium's trace: the first and the last are those that it writes.
    pub(super) fn trace(&self) -> String {
        match self {
            Self::Guardrail { .. } | Self::PositionGone { .. } => format!("{DEBEZIUM}: {self}\n"),
            Self::NoPublication => format!("{CONNECT}: {self}\n"),
            Self::NothingToPublish { publication } => format!(
                "{CONNECT}: Unable to create filtered publication {publication} for \n\
                 Caused by: {DEBEZIUM}: {self}\n"
            ),
            Self::KeyNotSelected => {
                format!("{CONNECT}: {PRODUCER}\nCaused by: {CONNECT}: {self}\n")
            }
        }
    }
}
