//! The queries, each one round trip.

use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, Type as SqlType};

use super::Table;
use crate::error::{Error, Result};
use crate::sql::Client;
use crate::wire::fault;

/// A column as the catalogs have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ColumnRow {
    pub(super) name: String,
    pub(super) type_oid: u32,
    pub(super) typmod: i32,
    /// Declared NOT NULL, or of a domain that is.
    pub(super) not_null: bool,
    pub(super) default: Option<String>,
    /// Part of the primary key (identity default) or of the replica identity's index.
    pub(super) identity: bool,
}

/// A table as the catalogs have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TableRow {
    pub(super) schema: String,
    pub(super) name: String,
    /// `pg_class.relreplident`.
    pub(super) identity: u8,
    pub(super) columns: Vec<ColumnRow>,
    /// Names of the key's columns, in key order.
    pub(super) key: Vec<String>,
}

/// A type as the catalogs have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TypeRow {
    pub(super) oid: u32,
    pub(super) schema: String,
    pub(super) name: String,
    /// `pg_type.typtype`; `a` for an array type.
    pub(super) kind: u8,
    /// Element, base or subtype; 0 for none.
    pub(super) of: u32,
    /// `typtypmod`.
    pub(super) typmod: i32,
    pub(super) not_null: bool,
    pub(super) labels: Vec<String>,
}

fn get<'a, T: FromSql<'a>>(action: &str, row: &'a Row, index: usize) -> Result<T> {
    row.try_get(index).map_err(|e| fault::from_sql(action, e))
}

/// The one byte of a `"char"` column, read as text.
fn letter(text: &str) -> u8 {
    text.bytes().next().unwrap_or_default()
}

pub(super) async fn tables(client: &Client) -> Result<Vec<Table>> {
    let action = "list tables";
    let sql = "SELECT c.oid, n.nspname::text, c.relname::text, c.relkind = 'p', c.relispartition, \
               c.reltuples::float8::int8 \
               FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
               WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' \
               AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') \
               AND n.nspname !~ '^pg_(temp|toast_temp)_' AND c.relname <> 'spatial_ref_sys' \
               ORDER BY n.nspname, c.relname";
    let rows = client.query_typed(sql, &[]).await.map_err(|e| fault::from_sql(action, e))?;
    rows.iter()
        .map(|row| {
            Ok(Table {
                oid: get(action, row, 0)?,
                schema: get(action, row, 1)?,
                name: get(action, row, 2)?,
                partitioned: get(action, row, 3)?,
                is_partition: get(action, row, 4)?,
                estimated_rows: get(action, row, 5)?,
            })
        })
        .collect()
}

/// One row a column; one with no column for a table without any. The key is the same in each row.
///
/// The key: the primary key, else of the unique indexes without expressions the first as JDBC sorts them (a
/// clustered one, then hash, then by name). INCLUDE columns are no part of it. `indisready` and the like are not
/// asked for, as JDBC does not.
const TABLE: &str = "\
    SELECT n.nspname::text, c.relname::text, c.relreplident::text, \
      a.attname::text, a.atttypid, a.atttypmod, \
      a.attnotnull OR (t.typtype = 'd' AND t.typnotnull), pg_catalog.pg_get_expr(d.adbin, d.adrelid), \
      coalesce(a.attnum = ANY (i.keys), false), \
      coalesce((SELECT pg_catalog.array_agg(ka.attname::text ORDER BY k.ord) \
        FROM pg_catalog.unnest(key.keys) WITH ORDINALITY AS k(num, ord) \
        JOIN pg_catalog.pg_attribute ka ON ka.attrelid = c.oid AND ka.attnum = k.num), '{}'::text[]) \
    FROM pg_catalog.pg_class c \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
    LEFT JOIN pg_catalog.pg_type t ON t.oid = a.atttypid \
    LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum \
    LEFT JOIN LATERAL (SELECT (x.indkey::int2[])[0:x.indnkeyatts - 1] AS keys \
      FROM pg_catalog.pg_index x WHERE x.indrelid = c.oid AND x.indisvalid \
      AND CASE c.relreplident WHEN 'i' THEN x.indisreplident WHEN 'd' THEN x.indisprimary ELSE false END \
      LIMIT 1) i ON true \
    LEFT JOIN LATERAL (SELECT (x.indkey::int2[])[0:x.indnkeyatts - 1] AS keys \
      FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class xc ON xc.oid = x.indexrelid \
      JOIN pg_catalog.pg_am am ON am.oid = xc.relam \
      WHERE x.indrelid = c.oid AND x.indisunique AND x.indexprs IS NULL \
      ORDER BY NOT x.indisprimary, NOT x.indisclustered, am.amname <> 'hash', xc.relname \
      LIMIT 1) key ON true \
    WHERE c.oid = $1 ORDER BY a.attnum";

pub(super) async fn table(client: &Client, oid: u32) -> Result<Option<TableRow>> {
    let action = "describe table";
    let rows = client
        .query_typed(TABLE, &[(&oid, SqlType::OID)])
        .await
        .map_err(|e| fault::from_sql(action, e))?;
    let Some(first) = rows.first() else { return Ok(None) };
    let mut columns = Vec::with_capacity(rows.len());
    for row in &rows {
        let Some(name) = get::<Option<String>>(action, row, 3)? else { continue };
        columns.push(ColumnRow {
            name,
            type_oid: get(action, row, 4)?,
            typmod: get(action, row, 5)?,
            not_null: get(action, row, 6)?,
            default: get(action, row, 7)?,
            identity: get(action, row, 8)?,
        });
    }
    Ok(Some(TableRow {
        schema: get(action, first, 0)?,
        name: get(action, first, 1)?,
        identity: letter(get(action, first, 2)?),
        columns,
        key: get(action, first, 9)?,
    }))
}

/// The user's enums, domains and ranges, and the arrays of these. 16384 is the first OID that is not the server's own.
pub(super) async fn user_types(client: &Client) -> Result<Vec<u32>> {
    let action = "list types";
    let sql = "SELECT t.oid FROM pg_catalog.pg_type t LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem \
               WHERE t.oid >= 16384 AND (t.typtype IN ('e', 'd', 'r') OR e.typtype IN ('e', 'd', 'r'))";
    let rows = client.query_typed(sql, &[]).await.map_err(|e| fault::from_sql(action, e))?;
    rows.iter().map(|row| get(action, row, 0)).collect()
}

/// The types asked for and those that they are made of.
const TYPES: &str = "\
    WITH RECURSIVE edge AS ( \
      SELECT t.oid, CASE WHEN t.typtype = 'd' THEN t.typbasetype \
        WHEN t.typtype = 'r' THEN (SELECT r.rngsubtype FROM pg_catalog.pg_range r WHERE r.rngtypid = t.oid) \
        WHEN t.typcategory = 'A' THEN t.typelem ELSE 0 END AS of \
      FROM pg_catalog.pg_type t), \
    needed(oid) AS ( \
      SELECT pg_catalog.unnest($1::oid[]) \
      UNION SELECT e.of FROM needed n JOIN edge e ON e.oid = n.oid WHERE e.of <> 0) \
    SELECT t.oid, s.nspname::text, t.typname::text, \
      CASE WHEN t.typtype = 'b' AND t.typcategory = 'A' AND t.typelem <> 0 THEN 'a' ELSE t.typtype::text END, \
      coalesce(e.of, 0::oid), t.typtypmod, t.typnotnull, \
      coalesce((SELECT pg_catalog.array_agg(l.enumlabel::text ORDER BY l.enumsortorder) \
        FROM pg_catalog.pg_enum l WHERE l.enumtypid = t.oid), '{}'::text[]) \
    FROM needed n JOIN pg_catalog.pg_type t ON t.oid = n.oid JOIN edge e ON e.oid = t.oid \
    JOIN pg_catalog.pg_namespace s ON s.oid = t.typnamespace";

pub(super) async fn types(client: &Client, oids: &[u32]) -> Result<Vec<TypeRow>> {
    if oids.is_empty() {
        return Ok(Vec::new());
    }
    let action = "describe types";
    let rows = client
        .query_typed(TYPES, &[(&oids, SqlType::OID_ARRAY)])
        .await
        .map_err(|e| fault::from_sql(action, e))?;
    rows.iter()
        .map(|row| {
            Ok(TypeRow {
                oid: get(action, row, 0)?,
                schema: get(action, row, 1)?,
                name: get(action, row, 2)?,
                kind: letter(get(action, row, 3)?),
                of: get(action, row, 4)?,
                typmod: get(action, row, 5)?,
                not_null: get(action, row, 6)?,
                labels: get(action, row, 7)?,
            })
        })
        .collect::<Result<_, Error>>()
}
