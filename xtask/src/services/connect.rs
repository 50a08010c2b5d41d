//! A Kafka Connect worker with Debezium's connector on a stack: what walbridge is compared with.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::time::Duration;

use super::broker;
use super::stack::Stack;
use crate::error::{Context, Error, Result};
use crate::package::{self, Need};
use crate::{http, maven, port, process, say, wait};

const READY_LIMIT: Duration = Duration::from_secs(180);

/// Starts one that stops with the stack; where its REST answers.
pub(crate) fn start(stack: &mut Stack) -> Result<String> {
    package::require(&[Need::Java, Need::Maven])?;
    let (jars, plugins) = (maven::connect()?, maven::debezium()?);
    let rest = format!("127.0.0.1:{}", port::choose(Some(8083), &mut Vec::new())?);
    let file = stack.dir().join("connect.properties");
    let properties = properties(&stack.bootstrap(), &rest, &plugins.to_string_lossy());
    fs::write(&file, properties).context(file.display())?;
    let mut java = broker::java(&jars, "-Xmx1g")?;
    java.arg("org.apache.kafka.connect.cli.ConnectDistributed").arg(file);
    let log = stack.dir().join("connect.log");
    let running = stack.start_worker(&mut java, &log)?;
    wait::until("kafka connect", READY_LIMIT, || {
        if !running.alive() {
            let tail = process::log_tail(&log);
            return Err(Error::new(format!("kafka connect ended; see {}\n{tail}", log.display())));
        }
        let answer = http::request(&rest, "GET", "/connectors", "");
        Ok(answer.is_ok_and(|answer| answer.status == 200).then_some(()))
    })?;
    say::progress(format!("kafka connect on http://{rest}"));
    Ok(rest)
}

/// Turns this process into a worker with the properties of a file, so that signals reach it. Returns if it cannot.
pub(crate) fn become_worker(properties: &Path) -> Result<()> {
    package::require(&[Need::Java, Need::Maven])?;
    let (jars, plugins) = (maven::connect()?, maven::debezium()?);
    let own = fs::read_to_string(properties).context(properties.display())?;
    let file = properties.with_extension("connect");
    // Looking for plugins in every class of every jar takes most of a start.
    let added = format!("plugin.path={}\nplugin.discovery=service_load\n", plugins.display());
    fs::write(&file, own + &added).context(file.display())?;
    let mut java = broker::java(&jars, "-Xmx512m")?;
    let error = java.arg("org.apache.kafka.connect.cli.ConnectDistributed").arg(file).exec();
    Err(error).context("java")
}

fn properties(bootstrap: &str, rest: &str, plugins: &str) -> String {
    let converter = "org.apache.kafka.connect.json.JsonConverter";
    let storage = ["config", "offset", "status"].map(|kind| {
        format!(
            "{kind}.storage.topic=connect-{kind}\n\
             {kind}.storage.replication.factor=1\n"
        )
    });
    format!(
        "bootstrap.servers={bootstrap}\n\
         group.id=connect\n\
         key.converter={converter}\n\
         value.converter={converter}\n\
         {}\
         offset.flush.interval.ms=10000\n\
         listeners=http://{rest}\n\
         plugin.path={plugins}\n",
        storage.concat()
    )
}
