//! A Prometheus that watches a stack's worker, with the repository's configuration and rules.

use std::fs;
use std::process::Command;
use std::time::Duration;

use super::stack::Stack;
use crate::error::{Context, Error, Result};
use crate::package::{self, Need};
use crate::{http, layout, port, process, say, wait};

const CONFIG: &str = "prometheus/prometheus.yml";

/// The targets of the configuration, as the containers know them.
const ITSELF: &str = "localhost:9090";
const WORKER: &str = "kafka-connect:9876";

const READY_LIMIT: Duration = Duration::from_secs(60);

/// Starts one that scrapes the worker at `metrics` (`host:port`) and stops with the stack; where it answers.
pub(crate) fn start(stack: &mut Stack, metrics: &str) -> Result<String> {
    package::require(&[Need::Prometheus])?;
    let address = format!("127.0.0.1:{}", port::choose(Some(9090), &mut Vec::new())?);
    let dir = stack.dir().join("prometheus");
    layout::make(&dir)?;
    let text = fs::read_to_string(layout::root()?.join(CONFIG)).context(CONFIG)?;
    let text = replace(&replace(&text, ITSELF, &address)?, WORKER, metrics)?;
    let config = dir.join("prometheus.yml");
    fs::write(&config, text).context(config.display())?;
    let rules = layout::root()?.join("prometheus/rules.yml");
    fs::copy(&rules, dir.join("rules.yml")).context(rules.display())?;
    let mut command = Command::new("prometheus");
    command.arg("--config.file").arg(&config).arg("--storage.tsdb.path").arg(dir.join("data"));
    command.arg(format!("--web.listen-address={address}")).arg("--log.level=warn");
    let log = dir.join("prometheus.log");
    let running = stack.start_prometheus(&mut command, &log)?;
    wait::until("prometheus", READY_LIMIT, || {
        if !running.alive() {
            let tail = process::log_tail(&log);
            return Err(Error::new(format!("prometheus ended; see {}\n{tail}", log.display())));
        }
        let answer = http::request(&address, "GET", "/-/ready", "");
        Ok(answer.is_ok_and(|answer| answer.status == 200).then_some(()))
    })?;
    say::progress(format!("prometheus on http://{address}"));
    Ok(address)
}

fn replace(text: &str, target: &str, address: &str) -> Result<String> {
    if text.matches(target).count() == 1 {
        return Ok(text.replace(target, address));
    }
    Err(Error::new(format!("{CONFIG}: expected the target {target} once")))
}
