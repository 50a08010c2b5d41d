//! Why a connection failed, in the words of the driver that Debezium uses: they are what a refused configuration shows.

use std::io::ErrorKind;

use pgoutput::{Config, Error};

/// The driver's message for what has one; else ours.
pub(super) fn describe(error: &Error, config: &Config) -> String {
    let Config { host, port, dbname, .. } = config;
    match error {
        _ if *port == 0 => format!("Unable to parse URL jdbc:postgresql://{host}:{port}/{dbname}"),
        Error::Server { severity, message, .. } => format!("{severity}: {message}"),
        Error::Sql { source, .. } => match source.as_db_error() {
            Some(error) => format!("{}: {}", error.severity(), error.message()),
            None => error.to_string(),
        },
        Error::Io { source, .. } if source.kind() == ErrorKind::ConnectionRefused => format!(
            "Connection to {host}:{port} refused. Check that the hostname and port are correct and that the postmaster is accepting TCP/IP connections."
        ),
        Error::Io { .. } => "The connection attempt failed.".to_owned(),
        Error::Tls(text) if text.contains("does not offer TLS") => {
            "The server does not support SSL.".to_owned()
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use connect::Properties;

    use super::*;
    use crate::postgres::settings::Settings;

    #[test]
    fn failures_are_told_in_the_drivers_words() {
        let config: Properties = [
            ("topic.prefix", "p"),
            ("database.hostname", "h"),
            ("database.user", "u"),
            ("database.dbname", "d"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into_iter()
        .collect();
        let database = Settings::parse(&config).unwrap().database;
        let io = |kind: ErrorKind| Error::Io {
            address: "h:5432".to_owned(),
            source: io::Error::from(kind),
        };
        let refused = describe(&io(ErrorKind::ConnectionRefused), &database);
        assert!(refused.starts_with("Connection to h:5432 refused. Check"), "{refused}");
        assert_eq!(describe(&io(ErrorKind::TimedOut), &database), "The connection attempt failed.");
    }
}
