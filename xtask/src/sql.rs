//! A session of user `postgres` in a stack's server.

use std::time::Duration;

use postgres::error::Error as PostgresError;
use postgres::{Client, NoTls, SimpleQueryMessage};

use crate::error::{Context, Error, Result};

const LIMIT: Duration = Duration::from_secs(30);

/// A session of user `postgres`, without a password.
pub(crate) struct Session(Client);

impl Session {
    /// Connects to the server on `port` of 127.0.0.1.
    pub(crate) fn connect(port: u16, database: &str) -> Result<Self> {
        let mut config = postgres::Config::new();
        config.host("127.0.0.1").port(port).user("postgres").dbname(database);
        config.connect_timeout(LIMIT).application_name("xtask");
        let client = config.connect(NoTls).map_err(|error| explain(&error));
        client.map(Self).context(format!("connect to {database}"))
    }

    /// Runs one statement or several; the first column of every row, as text.
    pub(crate) fn run(&mut self, sql: &str) -> Result<Vec<Option<String>>> {
        let messages = self.0.simple_query(sql).map_err(|error| explain(&error)).context("sql")?;
        let rows = messages.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row.get(0).map(str::to_owned)),
            _ => None,
        });
        Ok(rows.collect())
    }

    /// The one text that `sql` selects.
    pub(crate) fn one(&mut self, sql: &str) -> Result<String> {
        let found = self.run(sql)?.into_iter().next().flatten();
        found.ok_or_else(|| Error::new(format!("{sql}: no row")))
    }
}

/// The server's own words where there are some; the driver's `Display` says only "db error".
fn explain(error: &PostgresError) -> Error {
    match (error.as_db_error(), std::error::Error::source(error)) {
        (Some(told), _) => Error::new(told.message()),
        (None, Some(cause)) => Error::new(format!("{error}: {cause}")),
        (None, None) => Error::new(error.to_string()),
    }
}
