//! What the stage does with what passes, and how it reads chunks.

use pgoutput::catalog::Catalog;
use pgoutput::{Batch, Change, Event, Op};

use super::{
    Arc, Error, Lsn, Position, Query, Raw, Relation, Scan, Stage, TableName, Watermarks, chunk,
    source,
};
use pgoutput::chunk::Chunk;
use sink::java_map::hash_order;
use uuid::Uuid;

/// A session for chunks, and the tables that it has seen.
pub(super) struct Session {
    catalog: Catalog,
    /// The last table that was read from, described anew for each chunk.
    relation: Option<Arc<Relation>>,
    /// When the window of the chunk was opened.
    opened: String,
}

/// How an attempt to read rows went.
enum Attempt {
    /// They are in the window.
    Rows,
    /// There were none: the table is done with.
    NextTable,
}

/// What is to be done where an event stands.
enum Todo {
    Signal(Raw),
    /// A position in the log has passed.
    Settle,
}

impl Stage {
    /// Lets a batch pass, and does what its events ask for where they stand.
    pub(super) async fn pass(&mut self, batch: Batch) -> Result<(), Error> {
        let mut from = 0;
        for index in 0..batch.events.len() {
            match self.look(&batch, index) {
                None => {}
                Some(Todo::Signal(raw)) => {
                    // The rows of a window that closes come before the event that closes it.
                    if raw.kind == "snapshot-window-close" {
                        self.send_part(&batch, from..index).await;
                        from = index;
                    }
                    if let Some(execute) = self.act(&raw).await? {
                        self.send_part(&batch, from..index + 1).await;
                        from = index + 1;
                        self.block(&execute).await?;
                    }
                }
                Some(Todo::Settle) => {
                    self.send_part(&batch, from..index + 1).await;
                    from = index + 1;
                    self.settle().await?;
                }
            }
        }
        if from == 0 {
            self.send(batch).await;
        } else {
            let rest = from..batch.events.len();
            self.send_part(&batch, rest).await;
        }
        Ok(())
    }

    async fn send_part(&mut self, batch: &Batch, range: std::ops::Range<usize>) {
        let events = batch.events.get(range).unwrap_or_default().to_vec();
        if !events.is_empty() {
            let (bytes, cells) = (batch.bytes.clone(), batch.cells.clone());
            self.send(Batch { bytes, cells, events, decoded: batch.decoded }).await;
        }
    }

    /// Follows an event, and says what it asks for.
    fn look(&mut self, batch: &Batch, index: usize) -> Option<Todo> {
        match batch.events.get(index)? {
            Event::Change(change) if change.op == Op::Read => {
                self.replay = None;
                None
            }
            Event::Change(change) => {
                if !self.is_new(&change.position) {
                    return None;
                }
                self.position = change.position;
                self.change(batch, change).map(Todo::Signal)
            }
            Event::Truncate { position, .. } | Event::Message { position, .. } => {
                if self.is_new(position) {
                    self.position = *position;
                }
                None
            }
            Event::Commit { position, end_lsn } => {
                if !self.replay.as_ref().is_some_and(|replay| replay.is_whole(position)) {
                    self.replay = None;
                }
                self.reach(*end_lsn)
            }
            Event::Idle { lsn, .. } => self.reach(*lsn),
            Event::SnapshotDone(_) => {
                self.replay = None;
                None
            }
            Event::Begin(_) | Event::Origin { .. } => None,
        }
    }

    fn reach(&mut self, lsn: Lsn) -> Option<Todo> {
        self.reached = self.reached.max(lsn);
        self.high.is_some_and(|high| high <= self.reached).then_some(Todo::Settle)
    }

    /// As the encoder does: what was delivered before a restart asks for nothing again.
    fn is_new(&mut self, position: &Position) -> bool {
        if self.replay.as_mut().is_some_and(|replay| replay.is_delivered(position)) {
            return false;
        }
        self.replay = None;
        true
    }

    /// A row streams past: it may be a signal, and takes the place of one that waits in the window.
    fn change(&mut self, batch: &Batch, change: &Change) -> Option<Raw> {
        let relation = &*change.relation;
        if self.settings.signals.table.as_ref().is_some_and(|table| {
            (table.schema.as_str(), table.name.as_str()) == (&relation.schema, &relation.name)
        }) {
            return self.signal(batch, change);
        }
        if !self.state.is_running() || self.is_skipped(change.op) {
            return None;
        }
        let name = format!("{}.{}", relation.schema, relation.name);
        let old = change.old.map(|old| old.tuple);
        for tuple in [old, change.new].into_iter().flatten() {
            self.state.passes(&name, batch.row(tuple), &relation.key);
        }
        None
    }

    fn is_skipped(&self, op: Op) -> bool {
        let skipped = &self.settings.skipped;
        match op {
            Op::Read => false,
            Op::Insert => skipped.create,
            Op::Update => skipped.update,
            Op::Delete => skipped.delete,
        }
    }

    /// A row of the signal table: the first three columns are id, type and data, whatever they are called.
    fn signal(&self, batch: &Batch, change: &Change) -> Option<Raw> {
        let deletes = self.settings.signals.watermarks == Watermarks::InsertDelete;
        let tuple = match change.op {
            Op::Insert => change.new?,
            Op::Delete if deletes => change.old?.tuple,
            _ => return None,
        };
        if change.relation.columns.len() != 3 {
            let columns = change.relation.columns.len();
            tracing::warn!(columns, "the signal table has not three columns: its row is ignored");
            return None;
        }
        let row = batch.row(tuple);
        let text = |index| match row.get(index) {
            pgoutput::Datum::Text(text) => Some(String::from_utf8_lossy(text).into_owned()),
            _ => None,
        };
        let id = text(0);
        if change.op == Op::Delete {
            // The row that opened the window is taken away: that closes it.
            let id = id.map(|id| id.replace("open", "close"));
            return Some(Raw { id, kind: "snapshot-window-close".to_owned(), data: String::new() });
        }
        Some(Raw { id, kind: text(1).unwrap_or_default(), data: text(2).unwrap_or_default() })
    }

    async fn session(&mut self) -> Result<&mut Session, Error> {
        if self.session.is_none() {
            let catalog = source::connect(&self.settings).await?;
            self.session = Some(Session { catalog, relation: None, opened: String::new() });
        }
        self.session
            .as_mut()
            .ok_or_else(|| Error::Setup("no session for incremental snapshots".to_owned()))
    }

    /// The names of the captured tables, in the order of a Java set.
    pub(super) async fn known(&mut self) -> Result<Vec<String>, Error> {
        let settings = Arc::clone(&self.settings);
        let session = self.session().await?;
        let tables = source::captured(&session.catalog, &settings).await?;
        let names = tables.iter().map(|t| (format!("{}.{}", t.schema, t.name), String::new()));
        Ok(hash_order(names.collect()).into_keys().collect())
    }

    /// Reads the next chunk, between its two watermarks.
    pub(super) async fn read_chunk(&mut self) -> Result<(), Error> {
        self.is_dirty = true;
        if self.state.wants_stop() {
            let known = self.known().await?;
            let notes = self.state.stop(&known);
            self.say(notes).await;
        }
        if !self.state.is_running() {
            tracing::info!("no incremental snapshot is running any more");
            self.session = None;
            return Ok(());
        }
        if self.state.is_paused() {
            return Ok(());
        }
        self.state.begin_chunk(Uuid::new_v4().to_string());
        match self.fill_window().await {
            Ok(()) => Ok(()),
            Err(error) if error.is_transient() => Err(error),
            Err(error) => {
                tracing::warn!(%error, "incremental snapshot of a table failed: it is left out, and streaming goes on");
                self.state.clear_window();
                if self.state.is_running() {
                    let notes = self.state.end_table(Scan::SqlException);
                    self.say(notes).await;
                }
                Ok(())
            }
        }
    }

    async fn fill_window(&mut self) -> Result<(), Error> {
        self.open_window().await?;
        while self.state.is_running() {
            match self.read_rows().await {
                Ok(Attempt::Rows) => break,
                Ok(Attempt::NextTable) => {}
                Err(error) if error.is_transient() => return Err(error),
                Err(error) => {
                    tracing::warn!(%error, "incremental snapshot of a table failed: it is left out");
                    let notes = self.state.end_table(Scan::SqlException);
                    self.say(notes).await;
                }
            }
        }
        self.close_window().await
    }

    async fn open_window(&mut self) -> Result<(), Error> {
        let Some(table) = self.signal_table() else { return Ok(()) };
        let id = format!("{}-open", self.state.chunk());
        let session = self.session().await?;
        session.opened = now();
        let data = format!("{{\"openWindowTimestamp\": \"{}\"}}", session.opened);
        chunk::insert_signal(session.catalog.client(), &table, [&id, "snapshot-window-open", &data])
            .await
    }

    async fn close_window(&mut self) -> Result<(), Error> {
        let Some(table) = self.signal_table() else {
            let session = self.session().await?;
            self.high = Some(chunk::log_end(session.catalog.client(), true).await?);
            self.state.set_open(true);
            return Ok(());
        };
        let deletes = self.settings.signals.watermarks == Watermarks::InsertDelete;
        let id = self.state.chunk().to_owned();
        let session = self.session().await?;
        let client = session.catalog.client();
        if deletes {
            return chunk::delete_signal(client, &table, &format!("{id}-open")).await;
        }
        let data = format!(
            "{{\"openWindowTimestamp\": \"{}\", \"closeWindowTimestamp\": \"{}\"}}",
            session.opened,
            now()
        );
        let id = format!("{id}-close");
        chunk::insert_signal(client, &table, [&id, "snapshot-window-close", &data]).await
    }

    /// The table that watermarks are written to; `None` where they are positions in the log.
    fn signal_table(&self) -> Option<String> {
        let signals = &self.settings.signals;
        let table = signals.table.as_ref().filter(|_| !signals.read_only)?;
        Some(chunk::table_name(&table.schema, &table.name))
    }

    async fn end_table(&mut self, scan: Scan) -> Attempt {
        let notes = self.state.end_table(scan);
        self.say(notes).await;
        Attempt::NextTable
    }

    /// Reads rows of the table at the head.
    async fn read_rows(&mut self) -> Result<Attempt, Error> {
        let Some(head) = self.state.head().cloned() else { return Ok(Attempt::NextTable) };
        let Some(relation) = self.describe(&head.name).await? else {
            tracing::warn!(
                table = head.name,
                "no such table is captured: it is left out of the incremental snapshot"
            );
            return Ok(self.end_table(Scan::UnknownSchema).await);
        };
        let order = match &head.surrogate_key {
            None => relation.key.clone(),
            Some(name) => {
                let place = relation.columns.iter().position(|column| column.name == *name);
                let missing = || {
                    Error::Setup(format!("surrogate key {name:?} is no column of {}", head.name))
                };
                vec![place.ok_or_else(missing)?]
            }
        };
        if order.is_empty() {
            tracing::warn!(
                table = head.name,
                "a table without a primary key needs a surrogate-key: it is left out of the incremental snapshot"
            );
            return Ok(self.end_table(Scan::NoPrimaryKey).await);
        }
        self.state.work_on(&relation, order.clone());
        let condition = head.condition.as_deref();
        if !self.state.has_maximum() {
            let query =
                Query { relation: &relation, key: &order, after: None, upto: None, condition };
            let session = self.session().await?;
            match query.last(session.catalog.client()).await? {
                Some(maximum) => self.state.set_maximum(maximum),
                None => return Ok(self.end_table(Scan::Empty).await),
            }
        }
        let read = self.read(&relation, &order, condition).await?;
        if read.rows.is_empty() {
            return Ok(self.end_table(Scan::Succeeded).await);
        }
        let note = self.state.load(read, &relation.key);
        self.say([note]).await;
        Ok(Attempt::Rows)
    }

    async fn read(
        &mut self,
        relation: &Arc<Relation>,
        order: &[usize],
        condition: Option<&str>,
    ) -> Result<Chunk, Error> {
        let (rows, bytes) = (self.settings.signals.chunk_rows, self.settings.queue_bytes);
        let (after, upto) = self.state.bounds();
        let (after, upto) = (after.cloned(), upto.cloned());
        let session = self.session().await?;
        let query =
            Query { relation, key: order, after: after.as_ref(), upto: upto.as_ref(), condition };
        query.read(session.catalog.client(), rows, bytes).await
    }

    /// The table of that name as it is now, if it is captured. The same one as before is the same value.
    async fn describe(&mut self, name: &str) -> Result<Option<Arc<Relation>>, Error> {
        let Some(table) = TableName::parse(name) else { return Ok(None) };
        let settings = Arc::clone(&self.settings);
        let session = self.session().await?;
        let last =
            session.relation.as_ref().filter(|r| r.schema == table.schema && r.name == table.name);
        let oid = match last {
            Some(relation) => Some(relation.oid),
            None => source::captured(&session.catalog, &settings)
                .await?
                .iter()
                .find(|t| t.schema == table.schema && t.name == table.name)
                .map(|table| table.oid),
        };
        let Some(oid) = oid else { return Ok(None) };
        let described = session.catalog.describe_table(oid).await?;
        let same = |now: &Relation| session.relation.as_deref() == Some(now);
        match described {
            None => session.relation = None,
            Some(relation) if same(&relation) => {}
            Some(relation) => session.relation = Some(Arc::new(relation)),
        }
        Ok(session.relation.clone())
    }
}

fn now() -> String {
    instant(super::Clock::now().unix_ns)
}

/// A time, in nanoseconds since the Unix epoch, as `java.time.Instant` prints it.
fn instant(ns: i64) -> String {
    let (days, rest) = (ns.div_euclid(86_400_000_000_000), ns.rem_euclid(86_400_000_000_000));
    let (seconds, nanos) = (rest / 1_000_000_000, rest % 1_000_000_000);
    // Days to a date: the era of 400 years, the day in it, and a year that begins in March.
    let shifted = days + 719_468;
    let (era, day) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let march = (5 * of_year + 2) / 153;
    let (of_month, month) = (of_year - (153 * march + 2) / 5 + 1, (march + 2) % 12 + 1);
    let year = year + era * 400 + i64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{of_month:02}T{:02}:{:02}:{:02}.{nanos:09}Z",
        seconds / 3_600,
        seconds / 60 % 60,
        seconds % 60
    )
}

#[cfg(test)]
mod tests {
    #[test]
    fn time_is_written_as_java_writes_an_instant() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00"),
            (951_782_399, "2000-02-28T23:59:59"),
            (951_782_400, "2000-02-29T00:00:00"),
            (951_868_800, "2000-03-01T00:00:00"),
            (1_704_067_199, "2023-12-31T23:59:59"),
            (1_795_341_449, "2026-11-22T09:57:29"),
        ] {
            let nanos = 311_520_130;
            assert_eq!(
                super::instant(seconds * 1_000_000_000 + nanos),
                format!("{text}.311520130Z")
            );
        }
    }
}
