//! What a server says of itself, of its user and of the captured tables before anything is made there: facts for a
//! check ahead of the first start. Nothing here changes the server.

use tokio_postgres::types::{FromSql, Type};
use tokio_postgres::{Row, types::ToSql};

use crate::error::{Error, Result};
use crate::relation::ReplicaIdentity;
use crate::sql::Client;
use crate::wire::fault;

pub use crate::wire::query::{quote_identifier, quote_literal};

/// The server and the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// `server_version`, as the server prints it.
    pub version: String,
    /// Its major version.
    pub major: u32,
    /// `wal_level`.
    pub wal_level: String,
    /// Whether it is a standby.
    pub standby: bool,
    /// `max_replication_slots`.
    pub slots_max: i32,
    /// Slots that there are.
    pub slots: i32,
    /// `max_wal_senders`.
    pub senders_max: i32,
    /// Senders that run.
    pub senders: i32,
    /// Whether the user is a superuser.
    pub superuser: bool,
    /// Whether the user may replicate, by itself or over a role that managed services grant.
    pub may_replicate: bool,
    /// Whether the user may create in the database: publications need that.
    pub may_create: bool,
}

/// The publication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    /// `FOR ALL TABLES`.
    pub all_tables: bool,
    /// Whether the user may change it.
    pub owned: bool,
    /// Whether it publishes inserts.
    pub insert: bool,
    /// Updates.
    pub update: bool,
    /// Deletes.
    pub delete: bool,
    /// Truncates.
    pub truncate: bool,
}

/// A table, as far as capturing it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableFacts {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Which old values are written for it.
    pub identity: ReplicaIdentity,
    /// Whether that identity finds a row: a primary key, the index it names, or the whole row.
    pub identified: bool,
    /// Whether records get a key: from the primary key or from a unique index without expressions.
    pub keyed: bool,
    /// Whether it only stands for its partitions.
    pub partitioned: bool,
    /// Whether nothing is logged for it.
    pub unlogged: bool,
    /// Whether the user may use its schema.
    pub may_use_schema: bool,
    /// Whether the user may read it.
    pub may_select: bool,
    /// Whether the user may write to it.
    pub may_insert: bool,
    /// Whether the user owns it, by itself or over a role.
    pub owned: bool,
    /// Whether the publication has it, by itself or as part of a partitioned table.
    pub published: bool,
}

fn get<'a, T: FromSql<'a>>(action: &str, row: &'a Row, index: usize) -> Result<T> {
    row.try_get(index).map_err(|e| fault::from_sql(action, e))
}

async fn rows(
    client: &Client,
    action: &str,
    sql: &str,
    parameters: &[(&(dyn ToSql + Sync), Type)],
) -> Result<Vec<Row>> {
    client.query_typed(sql, parameters).await.map_err(|e| fault::from_sql(action, e))
}

/// Asks for the server's settings and the user's rights.
///
/// # Errors
/// The query's.
pub async fn server(client: &Client) -> Result<Server> {
    let action = "read the server's settings";
    // The right to replicate may come over a role that managed services grant, as in `slot::check_server`.
    let sql = "SELECT current_setting('server_version'), current_setting('wal_level'), \
               pg_catalog.pg_is_in_recovery(), \
               current_setting('max_replication_slots')::int4, \
               (SELECT count(*)::int4 FROM pg_catalog.pg_replication_slots), \
               current_setting('max_wal_senders')::int4, \
               (SELECT count(*)::int4 FROM pg_catalog.pg_stat_replication), r.rolsuper, \
               r.rolreplication OR r.rolsuper OR EXISTS (SELECT FROM pg_catalog.pg_roles g WHERE g.rolname IN \
               ('rds_superuser', 'rdsadmin', 'rdsrepladmin', 'rds_replication') \
               AND pg_catalog.pg_has_role(g.oid, 'MEMBER')), \
               pg_catalog.has_database_privilege(current_database(), 'CREATE') \
               FROM pg_catalog.pg_roles r WHERE r.rolname = current_user";
    let rows = rows(client, action, sql, &[]).await?;
    let row = rows.first().ok_or_else(|| Error::Protocol(format!("{action}: no row")))?;
    Ok(Server {
        version: get(action, row, 0)?,
        major: client.server_major(),
        wal_level: get(action, row, 1)?,
        standby: get(action, row, 2)?,
        slots_max: get(action, row, 3)?,
        slots: get(action, row, 4)?,
        senders_max: get(action, row, 5)?,
        senders: get(action, row, 6)?,
        superuser: get(action, row, 7)?,
        may_replicate: get(action, row, 8)?,
        may_create: get(action, row, 9)?,
    })
}

/// Looks the publication up; `None` if there is none.
///
/// # Errors
/// The query's.
pub async fn publication(client: &Client, name: &str) -> Result<Option<Published>> {
    let action = format!("look up publication {name:?}");
    let sql = "SELECT puballtables, pg_catalog.pg_has_role(pubowner, 'USAGE'), pubinsert, pubupdate, pubdelete, \
               pubtruncate FROM pg_catalog.pg_publication WHERE pubname = $1";
    let rows = rows(client, &action, sql, &[(&name, Type::NAME)]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    Ok(Some(Published {
        all_tables: get(&action, row, 0)?,
        owned: get(&action, row, 1)?,
        insert: get(&action, row, 2)?,
        update: get(&action, row, 3)?,
        delete: get(&action, row, 4)?,
        truncate: get(&action, row, 5)?,
    }))
}

/// Looks the tables with these OIDs up, by schema and name; those that are gone are left out.
///
/// # Errors
/// The query's, or a replica identity that is not known.
pub async fn tables(client: &Client, oids: &[u32], publication: &str) -> Result<Vec<TableFacts>> {
    let action = "look up the captured tables";
    // With publish_via_partition_root the root stands for its partitions, without it they stand for the root.
    let sql = "WITH published AS MATERIALIZED (SELECT c.oid FROM pg_catalog.pg_publication_tables p \
               JOIN pg_catalog.pg_namespace n ON n.nspname = p.schemaname \
               JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = p.tablename \
               WHERE p.pubname = $2) \
               SELECT n.nspname::text, c.relname::text, c.relreplident::text, \
               CASE c.relreplident WHEN 'f' THEN true WHEN 'n' THEN false \
               WHEN 'i' THEN EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisreplident) \
               ELSE EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisprimary) END, \
               EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND \
               (i.indisprimary OR i.indisunique AND i.indexprs IS NULL)), \
               c.relkind = 'p', c.relpersistence = 'u', \
               pg_catalog.has_schema_privilege(n.oid, 'USAGE'), \
               pg_catalog.has_table_privilege(c.oid, 'SELECT'), \
               pg_catalog.has_table_privilege(c.oid, 'INSERT'), \
               pg_catalog.pg_has_role(c.relowner, 'USAGE'), \
               EXISTS (SELECT FROM published p WHERE p.oid = c.oid \
               OR c.relispartition AND p.oid IN (SELECT relid FROM pg_catalog.pg_partition_ancestors(c.oid)) \
               OR c.relkind = 'p' AND p.oid IN (SELECT relid FROM pg_catalog.pg_partition_tree(c.oid))) \
               FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
               WHERE c.oid = ANY($1) ORDER BY n.nspname, c.relname";
    let parameters: &[(&(dyn ToSql + Sync), Type)] =
        &[(&oids, Type::OID_ARRAY), (&publication, Type::NAME)];
    let rows = rows(client, action, sql, parameters).await?;
    rows.iter().map(|row| table(action, row)).collect()
}

fn table(action: &str, row: &Row) -> Result<TableFacts> {
    let letter: &str = get(action, row, 2)?;
    let identity = letter.bytes().next().and_then(ReplicaIdentity::from_letter);
    let unknown = || Error::Protocol(format!("{action}: replica identity {letter:?}"));
    Ok(TableFacts {
        schema: get(action, row, 0)?,
        name: get(action, row, 1)?,
        identity: identity.ok_or_else(unknown)?,
        identified: get(action, row, 3)?,
        keyed: get(action, row, 4)?,
        partitioned: get(action, row, 5)?,
        unlogged: get(action, row, 6)?,
        may_use_schema: get(action, row, 7)?,
        may_select: get(action, row, 8)?,
        may_insert: get(action, row, 9)?,
        owned: get(action, row, 10)?,
        published: get(action, row, 11)?,
    })
}
