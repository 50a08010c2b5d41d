//! What the catalogs say of tables and types, and a `Relation` message does not: keys, defaults, nullability, names.
//!
//! The catalogs show the present, the log the past. So the message's columns are the columns; the catalogs only add
//! to those of the same name, and a table that is gone is described by its message alone.

mod query;
mod shape;

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::future::try_join;

use crate::error::Result;
use crate::message::RelationMessage;
use crate::relation::{Relation, Type};
use crate::sql::Client;

/// A table that can be captured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its OID.
    pub oid: u32,
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Whether it is the root, or an inner node, of a partitioned table.
    pub partitioned: bool,
    /// Whether it is a partition of another table.
    pub is_partition: bool,
    /// The planner's estimate of its rows; -1 before the first ANALYZE.
    pub estimated_rows: i64,
}

/// Reads the catalogs over one session.
#[derive(Debug)]
pub struct Catalog {
    client: Client,
    types: HashMap<u32, Arc<Type>>,
}

impl Catalog {
    /// A catalog that has read nothing yet.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client, types: HashMap::new() }
    }

    /// The session, for other queries between.
    #[must_use]
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// The session back.
    #[must_use]
    pub fn into_client(self) -> Client {
        self.client
    }

    /// All tables that can be captured, by schema and name: ordinary and partitioned ones. Not views, not the
    /// system's, not temporary ones, not `spatial_ref_sys` of PostGIS.
    ///
    /// # Errors
    /// The query's.
    pub async fn tables(&self) -> Result<Vec<Table>> {
        query::tables(&self.client).await
    }

    /// The table as it is now, with all its columns: what a snapshot reads. `None` if there is no such table.
    ///
    /// # Errors
    /// The queries'.
    pub async fn describe_table(&mut self, oid: u32) -> Result<Option<Relation>> {
        let Some(table) = query::table(&self.client, oid).await? else { return Ok(None) };
        let wanted: Vec<u32> = table.columns.iter().map(|column| column.type_oid).collect();
        self.load_types(&wanted).await?;
        Ok(Some(shape::of_table(oid, &table, |oid| self.known_type(oid))))
    }

    /// Reads the user's enums, domains and ranges, and the arrays of these, as they are now.
    ///
    /// A type is read once and then stays what it was: Debezium reads all types when it starts, and labels that are
    /// added to an enum later do not show in schemas until it starts again. Call this first to have the same.
    ///
    /// # Errors
    /// The queries'.
    pub async fn load_user_types(&mut self) -> Result<()> {
        let wanted = query::user_types(&self.client).await?;
        self.load_types(&wanted).await
    }

    /// The table as the message shows it, completed from the catalogs.
    ///
    /// # Errors
    /// The queries'.
    pub async fn describe(&mut self, message: &RelationMessage) -> Result<Relation> {
        let wanted: Vec<u32> = message.columns.iter().map(|column| column.type_oid).collect();
        let missing = self.missing(&wanted);
        let table = query::table(&self.client, message.oid);
        // Both queries are on their way at once.
        let (table, rows) = try_join(table, query::types(&self.client, &missing)).await?;
        self.remember(&rows);
        Ok(shape::of_message(message, table.as_ref(), |oid| self.known_type(oid)))
    }

    /// The type; `None` if there is none of this OID.
    ///
    /// # Errors
    /// The query's.
    pub async fn type_by_oid(&mut self, oid: u32) -> Result<Option<Arc<Type>>> {
        self.load_types(&[oid]).await?;
        Ok(self.types.get(&oid).cloned())
    }

    async fn load_types(&mut self, wanted: &[u32]) -> Result<()> {
        let missing = self.missing(wanted);
        let rows = query::types(&self.client, &missing).await?;
        self.remember(&rows);
        Ok(())
    }

    /// Those never seen.
    fn missing(&self, wanted: &[u32]) -> Vec<u32> {
        let mut missing: Vec<u32> =
            wanted.iter().copied().filter(|oid| !self.types.contains_key(oid)).collect();
        missing.sort_unstable();
        missing.dedup();
        missing
    }

    fn remember(&mut self, rows: &[query::TypeRow]) {
        for ty in shape::types(rows) {
            // What came along with another type may be known already, and stays as it was.
            self.types.entry(ty.oid).or_insert(ty);
        }
    }

    fn known_type(&self, oid: u32) -> Arc<Type> {
        self.types.get(&oid).cloned().unwrap_or_else(|| shape::unknown_type(oid))
    }
}
