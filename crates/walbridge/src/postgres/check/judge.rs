//! From what the server says to what it means for the connector: pure.

use pgoutput::ReplicaIdentity;
use pgoutput::preflight::{Published, Server, TableFacts, quote_identifier};
use pgoutput::publication::Autocreate;
use pgoutput::slot::Slot;

use crate::postgres::settings::{Settings, SnapshotMode};
use crate::report::{Finding, some_of};

/// What was found out.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) server: Server,
    pub(super) slot: Option<Slot>,
    pub(super) publication: Option<Published>,
    /// The captured ones.
    pub(super) tables: Vec<TableFacts>,
    /// Patterns of `table.include.list` without a table.
    pub(super) idle_patterns: Vec<String>,
}

/// In the order in which a user would mend it: server, role, slot, publication, tables.
pub(super) fn judge(facts: &Facts, settings: &Settings) -> Vec<Finding> {
    let Facts { server, slot, publication, tables, idle_patterns } = facts;
    // The table of signals is published, and nothing else that holds of captured ones.
    let (signals, tables): (Vec<TableFacts>, Vec<TableFacts>) =
        tables.iter().cloned().partition(|t| settings.filter.is_signal(&t.schema, &t.name));
    let mut all = vec![
        connection(server, settings),
        wal_level(server),
        role(server, settings),
        slots(server, slot.is_some()),
        senders(server, slot.as_ref()),
        slot_state(slot.as_ref(), settings),
    ];
    all.extend(publication_of(facts, settings));
    all.push(found(&tables, idle_patterns));
    if !tables.is_empty() {
        all.push(rights(&tables, settings));
        all.extend(identities(&tables, *publication));
        all.extend(keys(&tables));
        all.extend(unlogged(&tables));
    }
    all.extend(signal_table(signals.first(), settings));
    all
}

/// Signals are written by the user, and by incremental snapshots to mark their chunks.
fn signal_table(table: Option<&TableFacts>, settings: &Settings) -> Option<Finding> {
    let name = settings.signals.table.as_ref()?;
    let sql = format!("{}.{}", quote_identifier(&name.schema), quote_identifier(&name.name));
    let user = quote_identifier(&settings.database.user);
    let Some(table) = table else {
        let columns = "id varchar(42) PRIMARY KEY, type varchar(32) NOT NULL, data varchar(2048)";
        return Some(
            Finding::fail("signals", format!("signal.data.collection {name} does not exist"))
                .run(format!("CREATE TABLE {sql} ({columns});"))
                .run(format!("GRANT SELECT, INSERT, DELETE ON {sql} TO {user};")),
        );
    };
    if !table.may_insert && !settings.signals.read_only {
        let why =
            format!("may not write to {name}: an incremental snapshot could not mark its chunks");
        let grant = format!("GRANT SELECT, INSERT, DELETE ON {sql} TO {user};");
        return Some(Finding::fail("signals", why).run(grant));
    }
    Some(Finding::ok("signals", format!("{name} is there")))
}

fn sql_name(table: &TableFacts) -> String {
    format!("{}.{}", quote_identifier(&table.schema), quote_identifier(&table.name))
}

fn sql_list(tables: &[&TableFacts]) -> String {
    tables.iter().map(|table| sql_name(table)).collect::<Vec<_>>().join(", ")
}

fn names(tables: &[&TableFacts]) -> String {
    let names: Vec<String> = tables.iter().map(|t| format!("{}.{}", t.schema, t.name)).collect();
    some_of(&names)
}

/// The captured tables of which something is true.
fn those(tables: &[TableFacts], is: impl Fn(&TableFacts) -> bool) -> Vec<&TableFacts> {
    tables.iter().filter(|table| is(table)).collect()
}

fn connection(server: &Server, settings: &Settings) -> Finding {
    let pgoutput::Config { host, port, user, dbname, .. } = &settings.database;
    let message = format!("{user}@{host}:{port}/{dbname}, PostgreSQL {}", server.version);
    if (14..=18).contains(&server.major) {
        Finding::ok("connection", message)
    } else {
        Finding::warn("connection", format!("{message}: versions 14 to 18 are tested"))
    }
}

fn wal_level(server: &Server) -> Finding {
    if server.wal_level == "logical" {
        return Finding::ok("wal_level", "logical");
    }
    Finding::fail("wal_level", format!("is {}; logical replication needs logical", server.wal_level))
        .run("ALTER SYSTEM SET wal_level = 'logical';  -- then restart the server; on Amazon RDS: rds.logical_replication = 1")
}

fn role(server: &Server, settings: &Settings) -> Finding {
    let user = &settings.database.user;
    if server.may_replicate {
        return Finding::ok("role", format!("{user} may replicate"));
    }
    let quoted = quote_identifier(user);
    Finding::fail("role", format!("{user} may not replicate")).run(format!(
        "ALTER ROLE {quoted} REPLICATION;  -- on Amazon RDS: GRANT rds_replication TO {quoted}"
    ))
}

fn slots(server: &Server, has_own: bool) -> Finding {
    let Server { slots, slots_max, .. } = server;
    let message = format!("{slots} of {slots_max} in use");
    let raise = format!(
        "ALTER SYSTEM SET max_replication_slots = {};  -- then restart the server",
        slots_max.saturating_add(5)
    );
    match slots_max - slots {
        ..=0 if !has_own => {
            Finding::fail("slots", format!("{message}: none is left for this connector")).run(raise)
        }
        ..=0 => {
            let why = "a new snapshot would have no temporary slot, and might miss a transaction that is being committed";
            Finding::warn("slots", format!("{message}: {why}")).run(raise)
        }
        _ => Finding::ok("slots", message),
    }
}

fn senders(server: &Server, slot: Option<&Slot>) -> Finding {
    let Server { senders, senders_max, .. } = server;
    let message = format!("{senders} of {senders_max} in use");
    // A connector that runs has its own.
    if senders < senders_max || slot.is_some_and(|slot| slot.active) {
        return Finding::ok("senders", message);
    }
    let raise = senders_max.saturating_add(5);
    Finding::fail("senders", format!("{message}: none is left for this connector"))
        .run(format!("ALTER SYSTEM SET max_wal_senders = {raise};  -- then restart the server"))
}

fn slot_state(slot: Option<&Slot>, settings: &Settings) -> Finding {
    let name = &settings.slot.name;
    let Some(slot) = slot else {
        return Finding::ok("slot", format!("{name}: not there yet; the connector makes it"));
    };
    match slot.check(&settings.database.dbname) {
        Ok(()) => {
            let confirmed = slot
                .confirmed_flush
                .map_or_else(String::new, |lsn| format!(", confirmed up to {lsn}"));
            Finding::ok("slot", format!("{name}: there and free{confirmed}"))
        }
        Err(error) => {
            let failed = Finding::fail("slot", error.to_string());
            let literal = pgoutput::preflight::quote_literal(name);
            if slot.active {
                let pid = slot.active_pid.unwrap_or_default();
                return failed
                    .run(format!("SELECT pg_terminate_backend({pid});  -- ends that client"));
            }
            // One of another database is somebody's.
            if slot.database != settings.database.dbname && !slot.database.is_empty() {
                return failed;
            }
            failed.run(format!(
                "SELECT pg_drop_replication_slot({literal});  -- if nobody needs it any more"
            ))
        }
    }
}

fn publication_of(facts: &Facts, settings: &Settings) -> Vec<Finding> {
    let wanted = &settings.publication;
    let quoted = quote_identifier(&wanted.name);
    let captured: Vec<&TableFacts> = facts.tables.iter().collect();
    let Some(there) = facts.publication else {
        return vec![absent(facts, settings, &quoted, &captured)];
    };
    if there.all_tables && wanted.autocreate == Autocreate::Filtered {
        let why = format!(
            "{}: is for all tables, so publication.autocreate.mode=filtered cannot narrow it; set publication.name to another name",
            wanted.name
        );
        return vec![Finding::fail("publication", why)];
    }
    let missing = those(&facts.tables, |table| !table.published);
    let mut all = Vec::new();
    if missing.is_empty() {
        all.push(Finding::ok("publication", format!("{}: has every captured table", wanted.name)));
    } else {
        let message = format!("{}: lacks {}", wanted.name, names(&missing));
        let add = format!("ALTER PUBLICATION {quoted} ADD TABLE {};", sql_list(&missing));
        all.push(match wanted.autocreate {
            Autocreate::Filtered if there.owned && missing.iter().all(|t| t.owned) => {
                Finding::ok("publication", format!("{message}; the connector adds them"))
            }
            _ => Finding::fail("publication", format!("{message}: their changes would not come"))
                .run(add),
        });
    }
    let unpublished: Vec<&str> = [
        ("insert", there.insert || settings.skipped.create),
        ("update", there.update || settings.skipped.update),
        ("delete", there.delete || settings.skipped.delete),
        ("truncate", there.truncate || settings.skipped.truncate),
    ]
    .into_iter()
    .filter_map(|(operation, is_fine)| (!is_fine).then_some(operation))
    .collect();
    if !unpublished.is_empty() {
        let message = format!("{}: does not publish {}", wanted.name, unpublished.join(", "));
        all.push(Finding::warn("publication", message).run(format!(
            "ALTER PUBLICATION {quoted} SET (publish = 'insert, update, delete, truncate');"
        )));
    }
    all
}

/// What making the publication takes, and what to run where the user may not.
fn absent(facts: &Facts, settings: &Settings, quoted: &str, captured: &[&TableFacts]) -> Finding {
    let name = &settings.publication.name;
    let list = sql_list(captured);
    let for_tables = if captured.is_empty() { String::new() } else { format!(" FOR TABLE {list}") };
    let create = format!("CREATE PUBLICATION {quoted}{for_tables};  -- as the tables' owner");
    let fail =
        |why: &str| Finding::fail("publication", format!("{name}: does not exist, and {why}"));
    if facts.server.standby {
        return fail("a standby cannot make one").run(create);
    }
    let Server { superuser, may_create, .. } = facts.server;
    match settings.publication.autocreate {
        Autocreate::Disabled => fail("publication.autocreate.mode is disabled").run(create),
        Autocreate::AllTables if !superuser => fail("only a superuser may make one for all tables (publication.autocreate.mode=all_tables)")
            .run(format!("CREATE PUBLICATION {quoted} FOR ALL TABLES;  -- as a superuser; or set publication.autocreate.mode=filtered")),
        Autocreate::Filtered if captured.is_empty() => fail("no table passes the filters"),
        _ if !(superuser || may_create) => {
            let (database, user) = (quote_identifier(&settings.database.dbname), quote_identifier(&settings.database.user));
            fail("the user may not create in the database")
                .run(format!("GRANT CREATE ON DATABASE {database} TO {user};  -- or make it yourself:"))
                .run(create)
        }
        Autocreate::Filtered if !superuser && captured.iter().any(|table| !table.owned) => {
            let foreign: Vec<_> = captured.iter().copied().filter(|table| !table.owned).collect();
            fail(&format!("the user does not own {}", names(&foreign))).run(create)
        }
        _ => Finding::ok("publication", format!("{name}: not there yet; the connector makes it")),
    }
}

fn found(tables: &[TableFacts], idle_patterns: &[String]) -> Finding {
    let message = match tables.len() {
        0 => {
            return Finding::warn(
                "tables",
                "no table passes the filters: nothing will be captured until one does",
            );
        }
        1 => "1 is captured".to_owned(),
        n => format!("{n} are captured"),
    };
    if idle_patterns.is_empty() {
        return Finding::ok("tables", message);
    }
    let why = format!(
        "{message}; of table.include.list these match no table: {}",
        some_of(idle_patterns)
    );
    Finding::warn("tables", why)
}

fn rights(tables: &[TableFacts], settings: &Settings) -> Finding {
    let denied = those(tables, |table| !(table.may_select && table.may_use_schema));
    if denied.is_empty() {
        return Finding::ok("rights", "every captured table may be read");
    }
    let message = format!("may not read {}", names(&denied));
    let finding = match settings.snapshot.mode {
        SnapshotMode::NoData => {
            Finding::warn("rights", format!("{message}; snapshot.mode=no_data does not need to"))
        }
        SnapshotMode::ConfigurationBased { data: false, .. } => {
            Finding::warn("rights", format!("{message}; no snapshot is configured that needs to"))
        }
        _ => Finding::fail("rights", format!("{message}: the snapshot would fail")),
    };
    let user = quote_identifier(&settings.database.user);
    let mut schemas: Vec<String> =
        denied.iter().filter(|t| !t.may_use_schema).map(|t| quote_identifier(&t.schema)).collect();
    schemas.dedup();
    let finding = if schemas.is_empty() {
        finding
    } else {
        finding.run(format!("GRANT USAGE ON SCHEMA {} TO {user};", schemas.join(", ")))
    };
    finding.run(format!("GRANT SELECT ON {} TO {user};", sql_list(&denied)))
}

/// A published table whose rows cannot be told apart refuses its own users' updates.
fn identities(tables: &[TableFacts], publication: Option<Published>) -> Vec<Finding> {
    let matters = publication.is_none_or(|p| p.update || p.delete);
    let lost = those(tables, |table| !table.identified && !table.partitioned && matters);
    if lost.is_empty() {
        let full = those(tables, |table| table.identity == ReplicaIdentity::Full).len();
        let message = format!(
            "every captured table has one; {full} of {} are FULL, of which records hold all old values",
            tables.len()
        );
        return vec![Finding::ok("replica identity", message)];
    }
    let message = format!(
        "{}: without a replica identity Postgres refuses UPDATE and DELETE on a published table",
        names(&lost)
    );
    let fix = |table: &&TableFacts| {
        format!("ALTER TABLE {} REPLICA IDENTITY FULL;  -- or ADD PRIMARY KEY (…)", sql_name(table))
    };
    let mut finding = Finding::warn("replica identity", message);
    finding.fix.extend(lost.iter().map(fix));
    vec![finding]
}

fn keys(tables: &[TableFacts]) -> Option<Finding> {
    let keyless = those(tables, |table| !table.keyed);
    if keyless.is_empty() {
        return Some(Finding::ok("keys", "every captured table has a key"));
    }
    let why = "no primary key and no unique index: their records have no key, and no order among partitions";
    let mut finding = Finding::warn("keys", format!("{}: {why}", names(&keyless)));
    let fix = |table: &&TableFacts| format!("ALTER TABLE {} ADD PRIMARY KEY (…);", sql_name(table));
    finding.fix.extend(keyless.iter().map(fix));
    Some(finding)
}

fn unlogged(tables: &[TableFacts]) -> Option<Finding> {
    let unlogged = those(tables, |table| table.unlogged);
    if unlogged.is_empty() {
        return None;
    }
    let message = format!("{}: not logged, so their changes never come", names(&unlogged));
    let mut finding = Finding::warn("unlogged", message);
    finding.fix.extend(unlogged.iter().map(|t| format!("ALTER TABLE {} SET LOGGED;", sql_name(t))));
    Some(finding)
}

#[cfg(test)]
mod tests;
