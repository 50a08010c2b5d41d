//! What topics alone say about a workload: each change there, in order, repeated only where a restart explains it.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use serde_json::Value;

use super::workload::{Event, History, Key, LAST, TABLES};
use crate::kafka::{Record, Tap, end_offset};
use crate::lab::{Outcome, Sandbox, deadline};

/// What Postgres was told and what the topics held, taken while no worker ran.
#[derive(Debug)]
pub(super) struct Checkpoint {
    confirmed: u64,
    ends: Vec<i64>,
}

impl Checkpoint {
    pub(super) async fn take(sandbox: &Sandbox) -> Outcome<Self> {
        let query = format!(
            "SELECT confirmed_flush_lsn - '0/0'::pg_lsn FROM pg_replication_slots WHERE slot_name = '{}'",
            sandbox.id
        );
        let confirmed = sandbox.lab.postgres.ask("postgres", &query).await?;
        let confirmed = confirmed.ok_or("slot: no confirmed position")?.parse()?;
        let bootstrap = &sandbox.lab.bootstrap;
        let ends = TABLES.map(|table| end_offset(bootstrap, &topic(sandbox, table)));
        Ok(Self { confirmed, ends: ends.into_iter().collect::<Outcome<_>>()? })
    }
}

fn topic(sandbox: &Sandbox, table: &str) -> String {
    format!("{}.public.{table}", sandbox.id)
}

/// Proves a history from the topics. Each topic may go back as often as `restarts` say.
pub(super) async fn prove(
    sandbox: &Sandbox,
    history: &History,
    checkpoints: &[Checkpoint],
    restarts: usize,
) -> Outcome<()> {
    let records = read_to_the_end(sandbox).await?;
    let mut seen = HashMap::new();
    let (mut repeats, mut jumps) = (0, 0);
    for (table, name) in TABLES.iter().enumerate() {
        let records: Vec<_> =
            records.iter().filter(|record| record.topic == topic(sandbox, name)).collect();
        let lane = Lane::read(&records, restarts).map_err(|error| format!("{name}: {error}"))?;
        repeats += lane.repeats;
        jumps += lane.jumps;
        lane.holds(table, history, &mut seen).map_err(|error| format!("{name}: {error}"))?;
        let state = lane.state();
        let rows = rows(sandbox, name).await?;
        if state != rows {
            let (topics, rows) = (state.len(), rows.len());
            return Err(format!("{name}: {topics} rows by its topic, {rows} by itself").into());
        }
    }
    for checkpoint in checkpoints {
        confirmed_is_held(checkpoint, history, &seen)?;
    }
    let (changes, commits) = (history.change_count(), history.commits.len());
    println!(
        "{}: {changes} changes of {commits} transactions, {repeats} repeated in {jumps} runs",
        sandbox.id
    );
    Ok(())
}

async fn read_to_the_end(sandbox: &Sandbox) -> Outcome<Vec<Record>> {
    let mut tap = Tap::new(&sandbox.lab.bootstrap, &format!("{}\\.public\\..*", sandbox.id))?;
    let (mut looked, mut ended) = (0, std::collections::BTreeSet::new());
    let longest = Duration::from_secs(120);
    deadline("the last row of every table reaches its topic", longest, async || {
        tap.poll(Duration::from_millis(300)).map_err(|error| error.to_string())?;
        for record in &tap.records[looked..] {
            if record.value.is_some() && id_of(record).is_ok_and(|id| id == LAST) {
                ended.insert(record.topic.clone());
            }
        }
        looked = tap.records.len();
        if ended.len() == TABLES.len() {
            Ok(())
        } else {
            Err(format!("{looked} records, {ended:?}"))
        }
    })
    .await?;
    tap.idle(Duration::from_secs(1))?;
    Ok(tap.records)
}

fn id_of(record: &Record) -> Outcome<i64> {
    let key: Value = serde_json::from_slice(record.key.as_deref().ok_or("record without a key")?)?;
    Ok(key["id"].as_i64().ok_or_else(|| format!("key without an id: {key}"))?)
}

/// What makes a record the same as one of an earlier run: a change is at one place in the WAL.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Identity {
    id: i64,
    lsn: i64,
    transaction: i64,
    op: char,
    tombstone: bool,
}

/// A topic without its repeats.
#[derive(Debug, Default)]
struct Lane {
    /// Changes and tombstones in order, with the offset at which each came first.
    unique: Vec<(Identity, Option<Event>, i64)>,
    repeats: usize,
    jumps: usize,
}

impl Lane {
    /// A repeat begins where a worker began again: the topic goes back to an earlier record and says from there
    /// on what it said before, until it breaks off for the next repeat or reaches what is new.
    fn read(records: &[&Record], restarts: usize) -> Outcome<Self> {
        let mut lane = Self::default();
        let mut places = HashMap::new();
        let mut next = 0;
        let mut previous: Option<Identity> = None;
        for record in records {
            let (identity, event) = parse(record, previous.as_ref())?;
            previous = Some(identity.clone());
            let offset = record.offset;
            match places.get(&identity) {
                None if next < lane.unique.len() => {
                    let left = lane.unique.len() - next;
                    return Err(format!("offset {offset}: a repeat left out {left} records").into());
                }
                None => {
                    places.insert(identity.clone(), next);
                    lane.unique.push((identity, event, offset));
                    next += 1;
                    continue;
                }
                Some(&place) if place == next => {}
                Some(&place) if place < next => {
                    lane.jumps += 1;
                    next = place;
                }
                Some(_) => {
                    return Err(format!("offset {offset}: a repeat skipped records").into());
                }
            }
            next += 1;
            lane.repeats += 1;
        }
        if lane.jumps > restarts {
            return Err(format!("went back {} times in {restarts} restarts", lane.jumps).into());
        }
        Ok(lane)
    }

    /// Each key's changes are its history; where each came first goes to `seen`.
    fn holds(
        &self,
        table: usize,
        history: &History,
        seen: &mut HashMap<(Key, usize), i64>,
    ) -> Outcome<()> {
        let mut keys = BTreeMap::<Key, Vec<Event>>::new();
        for (identity, event, offset) in &self.unique {
            let Some(event) = event else { continue };
            let key = Key { table, id: identity.id };
            let events = keys.entry(key).or_default();
            seen.insert((key, events.len()), *offset);
            events.push(*event);
        }
        for (key, due) in history.keys.iter().filter(|(key, _)| key.table == table) {
            let has = keys.remove(key).unwrap_or_default();
            if has != *due {
                let place = due.iter().zip(&has).take_while(|(due, has)| due == has).count();
                return Err(format!(
                    "id {}: change {place} of {} committed ones is {:?}, the topic has {:?} of {}",
                    key.id,
                    due.len(),
                    due.get(place),
                    has.get(place),
                    has.len()
                )
                .into());
            }
        }
        match keys.keys().next() {
            None => Ok(()),
            Some(key) => Err(format!("id {}: in the topic, never committed", key.id).into()),
        }
    }

    /// The table as somebody sees it who has the topic alone.
    fn state(&self) -> BTreeMap<i64, i64> {
        let mut rows = BTreeMap::new();
        for (identity, event, _) in &self.unique {
            match event {
                Some(Event::Create(stamp) | Event::Update(stamp)) => {
                    rows.insert(identity.id, *stamp);
                }
                Some(Event::Delete) => {
                    rows.remove(&identity.id);
                }
                None => {}
            }
        }
        rows
    }
}

/// A tombstone has no position of its own: it is its delete's, which must stand right before it.
fn parse(record: &Record, previous: Option<&Identity>) -> Outcome<(Identity, Option<Event>)> {
    let (id, offset) = (id_of(record)?, record.offset);
    let Some(value) = &record.value else {
        let delete = previous.filter(|before| before.id == id && before.op == 'd');
        let delete = delete.ok_or_else(|| format!("offset {offset}: tombstone without delete"))?;
        return Ok((Identity { tombstone: true, ..delete.clone() }, None));
    };
    let value: Value = serde_json::from_slice(value)?;
    let stamp = || value["after"]["stamp"].as_i64().ok_or("change without a stamp");
    let (op, event) = match value["op"].as_str() {
        Some("c") => ('c', Event::Create(stamp()?)),
        Some("u") => ('u', Event::Update(stamp()?)),
        Some("d") => ('d', Event::Delete),
        other => return Err(format!("offset {offset}: op {other:?}").into()),
    };
    let source = |name: &str| value["source"][name].as_i64().ok_or("source without its position");
    let identity =
        Identity { id, lsn: source("lsn")?, transaction: source("txId")?, op, tombstone: false };
    Ok((identity, Some(event)))
}

async fn rows(sandbox: &Sandbox, table: &str) -> Outcome<BTreeMap<i64, i64>> {
    let client = sandbox.lab.postgres.session(&sandbox.database).await?;
    let rows = client.query(&format!("SELECT id, stamp FROM {table}"), &[]).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

/// Nothing that Postgres may throw away is missing from the topics.
fn confirmed_is_held(
    checkpoint: &Checkpoint,
    history: &History,
    seen: &HashMap<(Key, usize), i64>,
) -> Outcome<()> {
    for commit in history.commits.iter().filter(|commit| commit.lsn_max <= checkpoint.confirmed) {
        for change @ (key, _) in &commit.changes {
            let held = seen.get(change).is_some_and(|offset| *offset < checkpoint.ends[key.table]);
            if !held {
                return Err(format!(
                    "{} id {}: confirmed to Postgres before its topic had it",
                    TABLES[key.table], key.id
                )
                .into());
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Lane, Record};

    fn topic(lsns: &[i64]) -> Vec<Record> {
        let record = |(offset, lsn): (usize, &i64)| Record {
            topic: "t".to_owned(),
            partition: 0,
            offset: i64::try_from(offset).unwrap(),
            key: Some(b"{\"id\":1}".to_vec()),
            value: Some(
                json!({"op": "u", "after": {"stamp": lsn}, "source": {"lsn": lsn, "txId": 1}})
                    .to_string()
                    .into_bytes(),
            ),
            headers: Vec::new(),
        };
        lsns.iter().enumerate().map(record).collect()
    }

    fn read(lsns: &[i64], restarts: usize) -> Result<(usize, usize), String> {
        let records = topic(lsns);
        let lane = Lane::read(&records.iter().collect::<Vec<_>>(), restarts);
        lane.map(|lane| (lane.repeats, lane.jumps)).map_err(|error| error.to_string())
    }

    #[test]
    fn lane_allows_a_repeat_of_the_end_after_a_restart() {
        assert_eq!(read(&[1, 2, 3, 2, 3, 4], 1), Ok((2, 1)));
        assert_eq!(read(&[1, 2, 3, 2, 2, 3, 4], 2), Ok((3, 2)));
    }

    #[test]
    fn lane_refuses_more_repeats_than_restarts() {
        assert!(read(&[1, 2, 2, 3, 3], 1).is_err());
        assert!(read(&[1, 1], 0).is_err());
    }

    #[test]
    fn lane_refuses_a_repeat_with_a_gap() {
        assert!(read(&[1, 2, 3, 1, 3, 4], 1).is_err());
        assert!(read(&[1, 2, 3, 2, 4], 1).is_err());
    }

    #[test]
    fn lane_refuses_a_tombstone_without_its_delete() {
        let mut records = topic(&[1, 2]);
        records[1].value = None;
        assert!(Lane::read(&records.iter().collect::<Vec<_>>(), 0).is_err());
    }
}
