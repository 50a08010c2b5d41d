//! What an incremental snapshot does, without a server.

use std::sync::Arc;

use bytes::BytesMut;
use pgoutput::copy::parse_text_row;
use pgoutput::{Batch, Event, Lsn, ReadKind, ReplicaIdentity, Type, TypeKind};

use super::*;
use crate::postgres::signal::message::{Raw, Signal};

fn relation(key: &[usize]) -> Arc<Relation> {
    let column = |name: &str, oid| Column {
        name: name.to_owned(),
        ty: Arc::new(Type {
            oid,
            schema: "pg_catalog".to_owned(),
            name: String::new(),
            kind: TypeKind::Base,
        }),
        typmod: -1,
        nullable: false,
        default: None,
        identity: false,
    };
    Arc::new(Relation {
        oid: 1,
        schema: "public".to_owned(),
        name: "a".to_owned(),
        identity: ReplicaIdentity::Default,
        columns: vec![column("pk", 23), column("v", 25)],
        key: key.to_vec(),
    })
}

fn chunk(relation: &Arc<Relation>, lines: &[&str]) -> Chunk {
    let (mut bytes, mut cells, mut rows) = (BytesMut::new(), Vec::new(), Vec::new());
    for line in lines {
        let start = bytes.len();
        bytes.extend_from_slice(line.as_bytes());
        let base = u32::try_from(start).unwrap();
        rows.push(parse_text_row(&mut bytes[start..], base, &mut cells, 2).unwrap());
    }
    Chunk { relation: Arc::clone(relation), bytes: bytes.freeze(), cells, rows }
}

fn execute(data: &str) -> Execute {
    let raw = Raw {
        id: Some("s1".to_owned()),
        kind: "execute-snapshot".to_owned(),
        data: data.to_owned(),
    };
    match Signal::parse(&raw) {
        Ok(Signal::Execute(execute)) => execute,
        other => panic!("{other:?}"),
    }
}

fn known() -> Vec<String> {
    ["public.a", "public.b"].map(str::to_owned).into()
}

fn running(tables: &str) -> Incremental {
    let mut state = Incremental::default();
    let note = state.add(&execute(&format!("{{\"data-collections\":{tables}}}")), &known());
    assert_eq!(note.unwrap().kind, "STARTED");
    state
}

fn position() -> Position {
    Position { commit_lsn: Lsn::new(1), lsn: Lsn::new(1), ordinal: 0, xid: None, commit_time_us: 0 }
}

/// The first column of the rows of a batch.
fn keys(batch: &Batch) -> Vec<String> {
    let row = |event: &Event| match event {
        Event::Change(change) => {
            assert_eq!(change.mark.kind, ReadKind::Incremental);
            key_of(batch.row(change.new.unwrap()), &[0])[0].clone().unwrap()
        }
        other => panic!("{other:?}"),
    };
    batch.events.iter().map(row).collect()
}

fn kinds(notes: &[Note]) -> Vec<&str> {
    notes.iter().map(|note| note.kind).collect()
}

/// A chunk of rows 1, 2, 3 in a window that is not yet open.
fn with_chunk() -> (Incremental, Arc<Relation>) {
    let relation = relation(&[0]);
    let mut state = running("[\"public.a\"]");
    state.begin_chunk("c".to_owned());
    state.work_on(&relation, vec![0]);
    state.set_maximum(vec![Some("5".to_owned())]);
    let note = state.load(chunk(&relation, &["1\tx\n", "2\ty\n", "3\tz\n"]), &[0]);
    assert_eq!(note.data[2], ("maximum_key", "5".to_owned()));
    assert_eq!(note.data[3], ("last_processed_key", "3".to_owned()));
    (state, relation)
}

#[test]
fn only_what_streams_past_an_open_window_drops_out_of_it() {
    let (mut state, relation) = with_chunk();
    let passing = chunk(&relation, &["2\tnew\n"]);
    let row = passing.row(passing.rows[0]);
    state.passes("public.a", row, &[0]);
    state.open("other-open");
    state.passes("public.a", row, &[0]);
    state.open("c-open");
    state.passes("public.b", row, &[0]);
    assert!(!state.close("other-close"));
    state.passes("public.a", row, &[0]);
    assert!(state.close("c-close"));
    assert_eq!(keys(&state.take_window(position()).unwrap()), ["1", "3"]);
    assert!(state.take_window(position()).is_none());
}

#[test]
fn rows_without_a_key_share_one_place_and_are_never_replaced_by_the_stream() {
    let relation = relation(&[]);
    let mut state = running("[\"public.a\"]");
    state.begin_chunk("c".to_owned());
    state.work_on(&relation, vec![0]);
    state.load(chunk(&relation, &["1\tx\n", "2\ty\n"]), &[]);
    state.open("c-open");
    let passing = chunk(&relation, &["2\tnew\n"]);
    state.passes("public.a", passing.row(passing.rows[0]), &[]);
    assert_eq!(keys(&state.take_window(position()).unwrap()), ["2"]);
}

#[test]
fn bounds_begin_with_the_second_chunk() {
    let (state, _) = with_chunk();
    assert_eq!(state.bounds().0, Some(&vec![Some("3".to_owned())]));
    assert_eq!(state.bounds().1, Some(&vec![Some("5".to_owned())]));
    assert_eq!(running("[\"public.a\"]").bounds(), (None, None));
}

#[test]
fn a_restart_goes_on_behind_the_last_row_that_was_sent() {
    let (mut state, _) = with_chunk();
    let restored = |state: &Incremental| Incremental::restore(&state.offset().unwrap());
    assert_eq!(restored(&state).bounds().0, None, "read is not sent");
    state.take_window(position()).unwrap();
    let again = restored(&state);
    assert_eq!(again.bounds(), state.bounds());
    assert_eq!((again.correlation.as_deref(), again.is_paused), (Some("s1"), false));
    assert_eq!(again.collections, state.collections);
}

#[test]
fn the_offset_is_the_one_that_debezium_wrote() {
    let (mut state, relation) = with_chunk();
    state.load(chunk(&relation, &["4\tx\n"]), &[0]);
    state.take_window(position()).unwrap();
    let offset = state.offset().unwrap();
    assert_eq!(
        offset.collections,
        "[{\"incremental_snapshot_collections_id\":\"public.a\",\"incremental_snapshot_collections_additional_condition\":null,\"incremental_snapshot_collections_surrogate_key\":null}]"
    );
    let integer = "aced0005757200135b4c6a6176612e6c616e672e4f626a6563743b90ce589f1073296c020000787000000001737200116a6176612e6c616e672e496e746567657212e2a0a4f781873802000149000576616c7565787200106a6176612e6c616e672e4e756d62657286ac951d0b94e08b0200007870000000";
    assert_eq!(offset.primary_key, format!("{integer}04"));
    assert_eq!(offset.maximum_key, format!("{integer}05"));
}

#[test]
fn an_offset_that_cannot_be_read_begins_the_table_anew() {
    let (mut state, _) = with_chunk();
    state.take_window(position()).unwrap();
    let offset = IncrementalOffset { primary_key: "ff".to_owned(), ..state.offset().unwrap() };
    let again = Incremental::restore(&offset);
    assert!(again.is_running());
    assert_eq!((again.bounds(), again.has_maximum()), ((None, None), false));
}

#[test]
fn tables_follow_each_other_and_the_last_one_ends_the_snapshot() {
    let mut state = running("[\"public.[ab]\",\"public.none\"]");
    assert_eq!(state.names(), "public.a,public.b,public.none");
    assert_eq!(kinds(&state.end_table(Scan::Succeeded)), ["TABLE_SCAN_COMPLETED"]);
    assert_eq!(kinds(&state.end_table(Scan::Empty)), ["TABLE_SCAN_COMPLETED"]);
    let notes = state.end_table(Scan::UnknownSchema);
    assert_eq!(kinds(&notes), ["TABLE_SCAN_COMPLETED", "COMPLETED"]);
    assert_eq!(notes[0].data[3], ("status", "UNKNOWN_SCHEMA".to_owned()));
    assert!(state.offset().is_none());
}

#[test]
fn patterns_are_taken_case_for_case_and_a_stranger_stands_for_itself() {
    let expanded = expand(&["PUBLIC\\..".to_owned(), "public.a".to_owned()], &known());
    assert_eq!(expanded, ["PUBLIC\\..", "public.a"]);
    assert_eq!(expand(&["public.*".to_owned(), "public.a".to_owned()], &known()), known());
}

#[test]
fn a_pause_needs_something_that_runs_and_a_resume_a_pause() {
    let mut state = Incremental::default();
    assert!(state.pause().is_none());
    let mut state = running("[\"public.a\"]");
    assert!(state.resume().is_none());
    assert_eq!(state.pause().unwrap().kind, "PAUSED");
    assert!(state.pause().is_none());
    assert!(state.is_paused());
    assert_eq!(state.resume().unwrap().kind, "RESUMED");
}

#[test]
fn a_stop_takes_the_waiting_tables_first_and_the_current_one_last() {
    let mut state = running("[\"public.a\",\"public.b\"]");
    state.work_on(&relation(&[0]), vec![0]);
    state.request_stop(Some(vec!["public.b".to_owned(), "public.c".to_owned()]));
    assert!(state.wants_stop());
    let notes = state.stop(&known());
    assert_eq!(kinds(&notes), ["ABORTED"]);
    assert_eq!(notes[0].data, [("data_collections", "public.b".to_owned())]);
    assert_eq!(state.names(), "public.a");
    state.request_stop(None);
    let notes = state.stop(&known());
    assert_eq!(kinds(&notes), ["COMPLETED", "ABORTED"]);
    assert_eq!(notes[1].data, [("data_collections", "public.a".to_owned())]);
    assert!(!state.is_running());
    state.request_stop(None);
    assert!(!state.wants_stop(), "a stop of nothing is forgotten");
}

#[test]
fn a_signal_that_comes_while_another_runs_waits_behind_it() {
    let mut state = running("[\"public.a\"]");
    assert!(state.add(&execute("{\"data-collections\":[\"public.b\"]}"), &known()).is_none());
    assert_eq!(state.names(), "public.a,public.b");
}
