//! `Assembler::push` on arbitrary streams.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use pgoutput::assembler::Assembler;
use pgoutput::message::RelationMessage;
use pgoutput::{Batch, Column, Event, Lsn, Relation, Type, TypeKind};

fuzz_target!(|input: &[u8]| {
    let mut assembler = Assembler::new();
    let mut batch = Batch { bytes: input.to_vec().into(), ..Batch::default() };
    let input = batch.bytes.clone();
    let mut at = 0;
    while let Some((start, len)) = head(&input[at..]) {
        at += 10;
        let end = (at + len).min(input.len());
        let before = (batch.events.len(), batch.cells.len());
        let base = u32::try_from(at).unwrap();
        match assembler.push(Lsn::new(start), &input[at..end], base, &mut batch) {
            Ok(Some(relation)) => assembler.define(describe(relation)),
            Ok(None) => {}
            Err(_) => assert_eq!((batch.events.len(), batch.cells.len()), before),
        }
        at = end;
    }
    check(&batch);
});

/// A message's XLogData start and its length.
fn head(input: &[u8]) -> Option<(u64, usize)> {
    let (start, rest) = input.split_first_chunk::<8>()?;
    let (len, _) = rest.split_first_chunk::<2>()?;
    Some((u64::from_be_bytes(*start), usize::from(u16::from_be_bytes(*len))))
}

fn check(batch: &Batch) {
    let mut open = false;
    for event in &batch.events {
        match event {
            Event::Begin(_) => {
                assert!(!open);
                open = true;
            }
            Event::Commit { .. } => {
                assert!(open);
                open = false;
            }
            Event::Change(change) => {
                assert!(open);
                for tuple in [change.old.map(|old| old.tuple), change.new].into_iter().flatten() {
                    assert_eq!(batch.row(tuple).len(), change.relation.columns.len());
                }
            }
            _ => {}
        }
    }
}

fn describe(message: RelationMessage) -> Arc<Relation> {
    let base = Type { oid: 0, schema: String::new(), name: String::new(), kind: TypeKind::Base };
    let base = Arc::new(base);
    let columns = message.columns.into_iter().map(|column| Column {
        name: column.name,
        ty: Arc::clone(&base),
        typmod: column.typmod,
        nullable: true,
        default: None,
        identity: column.identity,
    });
    Arc::new(Relation {
        oid: message.oid,
        schema: message.schema,
        name: message.name,
        identity: message.identity,
        columns: columns.collect(),
        key: Vec::new(),
    })
}
