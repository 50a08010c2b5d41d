//! Chunks of a table: how an incremental snapshot reads it, a bounded run of rows at a time, in the order of a key.
//!
//! Keys are bounds as text: a literal without a type takes that of the column that it is compared with. `NULL`s come
//! last, as the server sorts them.

use std::fmt::Write as _;
use std::pin::pin;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;

use crate::batch::{Cell, Datum, Row, Tuple};
use crate::copy::parse_text_row;
use crate::error::{Error, Result};
use crate::lsn::Lsn;
use crate::relation::Relation;
use crate::sql::Client;
use crate::wire::fault;
use crate::wire::query::{quote_identifier, quote_literal};

/// The values of a key's columns as text; `None` is NULL.
pub type Key = Vec<Option<String>>;

/// Which rows to read.
#[derive(Debug, Clone, Copy)]
pub struct Query<'a> {
    /// The table.
    pub relation: &'a Arc<Relation>,
    /// The columns that order it: indexes in the relation.
    pub key: &'a [usize],
    /// Only rows behind this key.
    pub after: Option<&'a Key>,
    /// Only rows up to this key.
    pub upto: Option<&'a Key>,
    /// A predicate that the user gave.
    pub condition: Option<&'a str>,
}

/// Rows that were read together.
#[derive(Debug, Clone)]
pub struct Chunk {
    /// Their table.
    pub relation: Arc<Relation>,
    /// What the cells index.
    pub bytes: Bytes,
    /// The cells of all rows.
    pub cells: Vec<Cell>,
    /// The rows, in the order of the key.
    pub rows: Vec<Tuple>,
}

impl Chunk {
    /// One of the rows.
    #[must_use]
    pub fn row(&self, tuple: Tuple) -> Row<'_> {
        let first = tuple.first as usize;
        Row::new(&self.bytes, self.cells.get(first..first + tuple.len as usize).unwrap_or_default())
    }

    /// The key of the last row.
    #[must_use]
    pub fn last_key(&self, key: &[usize]) -> Option<Key> {
        Some(key_of(self.row(*self.rows.last()?), key))
    }
}

/// The values of those columns.
#[must_use]
pub fn key_of(row: Row<'_>, key: &[usize]) -> Key {
    let value = |index: &usize| match row.get(*index) {
        Datum::Text(text) => Some(String::from_utf8_lossy(text).into_owned()),
        Datum::Null | Datum::Unchanged | Datum::Binary(_) => None,
    };
    key.iter().map(value).collect()
}

impl Query<'_> {
    fn name(&self) -> String {
        table_name(&self.relation.schema, &self.relation.name)
    }

    fn columns(&self) -> Vec<(String, bool)> {
        let column = |index: &usize| {
            let column = self.relation.columns.get(*index)?;
            Some((quote_identifier(&column.name), column.nullable))
        };
        self.key.iter().filter_map(column).collect()
    }

    fn order(&self, direction: &str) -> String {
        let columns = self.columns();
        columns.iter().map(|(name, _)| format!("{name}{direction}")).collect::<Vec<_>>().join(", ")
    }

    fn filter(&self) -> String {
        let columns = self.columns();
        let mut parts = Vec::new();
        if let Some(after) = self.after {
            parts.push(behind(&columns, after));
        }
        if let Some(upto) = self.upto {
            parts.push(format!("NOT {}", behind(&columns, upto)));
        }
        if let Some(condition) = self.condition.filter(|c| !c.trim().is_empty()) {
            // A line comment at its end must not swallow the bracket.
            parts.push(format!("({condition}\n)"));
        }
        if parts.is_empty() { String::new() } else { format!(" WHERE {}", parts.join(" AND ")) }
    }

    fn chunk_sql(&self, rows: usize) -> String {
        let columns: Vec<String> =
            self.relation.columns.iter().map(|c| quote_identifier(&c.name)).collect();
        let (columns, name) = (columns.join(", "), self.name());
        let (filter, order) = (self.filter(), self.order(""));
        format!(
            "COPY (SELECT {columns} FROM {name}{filter} ORDER BY {order} LIMIT {rows}) TO STDOUT"
        )
    }

    fn last_sql(&self) -> String {
        let (columns, name) = (self.order(""), self.name());
        let (filter, order) = (self.filter(), self.order(" DESC"));
        format!("COPY (SELECT {columns} FROM {name}{filter} ORDER BY {order} LIMIT 1) TO STDOUT")
    }

    /// Reads up to that many rows, and stops behind the row with which that many bytes are reached: so a chunk is
    /// bounded, but for its last row.
    ///
    /// # Errors
    /// The server's, or a row that does not have the relation's columns.
    pub async fn read(&self, client: &Client, rows: usize, bytes: usize) -> Result<Chunk> {
        let (read, cells, tuples) =
            copy(client, &self.chunk_sql(rows), self.relation.columns.len(), bytes, &self.name())
                .await?;
        let relation = Arc::clone(self.relation);
        Ok(Chunk { relation, bytes: read.freeze(), cells, rows: tuples })
    }

    /// The key of the last row; `None` where there is none.
    ///
    /// # Errors
    /// The server's.
    pub async fn last(&self, client: &Client) -> Result<Option<Key>> {
        let columns = self.columns().len();
        let (bytes, cells, tuples) =
            copy(client, &self.last_sql(), columns, usize::MAX, &self.name()).await?;
        let all: Vec<usize> = (0..columns).collect();
        Ok(tuples.first().map(|_| key_of(Row::new(&bytes, &cells), &all)))
    }
}

async fn copy(
    client: &Client,
    sql: &str,
    columns: usize,
    limit: usize,
    name: &str,
) -> Result<(BytesMut, Vec<Cell>, Vec<Tuple>)> {
    let action = format!("read a chunk of table {name}");
    let failed = |e| fault::from_sql(&action, e);
    let (mut bytes, mut cells, mut tuples) = (BytesMut::new(), Vec::new(), Vec::new());
    let mut rows = pin!(client.copy_out(sql).await.map_err(failed)?);
    while let Some(row) = rows.next().await {
        let row = row.map_err(failed)?;
        let start = bytes.len();
        let base = u32::try_from(start)
            .map_err(|_overflow| Error::Protocol(format!("{action}: more than 4 GiB")))?;
        bytes.extend_from_slice(&row);
        let copied = bytes.get_mut(start..).unwrap_or_default();
        tuples.push(parse_text_row(copied, base, &mut cells, columns)?);
        if bytes.len() + cells.len() * size_of::<Cell>() >= limit {
            break;
        }
    }
    Ok((bytes, cells, tuples))
}

/// What is true of the rows behind the key.
fn behind(columns: &[(String, bool)], key: &Key) -> String {
    let literal = |value: &Option<String>| quote_literal(value.as_deref().unwrap_or_default());
    if columns.iter().all(|(_, nullable)| !nullable) {
        let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
        let values: Vec<String> = key.iter().map(literal).collect();
        return match (names.as_slice(), values.as_slice()) {
            ([name], [value]) => format!("({name} > {value})"),
            _ => format!("(ROW({}) > ROW({}))", names.join(", "), values.join(", ")),
        };
    }
    // Equal so far, and behind in this column: for each column.
    let mut equal = String::new();
    let mut cases = Vec::new();
    for ((name, nullable), value) in columns.iter().zip(key) {
        let here = match value {
            None => "false".to_owned(),
            Some(_) if *nullable => format!("({name} > {} OR {name} IS NULL)", literal(value)),
            Some(_) => format!("{name} > {}", literal(value)),
        };
        cases.push(format!("({equal}{here})"));
        let written = match value {
            None => write!(equal, "{name} IS NULL AND "),
            Some(_) => write!(equal, "{name} = {} AND ", literal(value)),
        };
        debug_assert!(written.is_ok(), "a string takes whatever is written to it");
    }
    format!("({})", cases.join(" OR "))
}

/// A table's name as SQL has it.
#[must_use]
pub fn table_name(schema: &str, name: &str) -> String {
    format!("{}.{}", quote_identifier(schema), quote_identifier(name))
}

/// Writes a watermark into the signal table: a row with these three values.
///
/// # Errors
/// The server's.
pub async fn insert_signal(client: &Client, table: &str, values: [&str; 3]) -> Result<()> {
    let [id, kind, data] = values.map(quote_literal);
    let sql = format!("INSERT INTO {table} VALUES ({id}, {kind}, {data})");
    let done = client.batch_execute(&sql).await;
    done.map_err(|e| fault::from_sql("write to the signal table", e))
}

/// Takes a watermark back: deletes the row whose column `id` has that value.
///
/// # Errors
/// The server's, where the table has no such column for one.
pub async fn delete_signal(client: &Client, table: &str, id: &str) -> Result<()> {
    let sql = format!("DELETE FROM {table} WHERE id = {}", quote_literal(id));
    let done = client.batch_execute(&sql).await;
    done.map_err(|e| fault::from_sql("delete from the signal table", e))
}

/// The end of the log: what is committed before the call lies before it. With `touch`, a primary also gets a
/// transaction of its own, so that the stream soon passes that end even where nothing else happens.
///
/// # Errors
/// The server's.
pub async fn log_end(client: &Client, touch: bool) -> Result<Lsn> {
    let action = "read the end of the log";
    let failed = |e| fault::from_sql(action, e);
    let sql = "SELECT (CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() \
               ELSE pg_catalog.pg_current_wal_insert_lsn() END)::text";
    let row = client.query_typed_one(sql, &[]).await.map_err(failed)?;
    let text: &str = row.try_get(0).map_err(failed)?;
    let lsn = text.parse().map_err(|e| Error::Protocol(format!("{action}: {e}")))?;
    if touch {
        let sql = "SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN 0 ELSE pg_catalog.txid_current() END";
        client.batch_execute(sql).await.map_err(failed)?;
    }
    Ok(lsn)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relation::{Column, ReplicaIdentity, Type, TypeKind};

    fn relation(columns: &[(&str, bool)]) -> Arc<Relation> {
        let ty = Arc::new(Type {
            oid: 25,
            schema: "pg_catalog".to_owned(),
            name: "text".to_owned(),
            kind: TypeKind::Base,
        });
        let column = |(name, nullable): &(&str, bool)| Column {
            name: (*name).to_owned(),
            ty: Arc::clone(&ty),
            typmod: -1,
            nullable: *nullable,
            default: None,
            identity: false,
        };
        Arc::new(Relation {
            oid: 1,
            schema: "s".to_owned(),
            name: "t".to_owned(),
            identity: ReplicaIdentity::Default,
            columns: columns.iter().map(column).collect(),
            key: Vec::new(),
        })
    }

    fn key(values: &[Option<&str>]) -> Key {
        values.iter().map(|value| value.map(str::to_owned)).collect()
    }

    #[test]
    fn first_chunk_has_no_bounds_and_later_ones_two() {
        let relation = relation(&[("a", false), ("v", true)]);
        let mut query =
            Query { relation: &relation, key: &[0], after: None, upto: None, condition: None };
        assert_eq!(
            query.chunk_sql(2),
            "COPY (SELECT \"a\", \"v\" FROM \"s\".\"t\" ORDER BY \"a\" LIMIT 2) TO STDOUT"
        );
        let (after, upto) = (key(&[Some("it's")]), key(&[Some("9")]));
        query.after = Some(&after);
        query.upto = Some(&upto);
        query.condition = Some("v = 'x' -- only");
        assert_eq!(
            query.chunk_sql(2),
            "COPY (SELECT \"a\", \"v\" FROM \"s\".\"t\" WHERE (\"a\" > 'it''s') AND NOT (\"a\" > '9') \
             AND (v = 'x' -- only\n) ORDER BY \"a\" LIMIT 2) TO STDOUT"
        );
    }

    #[test]
    fn composite_keys_compare_as_rows_and_nullable_ones_column_by_column() {
        let both = key(&[Some("1"), Some("2")]);
        let columns = |nullable| [("\"a\"".to_owned(), nullable), ("\"b\"".to_owned(), false)];
        assert_eq!(behind(&columns(false), &both), "(ROW(\"a\", \"b\") > ROW('1', '2'))");
        assert_eq!(
            behind(&columns(true), &both),
            "(((\"a\" > '1' OR \"a\" IS NULL)) OR (\"a\" = '1' AND \"b\" > '2'))"
        );
        assert_eq!(
            behind(&columns(true), &key(&[None, Some("2")])),
            "((false) OR (\"a\" IS NULL AND \"b\" > '2'))"
        );
    }

    #[test]
    fn last_key_sorts_every_column_downwards() {
        let relation = relation(&[("a", false), ("b", false)]);
        let query =
            Query { relation: &relation, key: &[1, 0], after: None, upto: None, condition: None };
        assert_eq!(
            query.last_sql(),
            "COPY (SELECT \"b\", \"a\" FROM \"s\".\"t\" ORDER BY \"b\" DESC, \"a\" DESC LIMIT 1) TO STDOUT"
        );
    }
}
