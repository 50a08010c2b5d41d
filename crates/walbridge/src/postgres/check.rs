//! `walbridge check`: whether a connector would run, before it does. Changes nothing anywhere.
//!
//! Facts are gathered here, and judged without I/O in `judge` (Postgres) and `kafka`.

mod judge;
mod kafka;
mod option;

use connect::Properties;
use pgoutput::catalog::Catalog;
use pgoutput::{Error, preflight, slot, sql};

use super::settings::Settings;
use super::task::Scope;
use crate::connector_file::ConnectorFile;
use crate::report::{Finding, Report};
use judge::Facts;

/// What the sessions of a check are called in `pg_stat_activity`.
const CONNECTION: &str = "walbridge check";

/// Runs every check that can be run: without a configuration there is no database to ask, without the database no
/// table, without a worker no broker.
pub(crate) async fn check(file: &ConnectorFile) -> Report {
    let none = Properties::new();
    let scope = Scope {
        connector: file.name.as_deref().unwrap_or_default(),
        task: 0,
        config: &file.config,
        worker: file.worker.as_ref().unwrap_or(&none),
    };
    let mut report =
        Report { connector: file.name.clone(), findings: option::unknown(&file.config) };
    let findings = &mut report.findings;
    let settings = match Settings::parse(&file.config) {
        Ok(settings) => settings,
        Err(problems) => {
            findings.extend(problems.iter().map(|p| Finding::fail("options", p.to_string())));
            return report;
        }
    };
    findings.push(option::records(&settings, &scope, file.worker.is_some()));
    let tables = match gather(&settings).await {
        Ok(facts) => {
            findings.extend(judge::judge(&facts, &settings));
            facts.tables
        }
        Err(error) => {
            findings.push(Finding::fail("connection", error.to_string()));
            Vec::new()
        }
    };
    match &file.worker {
        Some(_) => findings.extend(kafka::check(&scope, &settings, &tables).await),
        None => findings.push(Finding::warn(
            "kafka",
            "not checked: give the worker's properties with --worker FILE, or its CONNECT_* environment",
        )),
    }
    report
}

async fn gather(settings: &Settings) -> Result<Facts, Error> {
    let client = sql::connect(&settings.database, CONNECTION).await?;
    let catalog = Catalog::new(client);
    let captured: Vec<_> = catalog.tables().await?;
    let all: Vec<_> = captured.iter().map(|t| (t.schema.clone(), t.name.clone())).collect();
    let captured = captured.iter().filter(|t| settings.filter.takes(&t.schema, &t.name));
    let oids: Vec<u32> = captured.map(|table| table.oid).collect();
    let client = catalog.into_client();
    let publication = &settings.publication.name;
    let facts = Facts {
        server: preflight::server(&client).await?,
        slot: slot::find(&client, &settings.slot.name).await?,
        publication: preflight::publication(&client, publication).await?,
        tables: preflight::tables(&client, &oids, publication).await?,
        idle_patterns: settings.filter.idle_patterns(&all),
    };
    client.close().await;
    Ok(facts)
}
