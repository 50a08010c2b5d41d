//! The publication: which tables' changes the server sends.

use tokio_postgres::types::Type;

use crate::error::{Error, Result};
use crate::sql::Client;
use crate::wire::fault;
use crate::wire::query::{quote_identifier, quote_literal};

/// `publication.autocreate.mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Autocreate {
    /// It must exist.
    Disabled,
    /// For all tables, if absent.
    AllTables,
    /// For the captured tables; changed when they change.
    Filtered,
    /// For no table, if absent; somebody else adds them.
    NoTables,
}

/// A table's schema and name.
pub type TableName = (String, String);

/// What we want of the publication.
#[derive(Debug, Clone)]
pub struct Publication {
    /// `publication.name`.
    pub name: String,
    /// `publication.autocreate.mode`.
    pub autocreate: Autocreate,
    /// `publish.via.partition.root`, of a new publication.
    pub via_partition_root: bool,
    /// What it publishes, such as `insert,update`, of a new publication; `None` for the server's default, all.
    pub publish: Option<String>,
}

/// What [`Publication::ensure`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was there and as wanted.
    Kept,
    /// It was made.
    Created,
    /// Its tables were changed.
    Updated,
}

/// The publication as it is.
struct Existing {
    all_tables: bool,
    tables: Vec<TableName>,
}

impl Publication {
    /// Makes the publication, or makes it fit, as the mode asks. `tables` are the captured ones: used by `filtered`
    /// only.
    ///
    /// # Errors
    /// [`Error::Setup`] when the mode does not allow what is needed, or the server's, with what to do.
    pub async fn ensure(&self, client: &Client, tables: &[TableName]) -> Result<Outcome> {
        let existing = self.find(client).await?;
        if self.autocreate == Autocreate::Filtered && tables.is_empty() {
            return Err(Error::Setup(format!(
                "no table matches the filters, so publication {:?} cannot be made; check table.include.list and the \
                 other filters, or set publication.autocreate.mode=all_tables",
                self.name
            )));
        }
        let sql = match existing {
            None => self.create_sql(tables)?,
            Some(Existing { all_tables: true, .. }) if self.autocreate == Autocreate::Filtered => {
                return Err(Error::Setup(format!(
                    "publication {:?} is for all tables, so publication.autocreate.mode=filtered cannot narrow it; set \
                     publication.name to another name, drop it, or set publication.autocreate.mode=all_tables",
                    self.name
                )));
            }
            Some(Existing { tables: current, .. })
                if self.autocreate == Autocreate::Filtered && !same_set(&current, tables) =>
            {
                let sql = self.update_sql(tables);
                self.execute(client, "change", &sql).await?;
                return Ok(Outcome::Updated);
            }
            Some(_) => return Ok(Outcome::Kept),
        };
        self.execute(client, "create", &sql).await?;
        Ok(Outcome::Created)
    }

    /// Whether it is there.
    ///
    /// # Errors
    /// The query's.
    pub async fn exists(&self, client: &Client) -> Result<bool> {
        Ok(self.find(client).await?.is_some())
    }

    async fn find(&self, client: &Client) -> Result<Option<Existing>> {
        let action = format!("look up publication {:?}", self.name);
        let failed = |e| fault::from_sql(&action, e);
        // Tables as they were put in; pg_publication_tables would show partitions, or roots, in their place.
        let sql = "SELECT p.puballtables, n.nspname::text, c.relname::text FROM pg_catalog.pg_publication p \
                   LEFT JOIN pg_catalog.pg_publication_rel r ON r.prpubid = p.oid \
                   LEFT JOIN pg_catalog.pg_class c ON c.oid = r.prrelid \
                   LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE p.pubname = $1";
        let rows = client.query_typed(sql, &[(&self.name, Type::NAME)]).await.map_err(failed)?;
        let Some(first) = rows.first() else { return Ok(None) };
        let mut tables = Vec::new();
        for row in &rows {
            let schema: Option<String> = row.try_get(1).map_err(failed)?;
            let name: Option<String> = row.try_get(2).map_err(failed)?;
            tables.extend(schema.zip(name));
        }
        Ok(Some(Existing { all_tables: first.try_get(0).map_err(failed)?, tables }))
    }

    fn create_sql(&self, tables: &[TableName]) -> Result<String> {
        let name = quote_identifier(&self.name);
        let target = match self.autocreate {
            Autocreate::Disabled => {
                return Err(Error::Setup(format!(
                    "publication {:?} does not exist and publication.autocreate.mode is disabled; create it (CREATE \
                     PUBLICATION {name} FOR TABLE …) and restart the connector",
                    self.name
                )));
            }
            Autocreate::AllTables => " FOR ALL TABLES".to_owned(),
            Autocreate::Filtered => format!(" FOR TABLE {}", list(tables)),
            Autocreate::NoTables => String::new(),
        };
        let mut options = Vec::new();
        if self.via_partition_root {
            options.push("publish_via_partition_root = true".to_owned());
        }
        if let Some(publish) = &self.publish {
            options.push(format!("publish = {}", quote_literal(publish)));
        }
        let with = if options.is_empty() {
            String::new()
        } else {
            format!(" WITH ({})", options.join(", "))
        };
        Ok(format!("CREATE PUBLICATION {name}{target}{with}"))
    }

    /// The tables, and in a second statement what is published: `SET TABLE` takes no options.
    fn update_sql(&self, tables: &[TableName]) -> String {
        let name = quote_identifier(&self.name);
        let publish = self.publish.as_ref().map_or_else(String::new, |publish| {
            format!("; ALTER PUBLICATION {name} SET (publish = {})", quote_literal(publish))
        });
        format!("ALTER PUBLICATION {name} SET TABLE {}{publish}", list(tables))
    }

    async fn execute(&self, client: &Client, verb: &str, sql: &str) -> Result<()> {
        client
            .batch_execute(sql)
            .await
            .map_err(|e| fault::from_sql(&format!("{verb} publication {:?}", self.name), e))
    }
}

fn list(tables: &[TableName]) -> String {
    let quoted: Vec<String> = tables
        .iter()
        .map(|(schema, name)| format!("{}.{}", quote_identifier(schema), quote_identifier(name)))
        .collect();
    quoted.join(", ")
}

fn same_set(a: &[TableName], b: &[TableName]) -> bool {
    let sorted = |tables: &[TableName]| {
        let mut tables = tables.to_vec();
        tables.sort();
        tables.dedup();
        tables
    };
    sorted(a) == sorted(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn publication(autocreate: Autocreate) -> Publication {
        Publication {
            name: "p".to_owned(),
            autocreate,
            via_partition_root: true,
            publish: Some("insert,update".to_owned()),
        }
    }

    fn tables(names: &[&str]) -> Vec<TableName> {
        names.iter().map(|name| ("s".to_owned(), (*name).to_owned())).collect()
    }

    #[test]
    fn each_mode_creates_its_own_kind() {
        let with = "WITH (publish_via_partition_root = true, publish = 'insert,update')";
        for (mode, sql) in [
            (Autocreate::AllTables, format!("CREATE PUBLICATION \"p\" FOR ALL TABLES {with}")),
            (
                Autocreate::Filtered,
                format!("CREATE PUBLICATION \"p\" FOR TABLE \"s\".\"a\", \"s\".\"b\" {with}"),
            ),
            (Autocreate::NoTables, format!("CREATE PUBLICATION \"p\" {with}")),
        ] {
            assert_eq!(publication(mode).create_sql(&tables(&["a", "b"])).unwrap(), sql);
        }
        let error = publication(Autocreate::Disabled).create_sql(&[]).unwrap_err();
        assert!(error.to_string().contains("autocreate"), "{error}");
    }

    #[test]
    fn order_of_tables_is_no_difference() {
        assert!(same_set(&tables(&["a", "b"]), &tables(&["b", "a", "a"])));
        assert!(!same_set(&tables(&["a"]), &tables(&["a", "b"])));
    }
}
