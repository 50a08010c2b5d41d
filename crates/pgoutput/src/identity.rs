//! REPLICA IDENTITY: which old values the server writes for a table, and how to change that.

use tokio_postgres::types::Type;

use crate::catalog::Table;
use crate::error::{Error, Result};
use crate::sql::Client;
use crate::wire::fault;
use crate::wire::query::quote_identifier;

/// What a table is to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// The primary key.
    Default,
    /// The whole row.
    Full,
    /// Nothing.
    Nothing,
    /// The columns of the index of that name.
    Index(String),
}

/// Gives the table that identity; false if it has it.
///
/// # Errors
/// The server's: 42501 for a user who does not own the table.
pub async fn set(client: &Client, table: &Table, identity: &Identity) -> Result<bool> {
    let action = format!("set the replica identity of {}.{}", table.schema, table.name);
    if current(client, &action, table.oid).await?.as_ref() == Some(identity) {
        return Ok(false);
    }
    let what = match identity {
        Identity::Default => "DEFAULT".to_owned(),
        Identity::Full => "FULL".to_owned(),
        Identity::Nothing => "NOTHING".to_owned(),
        Identity::Index(index) => format!("USING INDEX {}", quote_identifier(index)),
    };
    let (schema, name) = (quote_identifier(&table.schema), quote_identifier(&table.name));
    let sql = format!("ALTER TABLE {schema}.{name} REPLICA IDENTITY {what}");
    client.batch_execute(&sql).await.map_err(|e| fault::from_sql(&action, e))?;
    Ok(true)
}

async fn current(client: &Client, action: &str, oid: u32) -> Result<Option<Identity>> {
    let failed = |e| fault::from_sql(action, e);
    let sql = "SELECT c.relreplident::text, (SELECT i.relname::text FROM pg_catalog.pg_index x \
               JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid \
               WHERE x.indrelid = c.oid AND x.indisreplident LIMIT 1) \
               FROM pg_catalog.pg_class c WHERE c.oid = $1";
    let row = client.query_typed_opt(sql, &[(&oid, Type::OID)]).await.map_err(failed)?;
    let Some(row) = row else { return Ok(None) };
    let index: Option<String> = row.try_get(1).map_err(failed)?;
    match row.try_get::<_, &str>(0).map_err(failed)? {
        "d" => Ok(Some(Identity::Default)),
        "f" => Ok(Some(Identity::Full)),
        "n" => Ok(Some(Identity::Nothing)),
        "i" => Ok(index.map(Identity::Index)),
        other => Err(Error::Protocol(format!("{action}: unknown replica identity {other:?}"))),
    }
}
