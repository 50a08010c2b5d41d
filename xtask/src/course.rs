//! The database that `connector.json` and the files of `sql/demo` are about.

use std::fs;

use crate::error::{Context, Result};
use crate::layout;
use crate::services::postgres::Postgres;
use crate::sql::Session;

/// The database's name.
pub(crate) const DATABASE: &str = "customers";

/// Makes the user and the database where they are missing.
pub(crate) fn create(postgres: &Postgres) -> Result<()> {
    let mut session = Session::connect(postgres.port, "postgres")?;
    let found = format!("SELECT 1 FROM pg_database WHERE datname = '{DATABASE}'");
    if session.run(&found)?.is_empty() {
        run_file(&mut session, "sql/demo/database.sql")
    } else {
        Ok(())
    }
}

/// Runs a file of the repository, each statement in a transaction of its own.
pub(crate) fn run_file(session: &mut Session, path: &str) -> Result<()> {
    let file = layout::root()?.join(path);
    let text = fs::read_to_string(&file).context(path)?;
    for statement in text.split_inclusive(";\n").filter(|text| !text.trim().is_empty()) {
        session.run(statement).context(path)?;
    }
    Ok(())
}
