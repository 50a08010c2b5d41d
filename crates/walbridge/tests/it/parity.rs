//! The captured cases of `tests/parity/cases`, record by record, on both ways through the encoder.
//!
//! With `WALBRIDGE_TEST_REST=http://host:port` the cases run against whatever answers there, Kafka Connect with
//! Debezium included. `WALBRIDGE_TEST_CASES` keeps the cases whose name it matches, `WALBRIDGE_TEST_JOBS` is how many run
//! at a time. With `WALBRIDGE_TEST_RECORD=1` what comes is written down as what is expected from now on: only from the
//! real thing, so `cargo xtask parity --record` sets it.

use std::path::{Path, PathBuf};

use fancy_regex::Regex;
use futures_util::{StreamExt, stream};

use crate::http::Rest;
use crate::lab::{self, Lab, Outcome, Sandbox};
use crate::worker::Worker;

mod case;
mod compare;

/// Cases that run at a time, unless told otherwise.
const AT_A_TIME: usize = 4;

fn is_recording() -> bool {
    std::env::var("WALBRIDGE_TEST_RECORD").is_ok_and(|value| value == "1") && is_foreign()
}

/// Whether the worker is somebody else's, with the plugins and properties that it has.
fn is_foreign() -> bool {
    std::env::var_os("WALBRIDGE_TEST_REST").is_some()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_case_agrees_with_its_capture_on_the_general_path() {
    agree("parity-general", "general").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_case_agrees_with_its_capture_on_the_compiled_path() {
    if is_foreign() {
        println!("parity-compiled: did not run, WALBRIDGE_TEST_REST has one path only");
        return;
    }
    agree("parity-compiled", "auto").await;
}

async fn agree(test: &str, path: &str) {
    let Some(lab) = lab::open(test) else { return };
    let ended = Sandbox::with(&lab, path, async |sandbox| {
        let mut worker = Worker::new(sandbox, "parity", &[("walbridge.encoder.path", path)])?;
        let rest = match std::env::var("WALBRIDGE_TEST_REST") {
            Ok(url) => Rest::new(&url),
            Err(_) => {
                worker.start().await?;
                worker.rest.clone()
            }
        };
        run_all(&lab, &rest, path).await
    });
    if let Err(error) = ended.await {
        panic!("{test}: {error}");
    }
}

/// Every failure of every case, or nothing.
async fn run_all(lab: &Lab, rest: &Rest, path: &str) -> Outcome<()> {
    let cases = cases()?;
    let runs = stream::iter(&cases).map(async |dir| {
        let _slot = lab::reserve(1).await;
        let name = dir.file_name().map(|name| name.to_string_lossy().into_owned());
        let name = name.unwrap_or_default();
        let started = std::time::Instant::now();
        let wrong = match case::run(lab, rest, path, dir).await {
            Ok(wrong) => wrong,
            Err(error) => vec![error.to_string()],
        };
        let verdict = if wrong.is_empty() { "ok" } else { "FAILED" };
        println!("{path} {name}: {verdict}, {:.1} s", started.elapsed().as_secs_f64());
        wrong.into_iter().map(|line| format!("{name}: {line}")).collect::<Vec<_>>()
    });
    let asked = std::env::var("WALBRIDGE_TEST_JOBS").ok().and_then(|jobs| jobs.parse().ok());
    let at_a_time = asked.unwrap_or(AT_A_TIME);
    let wrong: Vec<_> = runs.buffer_unordered(at_a_time).collect::<Vec<_>>().await.concat();
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n").into()) }
}

fn cases() -> Outcome<Vec<PathBuf>> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/parity/cases");
    let only = Regex::new(&std::env::var("WALBRIDGE_TEST_CASES").unwrap_or_default())?;
    let mut cases = Vec::new();
    for entry in std::fs::read_dir(&dir)? {
        let entry = entry?;
        if only.is_match(&entry.file_name().to_string_lossy())? {
            cases.push(entry.path());
        }
    }
    cases.sort();
    if cases.is_empty() {
        return Err(format!("no case in {} matches WALBRIDGE_TEST_CASES", dir.display()).into());
    }
    Ok(cases)
}
