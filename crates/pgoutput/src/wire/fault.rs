//! What the server complains of, and what to do about it.

use postgres_protocol::message::backend::ErrorFields;
use tokio_postgres::fallible_iterator::FallibleIterator as _;

use crate::error::Error;

/// From the fields of an ErrorResponse.
pub(crate) fn from_fields(action: &str, mut fields: ErrorFields<'_>) -> Error {
    let (mut severity, mut local, mut code, mut message, mut hint) =
        (None, String::new(), String::new(), String::new(), None);
    loop {
        match fields.next() {
            Ok(Some(field)) => {
                let text = String::from_utf8_lossy(field.value_bytes()).into_owned();
                match field.type_() {
                    b'S' => local = text,
                    b'V' => severity = Some(text),
                    b'C' => code = text,
                    b'M' => message = text,
                    b'H' => hint = Some(text),
                    _ => {}
                }
            }
            Ok(None) => break,
            Err(e) => {
                return Error::Protocol(format!("{action}: unreadable error of the server: {e}"));
            }
        }
    }
    server(action, severity.unwrap_or(local), code, message, hint)
}

/// From an error of the plain connection; only the server's own errors get advice.
pub(crate) fn from_sql(action: &str, source: tokio_postgres::Error) -> Error {
    match source.as_db_error() {
        Some(db) => server(
            action,
            db.severity().to_owned(),
            db.code().code().to_owned(),
            db.message().to_owned(),
            db.hint().map(str::to_owned),
        ),
        None => Error::Sql { action: action.to_owned(), source },
    }
}

fn server(
    action: &str,
    severity: String,
    code: String,
    message: String,
    hint: Option<String>,
) -> Error {
    let advice = advice(&code, &message);
    let hint = match (hint, advice) {
        (Some(theirs), Some(ours)) => Some(format!("{theirs} ({ours})")),
        (theirs, ours) => theirs.or_else(|| ours.map(str::to_owned)),
    };
    Error::Server { action: action.to_owned(), severity, code, message, hint }
}

/// What to do, by SQLSTATE and, where one stands for many, by the English message.
fn advice(code: &str, message: &str) -> Option<&'static str> {
    Some(match code {
        "28P01" => "check database.user and database.password",
        "28000" if message.contains("does not exist") => "check database.user",
        "28000" if message.contains("replication") && message.contains("permitted") => {
            "ALTER ROLE … REPLICATION"
        }
        "28000" => {
            "check database.sslmode, or add a line for this host, user and database to the server's pg_hba.conf"
        }
        "3D000" => "check database.dbname",
        // "WAL sender" since version 16.
        "42501"
            if ["walsender", "WAL sender", "replication"].iter().any(|w| message.contains(w)) =>
        {
            "the user needs the REPLICATION attribute: ALTER ROLE … REPLICATION (on Amazon RDS: GRANT \
             rds_replication TO …)"
        }
        "42501" if message.contains("publication") => {
            "a superuser makes publications for all tables; or create it beforehand and set \
             publication.autocreate.mode=disabled, or own the tables and use filtered"
        }
        "42501" if message.contains("owner of") => {
            "publications are made by the owner of each table; or create it beforehand and set \
             publication.autocreate.mode=disabled"
        }
        "42501" if message.contains("database") => "GRANT CREATE ON DATABASE … TO the user",
        "42501" => "GRANT the user what it lacks (USAGE on the schema, SELECT on the tables)",
        "42704" if message.contains("publication") => {
            "the publication must exist when a change is decoded: create it, or drop the slot and start anew"
        }
        "42704" if message.contains("slot") => "it was dropped: a new snapshot is needed",
        "42710" if message.contains("slot") => {
            "set slot.name to a name of its own for each connector"
        }
        "53300" if message.contains("max_wal_senders") || message.contains("standby") => {
            "raise max_wal_senders, or stop a replication client"
        }
        "53300" => "raise max_connections, or stop a client",
        "53400" if message.contains("slot") => {
            "raise max_replication_slots, or drop a slot that nobody uses (pg_drop_replication_slot)"
        }
        "55006" => {
            "another client streams from the slot: stop it, or set slot.name to a name of its own"
        }
        "55000" if message.contains("wal_level") => {
            "set wal_level = logical in postgresql.conf and restart the server (on Amazon RDS: \
             rds.logical_replication = 1)"
        }
        "55000" if message.contains("slot") => {
            "the slot has lost its log (see max_slot_wal_keep_size): drop it, a new snapshot is needed"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_stands_beside_the_hint_of_the_server() {
        let error = server(
            "create slot \"s\"",
            "ERROR".to_owned(),
            "53400".to_owned(),
            "all replication slots are in use".to_owned(),
            Some("Free one or increase max_replication_slots.".to_owned()),
        );
        assert_eq!(
            error.to_string(),
            "create slot \"s\": ERROR: all replication slots are in use (SQLSTATE 53400); Free one or increase \
             max_replication_slots. (raise max_replication_slots, or drop a slot that nobody uses \
             (pg_drop_replication_slot))"
        );
        assert!(advice("XX000", "anything").is_none());
    }
}
