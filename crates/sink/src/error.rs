//! The crate's error: what went wrong, in Connect's words where Connect has words for it.

/// What went wrong between a change and its record.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An option does not mean anything.
    #[error("{0}")]
    Config(String),
    /// A stored offset is not one.
    #[error("source offset: {0}")]
    Offset(String),
    /// A table has no schema that a record could have: Java class and text of Debezium's exception.
    #[error("{class}: {message}")]
    Schema {
        /// The Java class, in full.
        class: &'static str,
        /// Its message.
        message: String,
    },
    /// A change could not become a record and the options say to stop: Java class and text of Debezium's exception.
    #[error("Error while processing event at offset {place}: {class}: {message}")]
    Event {
        /// Table and position in the log.
        place: String,
        /// The Java class, in full.
        class: &'static str,
        /// Its message, which names the column.
        message: String,
    },
    /// A transform or converter refused a record: Connect's class and text.
    #[error("{class}{}{message}", if message.is_empty() { "" } else { ": " })]
    Data {
        /// The Java class of Connect's exception, in full.
        class: &'static str,
        /// Its message.
        message: String,
    },
    /// Postgres wrote what this crate cannot make a record of.
    #[error("{0}")]
    Unsupported(String),
}

/// What Connect throws where a value does not fit its schema.
pub(crate) const DATA_EXCEPTION: &str = "org.apache.kafka.connect.errors.DataException";
/// What Debezium throws where nothing else fits.
pub(crate) const DEBEZIUM_EXCEPTION: &str = "io.debezium.DebeziumException";

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Connect's `DataException`.
    #[must_use]
    pub fn data(message: impl Into<String>) -> Self {
        Self::Data { class: DATA_EXCEPTION, message: message.into() }
    }

    /// An exception of that Java class; further lines of the message are its causes.
    #[must_use]
    pub fn java(class: &'static str, message: impl Into<String>) -> Self {
        Self::Data { class, message: message.into() }
    }

    /// Java's `IllegalArgumentException`.
    #[must_use]
    pub fn argument(message: impl Into<String>) -> Self {
        Self::java("java.lang.IllegalArgumentException", message)
    }

    /// Debezium's exception.
    #[must_use]
    pub fn debezium(message: impl Into<String>) -> Self {
        Self::java("io.debezium.DebeziumException", message)
    }

    /// Connect's `ConfigException`.
    #[must_use]
    pub fn config(message: impl Into<String>) -> Self {
        Self::Config(message.into())
    }
}
