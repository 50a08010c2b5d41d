//! `replica.identity.autoset.values`: which REPLICA IDENTITY captured tables get at the start.

use fancy_regex::Regex;
use pgoutput::Error;
use pgoutput::catalog::Table;
use pgoutput::identity::{self, Identity};
use pgoutput::sql::Client;
use sink::java_regex;

use super::settings::Problem;

/// The option's entries: which tables, and what they get.
#[derive(Debug, Default)]
pub(super) struct Identities(Vec<(Regex, Identity)>);

impl Identities {
    /// Reads the option, whose form is checked. One word that is not in capitals makes Debezium leave all tables as
    /// they are, with an error in the log.
    pub(super) fn parse(text: &str) -> Result<Self, Problem> {
        let mut entries = Vec::new();
        for entry in text.split(',') {
            let Some((table, word)) = entry.trim().split_once(':') else { continue };
            let identity = match word {
                "DEFAULT" => Identity::Default,
                "FULL" => Identity::Full,
                "NOTHING" => Identity::Nothing,
                _ => match word.strip_prefix("INDEX ") {
                    Some(index) => Identity::Index(index.to_owned()),
                    None => {
                        tracing::error!(
                            word,
                            "replica.identity.autoset.values: not a replica identity (they are written in capitals); no table is altered"
                        );
                        return Ok(Self::default());
                    }
                },
            };
            let regex = java_regex::whole(table).map_err(|error| Problem {
                option: "replica.identity.autoset.values".to_owned(),
                message: error.to_string(),
            })?;
            entries.push((regex, identity));
        }
        Ok(Self(entries))
    }

    /// Alters the tables whose identity is another.
    pub(super) async fn set(&self, client: &Client, tables: &[Table]) -> Result<(), Error> {
        for table in tables {
            let name = format!("{}.{}", table.schema, table.name);
            let mut wanted =
                self.0.iter().filter(|(regex, _)| regex.is_match(&name).unwrap_or(false));
            let Some((_, identity)) = wanted.next() else { continue };
            if wanted.next().is_some() {
                return Err(Error::Setup(format!(
                    "more than one entry of replica.identity.autoset.values matches table {name}"
                )));
            }
            match identity::set(client, table, identity).await {
                Ok(changed) if changed => {
                    tracing::info!(table = name, ?identity, "replica identity set");
                }
                Ok(_same) => {}
                // Only an owner may; the connector's user often is none.
                Err(error) if error.sqlstate() == Some("42501") => {
                    tracing::error!(table = name, %error, "replica identity not set");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_word_in_small_letters_leaves_all_tables_as_they_are() {
        let set = Identities::parse("public.a:FULL, public.b:INDEX b_alt").unwrap();
        let identities: Vec<_> = set.0.iter().map(|(_, identity)| identity.clone()).collect();
        assert_eq!(identities, [Identity::Full, Identity::Index("b_alt".to_owned())]);
        assert!(Identities::parse("public.a:FULL,public.b:default").unwrap().0.is_empty());
    }
}
