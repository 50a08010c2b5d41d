//! Services of a test's own, which it may stop, break and configure: `$WALBRIDGE_XTASK services`.

use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::process::Command;

use crate::lab::{Lab, Outcome, Server};

/// A private stack; [`Stack::close`] deletes it.
#[derive(Debug)]
pub(crate) struct Stack {
    xtask: String,
    name: String,
    pub(crate) lab: Lab,
    pub(crate) brokers: Vec<u64>,
}

impl Stack {
    /// Runs a body over a stack and deletes it behind it. `None`, said aloud, when there is no xtask to raise one.
    pub(crate) async fn with(
        name: &str,
        options: &[&str],
        body: impl AsyncFnOnce(&Self) -> Outcome<()>,
    ) -> Outcome<()> {
        use futures_util::FutureExt;
        use std::panic::{AssertUnwindSafe, resume_unwind};

        let Ok(xtask) = std::env::var("WALBRIDGE_XTASK") else {
            let required = ["REQUIRE_KAFKA", "REQUIRE_POSTGRES"]
                .into_iter()
                .find(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()));
            if let Some(required) = required {
                return Err(format!("{required} is set, WALBRIDGE_XTASK is not").into());
            }
            println!("{name}: did not run, WALBRIDGE_XTASK names nothing that raises services");
            return Ok(());
        };
        let name = format!("it-{name}-{}", std::process::id());
        let up = [&["services", "up", "--name", name.as_str()], options].concat();
        let told = run(&xtask, &up).await;
        let stack = told.and_then(|line| Self::parse(&xtask, &name, &line));
        let ended = match &stack {
            Ok(stack) => AssertUnwindSafe(body(stack)).catch_unwind().await,
            Err(error) => Ok(Err(format!("services up: {error}").into())),
        };
        let down = run(&xtask, &["services", "down", "--name", &name, "--delete"]).await;
        ended.unwrap_or_else(|panic| resume_unwind(panic))?;
        down.map(|_| ())
    }

    fn parse(xtask: &str, name: &str, output: &str) -> Outcome<Self> {
        let line = output.lines().rev().find(|line| line.starts_with('{'));
        let told: Value = serde_json::from_str(line.ok_or("no line of JSON")?)?;
        let text = |value: &Value| value.as_str().map(str::to_owned).ok_or("no text where due");
        let postgres = Server {
            host: text(&told["postgres"]["host"])?,
            port: u16::try_from(told["postgres"]["port"].as_u64().ok_or("no port")?)?,
            user: text(&told["postgres"]["user"])?,
        };
        let brokers = told["brokers"].as_array().map_or(&[][..], Vec::as_slice);
        Ok(Self {
            xtask: xtask.to_owned(),
            name: name.to_owned(),
            lab: Lab { bootstrap: text(&told["bootstrap"])?, postgres },
            brokers: brokers.iter().filter_map(|broker| broker["id"].as_u64()).collect(),
        })
    }

    /// `stop`, `start` or `restart`; the mode is `fast` or `immediate`.
    pub(crate) async fn postgres(&self, action: &str, mode: &str) -> Outcome<()> {
        let arguments = ["services", "postgres", action, "--name", &self.name, "--mode", mode];
        run(&self.xtask, &arguments).await.map(|_| ())
    }

    /// `kill` or `start`.
    pub(crate) async fn broker(&self, action: &str, id: u64) -> Outcome<()> {
        let id = id.to_string();
        let arguments = ["services", "broker", action, "--name", &self.name, "--id", &id];
        run(&self.xtask, &arguments).await.map(|_| ())
    }
}

/// Standard output of a run that succeeded.
async fn run(xtask: &str, arguments: &[&str]) -> Outcome<String> {
    let child = Command::new(xtask)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .output();
    let output = tokio::time::timeout(Duration::from_secs(300), child).await??;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("xtask {}: {}: {said}", arguments.join(" "), output.status).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}
