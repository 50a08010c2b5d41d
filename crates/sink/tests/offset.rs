//! The source offset: Debezium's form, and that a replay from any point loses nothing and doubles nothing.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test's way to fail")]

use pgoutput::{Lsn, Position};
use proptest::prelude::*;
use serde_json::{Map, Value as Json};
use sink::offset::{MessageType, Progress, Resume, SourceOffset};

fn map(text: &str) -> Map<String, Json> {
    serde_json::from_str(text).unwrap()
}

#[test]
fn stored_offsets_of_the_real_worker_keep_their_bytes() {
    for text in [
        r#"{"last_snapshot_record":true,"lsn":3924030960,"txId":12163,"ts_usec":1795342059106397,"snapshot":"INITIAL","snapshot_completed":true}"#,
        r#"{"lsn_proc":3978274688,"messageType":"INSERT","lsn_commit":3978274688,"lsn":3978274688,"txId":12322,"ts_usec":1795342071932756}"#,
        r#"{"lsn_proc":4071744600,"messageType":"INSERT","lsn_commit":3978274960,"lsn":4071744600,"txId":12853,"ts_usec":1795342103528689}"#,
    ] {
        let offset = SourceOffset::from_map(&map(text)).unwrap();
        assert_eq!(serde_json::to_string(&offset.to_map()).unwrap(), text);
    }
}

#[test]
fn reads_what_debezium_reads() {
    let read = |text: &str| SourceOffset::from_map(&map(text));
    assert!(read(r#"{"snapshot":true}"#).unwrap().snapshot_unfinished());
    assert!(
        read(r#"{"snapshot":"INITIAL","snapshot_completed":false}"#).unwrap().snapshot_unfinished()
    );
    assert!(
        !read(r#"{"snapshot":"INITIAL","snapshot_completed":true}"#).unwrap().snapshot_unfinished()
    );
    assert_eq!(read(r#"{"lsn":5,"lsn_proc":3,"note":[]}"#).unwrap().start_lsn(), Some(Lsn::new(3)));
    assert_eq!(read(r#"{"lsn":-1}"#).unwrap().start_lsn(), Some(Lsn::new(u64::MAX)));
    for bad in
        [r#"{"messageType":"HELLO"}"#, r#"{"lsn":"5"}"#, r#"{"lsn":1.5}"#, r#"{"snapshot":"SOME"}"#]
    {
        assert!(read(bad).is_err(), "{bad}");
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Row(u64, Position),
    Commit(Position, Lsn),
}

/// A log of interleaved transactions, as the server decodes it: whole transactions in the order of commit.
/// `choices` says for each record which transaction it is of, and how many rows it holds (0: its commit).
fn stream(choices: &[(u8, u8)]) -> Vec<Step> {
    const RECORD: u64 = 8;
    let mut open: Vec<(u8, u64, Vec<Lsn>)> = Vec::new();
    let mut steps = Vec::new();
    let (mut lsn, mut next_xid, mut id) = (1000, 1, 0);
    for (slot, rows) in choices {
        let at = open.iter().position(|(known, ..)| known == slot).unwrap_or_else(|| {
            open.push((*slot, next_xid, Vec::new()));
            next_xid += 1;
            open.len() - 1
        });
        if *rows > 0 {
            open[at].2.extend((0..*rows).map(|_| Lsn::new(lsn)));
        } else {
            let (_, xid, rows) = open.remove(at);
            let position = |row: Lsn, ordinal: u64| Position {
                commit_lsn: Lsn::new(lsn),
                lsn: row,
                ordinal,
                xid: Some(xid),
                commit_time_us: 0,
            };
            for (ordinal, row) in (0..).zip(rows) {
                steps.push(Step::Row(id, position(row, ordinal)));
                id += 1;
            }
            steps.push(Step::Commit(position(Lsn::new(lsn), 0), Lsn::new(lsn + RECORD)));
        }
        lsn += RECORD;
    }
    steps
}

/// Runs a connector over the steps: what it delivers, and its offset after each step.
fn run(steps: &[Step], stored: Option<&SourceOffset>) -> Vec<(Option<u64>, SourceOffset)> {
    let mut progress = Progress::new(stored);
    let mut resume = stored.map(Resume::new);
    let step = |step: &Step| {
        let delivered = match step {
            Step::Row(id, position) => {
                let old = resume.as_mut().is_some_and(|resume| resume.is_delivered(position));
                if !old {
                    resume = None;
                    progress.event(position, MessageType::Insert);
                }
                (!old).then_some(*id)
            }
            Step::Commit(position, end) => {
                if !resume.as_ref().is_some_and(|resume| resume.is_whole(position)) {
                    resume = None;
                    progress.commit(position, *end);
                }
                None
            }
        };
        (delivered, progress.offset())
    };
    steps.iter().map(step).collect()
}

/// What the server sends from a position on: transactions whose commit record does not start before it.
fn replay(steps: &[Step], from: Lsn) -> Vec<Step> {
    let keep = |step: &&Step| match step {
        Step::Row(_, position) | Step::Commit(position, _) => position.commit_lsn >= from,
    };
    steps.iter().filter(keep).copied().collect()
}

proptest! {
    #[test]
    fn replay_from_any_point_loses_and_doubles_nothing(
        choices in prop::collection::vec((0u8..4, 0u8..4), 1..60),
        cut in any::<prop::sample::Index>(),
        second in any::<prop::sample::Index>(),
    ) {
        let steps = stream(&choices);
        prop_assume!(!steps.is_empty());
        let all = steps.iter().filter_map(|step| if let Step::Row(id, _) = step { Some(*id) } else { None });
        let first = run(&steps, None);
        let cut = cut.index(steps.len());
        let stored = SourceOffset::from_map(&first[cut].1.to_map()).unwrap();
        let mut delivered = first[..=cut].iter().filter_map(|(id, _)| *id).collect::<Vec<_>>();

        // The restart is cut too, and the third run goes to the end.
        let again = replay(&steps, stored.start_lsn().unwrap());
        let next = run(&again, Some(&stored));
        let cut = if next.is_empty() { 0 } else { second.index(next.len()) };
        delivered.extend(next.iter().take(cut).filter_map(|(id, _)| *id));
        let stored = cut.checked_sub(1).map_or(stored, |last| next[last].1);
        let last = run(&replay(&steps, stored.start_lsn().unwrap()), Some(&stored));
        delivered.extend(last.iter().filter_map(|(id, _)| *id));
        prop_assert_eq!(delivered, all.collect::<Vec<_>>());
    }
}
