//! Why a worker cannot start or go on.

/// Ends the process; the text is for the operator.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// A worker property is missing or cannot be read.
    #[error("worker property {0}")]
    Setting(String),
    /// A client refused its configuration.
    #[error("cannot create the {role} client: {reason}")]
    Client {
        /// Which client.
        role: &'static str,
        /// What librdkafka says, without the property's value.
        reason: String,
    },
    /// No broker answers, or it refuses.
    #[error("cannot reach the brokers at {servers}: {reason}")]
    Brokers {
        /// `bootstrap.servers`.
        servers: String,
        /// What librdkafka says.
        reason: String,
    },
    /// A storage topic is not as it must be, or cannot be created or read. Says what to do.
    #[error("storage topic {topic}: {reason}")]
    Topic {
        /// The topic.
        topic: String,
        /// What is wrong and the fix.
        reason: String,
    },
    /// A listener cannot be bound.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Host and port.
        address: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A part of the worker ended unexpectedly: a defect.
    #[error("the {0} ended unexpectedly")]
    Ended(&'static str),
}
