//! Verdicts on made-up facts.

use super::*;
use crate::report::Verdict;

fn table(name: &str) -> TableFacts {
    TableFacts {
        schema: "public".to_owned(),
        name: name.to_owned(),
        identity: ReplicaIdentity::Default,
        identified: true,
        keyed: true,
        partitioned: false,
        unlogged: false,
        may_use_schema: true,
        may_select: true,
        may_insert: true,
        owned: true,
        published: true,
    }
}

const PUBLISHED: Published = Published {
    all_tables: false,
    owned: true,
    insert: true,
    update: true,
    delete: true,
    truncate: true,
};

fn facts() -> Facts {
    Facts {
        server: Server {
            version: "17.2".to_owned(),
            major: 17,
            wal_level: "logical".to_owned(),
            standby: false,
            slots_max: 10,
            slots: 1,
            senders_max: 10,
            senders: 1,
            superuser: false,
            may_replicate: true,
            may_create: true,
        },
        slot: None,
        publication: Some(PUBLISHED),
        tables: vec![table("a"), table("b")],
        idle_patterns: Vec::new(),
    }
}

fn settings(extra: &[(&str, &str)]) -> Settings {
    let minimal = [
        ("topic.prefix", "p"),
        ("database.hostname", "h"),
        ("database.user", "u"),
        ("database.password", "hunter2"),
        ("database.dbname", "shop"),
    ];
    let all = minimal.iter().chain(extra);
    Settings::parse(&all.map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()).unwrap()
}

/// The findings that are not fine: check, verdict, and all that is to be run.
fn wrong(facts: &Facts, extra: &[(&str, &str)]) -> Vec<(&'static str, Verdict, String)> {
    let findings = judge(facts, &settings(extra));
    let wrong = findings.into_iter().filter(|finding| finding.verdict != Verdict::Ok);
    wrong.map(|finding| (finding.check, finding.verdict, finding.fix.join("\n"))).collect()
}

fn one(facts: &Facts, extra: &[(&str, &str)]) -> (&'static str, Verdict, String) {
    let mut all = wrong(facts, extra);
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

#[test]
fn server_that_is_ready_passes() {
    assert_eq!(wrong(&facts(), &[]), []);
}

#[test]
fn server_settings_fail_with_what_to_run() {
    let mut f = facts();
    f.server.wal_level = "replica".to_owned();
    let (check, verdict, fix) = one(&f, &[]);
    assert_eq!((check, verdict), ("wal_level", Verdict::Fail));
    assert!(fix.starts_with("ALTER SYSTEM SET wal_level = 'logical';"), "{fix}");

    let mut f = facts();
    f.server.may_replicate = false;
    let (check, verdict, fix) = one(&f, &[("database.user", "we\"ird")]);
    assert_eq!((check, verdict), ("role", Verdict::Fail));
    assert!(fix.starts_with("ALTER ROLE \"we\"\"ird\" REPLICATION;"), "{fix}");

    let mut f = facts();
    f.server.slots = 10;
    assert_eq!(one(&f, &[]).1, Verdict::Fail);
    f.server.slots_max = 11;
    assert_eq!(wrong(&f, &[]), []);

    let mut f = facts();
    f.server.senders = 10;
    assert_eq!(one(&f, &[]).0, "senders");
}

fn slot() -> Slot {
    Slot {
        name: "debezium".to_owned(),
        plugin: "pgoutput".to_owned(),
        database: "shop".to_owned(),
        active: false,
        active_pid: None,
        confirmed_flush: None,
        restart: None,
        catalog_xmin: None,
        lost: false,
    }
}

#[test]
fn slot_of_another_plugin_or_in_use_fails() {
    let with = |slot: Slot| Facts { slot: Some(slot), ..facts() };
    assert_eq!(wrong(&with(slot()), &[]), []);
    let (check, verdict, fix) = one(&with(Slot { plugin: "wal2json".to_owned(), ..slot() }), &[]);
    assert_eq!((check, verdict), ("slot", Verdict::Fail));
    assert!(fix.starts_with("SELECT pg_drop_replication_slot('debezium');"), "{fix}");
    let (_, verdict, fix) = one(&with(Slot { active: true, active_pid: Some(7), ..slot() }), &[]);
    assert_eq!(verdict, Verdict::Fail);
    assert!(fix.starts_with("SELECT pg_terminate_backend(7);"), "{fix}");
    // Somebody else's: nothing to be dropped.
    let (_, verdict, fix) = one(&with(Slot { database: "crm".to_owned(), ..slot() }), &[]);
    assert_eq!((verdict, fix.as_str()), (Verdict::Fail, ""));
}

#[test]
fn publication_that_cannot_be_made_fails_with_what_to_run() {
    let mut f = Facts { publication: None, ..facts() };
    let (check, verdict, fix) = one(&f, &[]);
    assert_eq!((check, verdict), ("publication", Verdict::Fail));
    assert!(fix.starts_with("CREATE PUBLICATION \"dbz_publication\" FOR ALL TABLES;"), "{fix}");
    assert_eq!(wrong(&f, &[("publication.autocreate.mode", "filtered")]), []);
    f.tables[1].owned = false;
    let (_, _, fix) = one(&f, &[("publication.autocreate.mode", "filtered")]);
    assert!(
        fix.starts_with(
            "CREATE PUBLICATION \"dbz_publication\" FOR TABLE \"public\".\"a\", \"public\".\"b\";"
        ),
        "{fix}"
    );
    let (_, verdict, _) = one(&f, &[("publication.autocreate.mode", "disabled")]);
    assert_eq!(verdict, Verdict::Fail);
    f.server.superuser = true;
    assert_eq!(wrong(&f, &[]), []);
}

#[test]
fn table_that_is_not_published_is_named_with_what_to_run() {
    let mut f = facts();
    f.tables[1].published = false;
    let (_, verdict, fix) = one(&f, &[]);
    assert_eq!(
        (verdict, fix.as_str()),
        (Verdict::Fail, "ALTER PUBLICATION \"dbz_publication\" ADD TABLE \"public\".\"b\";")
    );
    assert_eq!(wrong(&f, &[("publication.autocreate.mode", "filtered")]), []);
    let f = Facts { publication: Some(Published { all_tables: true, ..PUBLISHED }), ..facts() };
    assert_eq!(one(&f, &[("publication.autocreate.mode", "filtered")]).1, Verdict::Fail);
}

#[test]
fn operation_that_is_not_published_is_told_unless_it_is_skipped() {
    let f = Facts { publication: Some(Published { delete: false, ..PUBLISHED }), ..facts() };
    assert_eq!(one(&f, &[]).1, Verdict::Warn);
    assert_eq!(wrong(&f, &[("skipped.operations", "d")]), []);
}

#[test]
fn tables_without_identity_key_or_right_are_named() {
    let mut f = facts();
    f.tables[0].identified = false;
    f.tables[0].keyed = false;
    let all = wrong(&f, &[]);
    assert_eq!(
        all.iter().map(|(check, ..)| *check).collect::<Vec<_>>(),
        ["replica identity", "keys"]
    );
    assert!(all[0].2.starts_with("ALTER TABLE \"public\".\"a\" REPLICA IDENTITY FULL;"), "{all:?}");

    let mut f = facts();
    f.tables[1].may_select = false;
    f.tables[1].may_use_schema = false;
    let (check, verdict, fix) = one(&f, &[]);
    assert_eq!((check, verdict), ("rights", Verdict::Fail));
    assert_eq!(
        fix,
        "GRANT USAGE ON SCHEMA \"public\" TO \"u\";\nGRANT SELECT ON \"public\".\"b\" TO \"u\";"
    );
    assert_eq!(one(&f, &[("snapshot.mode", "no_data")]).1, Verdict::Warn);
}

#[test]
fn filters_that_match_nothing_are_told() {
    let f = Facts { idle_patterns: vec!["public.ordres".to_owned()], ..facts() };
    assert_eq!(one(&f, &[]).0, "tables");
    let f = Facts { tables: Vec::new(), ..facts() };
    assert_eq!(one(&f, &[]).0, "tables");
}

#[test]
fn table_of_signals_must_be_there_and_writable() {
    let signals = [("signal.data.collection", "public.b")];
    let mut f = facts();
    f.tables[1].keyed = false;
    assert_eq!(wrong(&f, &signals), [], "it needs no key");
    f.tables[1].may_insert = false;
    let (check, verdict, fix) = one(&f, &signals);
    assert_eq!((check, verdict), ("signals", Verdict::Fail));
    assert_eq!(fix, "GRANT SELECT, INSERT, DELETE ON \"public\".\"b\" TO \"u\";");
    let (_, _, fix) = one(&facts(), &[("signal.data.collection", "public.c")]);
    assert!(fix.starts_with("CREATE TABLE \"public\".\"c\" (id varchar(42) PRIMARY KEY"), "{fix}");
}

#[test]
fn no_finding_shows_the_password() {
    for f in [facts(), Facts { publication: None, tables: Vec::new(), ..facts() }] {
        assert!(!format!("{:?}", judge(&f, &settings(&[]))).contains("hunter2"));
    }
}
