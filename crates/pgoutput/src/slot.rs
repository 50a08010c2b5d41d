//! The replication slot: where the server keeps our place in the log, and the log itself.

use tokio_postgres::types::Type;

use crate::error::{Error, Result};
use crate::lsn::Lsn;
use crate::replication::{CreatedSlot, Replication};
use crate::sql::Client;
use crate::wire::fault;

/// The output plugin, the only one that we read.
pub const PLUGIN: &str = "pgoutput";

/// A slot as `pg_replication_slots` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// Its name.
    pub name: String,
    /// Its output plugin; empty for a physical slot.
    pub plugin: String,
    /// Its database; empty for a physical slot.
    pub database: String,
    /// Whether a client streams from it.
    pub active: bool,
    /// The server process that serves that client.
    pub active_pid: Option<i32>,
    /// Up to where we have confirmed; `None` while the slot is still being made.
    pub confirmed_flush: Option<Lsn>,
    /// From where the server keeps its log.
    pub restart: Option<Lsn>,
    /// From which transaction on the catalogs are kept.
    pub catalog_xmin: Option<u64>,
    /// Whether log that it needs is gone (`wal_status` lost): it can never stream again.
    pub lost: bool,
}

/// Looks the slot up by name; `None` if there is none.
///
/// # Errors
/// The query's.
pub async fn find(client: &Client, name: &str) -> Result<Option<Slot>> {
    let lost =
        if client.server_major() >= 13 { "coalesce(wal_status = 'lost', false)" } else { "false" };
    let sql = format!(
        "SELECT slot_name::text, coalesce(plugin::text, ''), coalesce(database::text, ''), active, active_pid, \
         confirmed_flush_lsn::text, restart_lsn::text, catalog_xmin::text, {lost} \
         FROM pg_catalog.pg_replication_slots WHERE slot_name = $1"
    );
    let action = format!("look up replication slot {name:?}");
    let failed = |e| fault::from_sql(&action, e);
    // `NAME`, for the column's type: a text parameter would meet no operator.
    let row = client.query_typed_opt(&sql, &[(&name, Type::NAME)]).await.map_err(failed)?;
    let Some(row) = row else { return Ok(None) };
    let lsn = |text: Option<&str>| {
        text.map(|t| t.parse().map_err(|e| Error::Protocol(format!("{action}: {e}")))).transpose()
    };
    Ok(Some(Slot {
        name: row.try_get(0).map_err(failed)?,
        plugin: row.try_get(1).map_err(failed)?,
        database: row.try_get(2).map_err(failed)?,
        active: row.try_get(3).map_err(failed)?,
        active_pid: row.try_get(4).map_err(failed)?,
        confirmed_flush: lsn(row.try_get(5).map_err(failed)?)?,
        restart: lsn(row.try_get(6).map_err(failed)?)?,
        catalog_xmin: row
            .try_get::<_, Option<&str>>(7)
            .map_err(failed)?
            .and_then(|x| x.parse().ok()),
        lost: row.try_get(8).map_err(failed)?,
    }))
}

/// Bytes of log on the server's disk; `None` where the user may not look (`pg_monitor` may).
///
/// # Errors
/// The queries'.
pub async fn wal_size(client: &Client) -> Result<Option<i64>> {
    let action = "look up the size of the log";
    let failed = |e| fault::from_sql(action, e);
    let asked = "SELECT pg_catalog.has_function_privilege('pg_catalog.pg_ls_waldir()', 'EXECUTE')";
    let row = client.query_typed_one(asked, &[]).await.map_err(failed)?;
    if !row.try_get::<_, bool>(0).map_err(failed)? {
        return Ok(None);
    }
    let sql = "SELECT sum(size)::int8 FROM pg_catalog.pg_ls_waldir()";
    let row = client.query_typed_one(sql, &[]).await.map_err(failed)?;
    row.try_get(0).map_err(failed)
}

impl Slot {
    /// Whether we can stream from it in this database.
    ///
    /// # Errors
    /// [`Error::Setup`] with what to do: another plugin or database, a lost slot. An active slot is an error that
    /// is transient (SQLSTATE 55006, the server's own for it): its client may be gone soon.
    pub fn check(&self, dbname: &str) -> Result<()> {
        let Self { name, plugin, database, .. } = self;
        if plugin != PLUGIN {
            let what = if plugin.is_empty() { "is physical" } else { "has another output plugin" };
            return Err(Error::Setup(format!(
                "replication slot {name:?} {what} ({plugin:?}, not {PLUGIN:?}); set slot.name to another name, or drop \
                 it: SELECT pg_drop_replication_slot('{name}')"
            )));
        }
        if database != dbname {
            return Err(Error::Setup(format!(
                "replication slot {name:?} belongs to database {database:?}, not {dbname:?}; set slot.name to a name \
                 of its own for each connector"
            )));
        }
        if self.lost {
            return Err(Error::Setup(format!(
                "replication slot {name:?} has lost log that it needs (wal_status = lost, see max_slot_wal_keep_size); \
                 drop it, a new snapshot is needed: SELECT pg_drop_replication_slot('{name}')"
            )));
        }
        if self.active {
            let pid = self.active_pid.map_or_else(String::new, |pid| format!(" for PID {pid}"));
            return Err(Error::Server {
                action: format!("check replication slot {name:?}"),
                severity: "ERROR".to_owned(),
                code: "55006".to_owned(),
                message: format!("replication slot {name:?} is active{pid}"),
                hint: Some(
                    "another client streams from it: stop it, or set slot.name to a name of its own".to_owned(),
                ),
            });
        }
        Ok(())
    }
}

/// Checks what logical replication needs of the server before anything is made: `wal_level` and the role.
///
/// # Errors
/// [`Error::Setup`] with what to do, or the query's.
pub async fn check_server(client: &Client) -> Result<()> {
    let action = "check server for logical replication";
    // The attribute may come over a role that managed services grant (rds_replication and its like).
    let sql = "SELECT current_setting('wal_level'), \
               (SELECT r.rolreplication OR r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname = current_user) \
               OR EXISTS (SELECT FROM pg_catalog.pg_roles g WHERE g.rolname IN \
               ('rds_superuser', 'rdsadmin', 'rdsrepladmin', 'rds_replication') \
               AND pg_catalog.pg_has_role(g.oid, 'MEMBER'))";
    let failed = |e| fault::from_sql(action, e);
    let row = client.query_typed_one(sql, &[]).await.map_err(failed)?;
    let wal_level: &str = row.try_get(0).map_err(failed)?;
    if wal_level != "logical" {
        return Err(Error::Setup(format!(
            "wal_level is {wal_level:?}, but logical replication needs \"logical\": set wal_level = logical in \
             postgresql.conf and restart the server (on Amazon RDS: rds.logical_replication = 1)"
        )));
    }
    if !row.try_get::<_, Option<bool>>(1).map_err(failed)?.unwrap_or(false) {
        return Err(Error::Setup(format!(
            "user {user:?} may not replicate: ALTER ROLE {quoted} REPLICATION (on Amazon RDS: GRANT rds_replication TO \
             {quoted})",
            user = client.user(),
            quoted = crate::wire::query::quote_identifier(client.user()),
        )));
    }
    Ok(())
}

/// How much of its log a server keeps for a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// Whether a client streams from it.
    pub active: bool,
    /// `wal_status`: `reserved`, `extended`, `unreserved` or `lost`; empty where the server does not say.
    pub wal_status: String,
    /// Bytes of log between what the server must keep for the slot and its end.
    pub retained_bytes: i64,
    /// Bytes of log between what was confirmed and its end.
    pub unconfirmed_bytes: i64,
    /// Bytes that may yet be written before the slot may lose log; `None` without `max_slot_wal_keep_size`.
    pub safe_bytes: Option<i64>,
    /// End of the log, as the server prints it.
    pub end: String,
}

/// Looks up how much log is kept for the slot; `None` if there is no such slot.
///
/// # Errors
/// The query's.
pub async fn usage(client: &Client, slot: &str) -> Result<Option<Usage>> {
    let action = "look up what the slot keeps";
    let (status, safe) = if client.server_major() >= 13 {
        ("coalesce(s.wal_status, '')", "s.safe_wal_size")
    } else {
        ("''", "NULL::int8")
    };
    let sql = format!(
        "SELECT s.active, {status}, coalesce(w.lsn - s.restart_lsn, 0)::int8, \
         coalesce(w.lsn - s.confirmed_flush_lsn, 0)::int8, {safe}, w.lsn::text \
         FROM pg_catalog.pg_replication_slots s, \
         LATERAL (SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_receive_lsn() \
         ELSE pg_catalog.pg_current_wal_lsn() END AS lsn) w WHERE s.slot_name = $1"
    );
    let failed = |e| fault::from_sql(action, e);
    let row = client.query_typed_opt(&sql, &[(&slot, Type::NAME)]).await.map_err(failed)?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Usage {
        active: row.try_get(0).map_err(failed)?,
        wal_status: row.try_get(1).map_err(failed)?,
        retained_bytes: row.try_get(2).map_err(failed)?,
        unconfirmed_bytes: row.try_get(3).map_err(failed)?,
        safe_bytes: row.try_get(4).map_err(failed)?,
        end: row.try_get(5).map_err(failed)?,
    }))
}

/// Makes the slot on a replication connection and exports its snapshot: see [`Replication::create_slot`].
/// `slot.failover` counts from version 17 on.
///
/// # Errors
/// The server's, with what to do.
pub async fn create(
    replication: &mut Replication,
    name: &str,
    failover: bool,
) -> Result<CreatedSlot> {
    if failover && replication.server_major() < 17 {
        tracing::warn!(slot = name, "slot.failover needs version 17 of the server and is ignored");
        return replication.create_slot(name, false).await;
    }
    replication.create_slot(name, failover).await
}

/// Moves the slot ahead to `lsn`, or as far as the server's log goes: what is before is not sent again.
///
/// # Errors
/// The server's: 55000 for a slot that is ahead of it, 55006 while a client streams from it.
pub async fn advance(client: &Client, name: &str, lsn: Lsn) -> Result<()> {
    let lsn = lsn.to_string();
    client
        .query_typed(
            "SELECT pg_catalog.pg_replication_slot_advance($1, $2::text::pg_lsn)",
            &[(&name, Type::NAME), (&lsn, Type::TEXT)],
        )
        .await
        .map(|_position| ())
        .map_err(|e| fault::from_sql(&format!("advance replication slot {name:?} to {lsn}"), e))
}

/// Drops the slot and the log it holds.
///
/// # Errors
/// The server's: 55006 while a client streams from it, 42704 if there is none.
pub async fn drop(client: &Client, name: &str) -> Result<()> {
    client
        .query_typed("SELECT pg_catalog.pg_drop_replication_slot($1)", &[(&name, Type::NAME)])
        .await
        .map(|_void| ())
        .map_err(|e| fault::from_sql(&format!("drop replication slot {name:?}"), e))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot() -> Slot {
        Slot {
            name: "s".to_owned(),
            plugin: PLUGIN.to_owned(),
            database: "shop".to_owned(),
            active: false,
            active_pid: None,
            confirmed_flush: Some(Lsn::new(1)),
            restart: Some(Lsn::new(1)),
            catalog_xmin: None,
            lost: false,
        }
    }

    #[test]
    fn only_an_active_slot_is_worth_waiting_for() {
        assert!(slot().check("shop").is_ok());
        let active = Slot { active: true, active_pid: Some(7), ..slot() };
        let error = active.check("shop").unwrap_err();
        assert!(error.is_transient() && error.to_string().contains("PID 7"), "{error}");
        for (other, word) in [
            (Slot { plugin: "wal2json".to_owned(), ..slot() }, "wal2json"),
            (Slot { database: "crm".to_owned(), ..slot() }, "crm"),
            (Slot { lost: true, ..slot() }, "lost"),
        ] {
            let error = other.check("shop").unwrap_err();
            assert!(!error.is_transient() && error.to_string().contains(word), "{error}");
        }
    }
}
