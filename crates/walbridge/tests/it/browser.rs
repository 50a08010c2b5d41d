//! A headless Chromium, driven over its debugging pipe: messages of JSON, each ended by a zero byte.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};

use crate::lab::{Outcome, deadline};

/// No answer of a local browser takes longer, on a machine that is busy.
const ANSWER_MAX: Duration = Duration::from_secs(60);

/// One page of a browser of its own.
pub(crate) struct Browser {
    child: Child,
    dir: PathBuf,
    to: pipe::Sender,
    from: BufReader<pipe::Receiver>,
    last: u64,
    session: Option<String>,
    /// Exceptions and refused loads: a page has none.
    pub(crate) complaints: Vec<String>,
}

/// `WALBRIDGE_CHROMIUM`, or `chromium` on the path; `None` without.
fn program() -> Option<PathBuf> {
    if let Some(given) = std::env::var_os("WALBRIDGE_CHROMIUM") {
        return Some(given.into());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join("chromium")).find(|file| file.is_file())
}

impl Browser {
    /// `None`, said aloud, where there is no browser.
    pub(crate) async fn open(test: &str) -> Outcome<Option<Self>> {
        let Some(program) = program() else {
            let required =
                std::env::var_os("REQUIRE_CHROMIUM").is_some_and(|value| !value.is_empty());
            if required {
                return Err("REQUIRE_CHROMIUM is set, and there is no chromium".into());
            }
            println!(
                "{test}: did not run, there is no chromium on the path and none in WALBRIDGE_CHROMIUM"
            );
            return Ok(None);
        };
        let dir = std::env::temp_dir()
            .join(format!("walbridge-it-chromium-{}-{test}", std::process::id()));
        std::fs::create_dir_all(&dir)?;
        let (to, from) = (dir.join("to"), dir.join("from"));
        let made = Command::new("mkfifo").args([&to, &from]).status().await?;
        if !made.success() {
            return Err("mkfifo failed".into());
        }
        // Both ways at once: a pipe that nobody reads yet cannot be opened for writing alone.
        let sender = pipe::OpenOptions::new().read_write(true).open_sender(&to)?;
        let receiver = pipe::OpenOptions::new().open_receiver(&from)?;
        let mut command = Command::new("sh");
        command.args(["-c", "to=$1 from=$2; shift 2; exec \"$0\" \"$@\" 3<\"$to\" 4>\"$from\""]);
        command.arg(program).args([&to, &from]);
        command.args([
            "--headless=new",
            "--remote-debugging-pipe",
            // The page is ours, and containers forbid what the sandbox needs.
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--hide-scrollbars",
            "--force-device-scale-factor=1",
        ]);
        command.arg(format!("--user-data-dir={}", dir.join("profile").display()));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        let mut browser = Self {
            child: command.spawn()?,
            dir,
            to: sender,
            from: BufReader::new(receiver),
            last: 0,
            session: None,
            complaints: Vec::new(),
        };
        browser.attach().await?;
        Ok(Some(browser))
    }

    async fn attach(&mut self) -> Outcome<()> {
        let target = self.call("Target.createTarget", json!({"url": "about:blank"})).await?;
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let attached = self.call("Target.attachToTarget", attach).await?;
        self.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page.enable", "Runtime.enable", "Log.enable"] {
            self.call(domain, json!({})).await?;
        }
        Ok(())
    }

    /// One command and its answer; events on the way are looked through for complaints.
    pub(crate) async fn call(&mut self, method: &str, parameters: Value) -> Outcome<Value> {
        self.last += 1;
        let mut message = json!({"id": self.last, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.to.write_all(&bytes).await?;
        let answer = tokio::time::timeout(ANSWER_MAX, self.answer(self.last)).await;
        answer
            .map_err(|_late| format!("{method}: no answer"))?
            .map_err(|e| format!("{method}: {e}").into())
    }

    async fn answer(&mut self, id: u64) -> Outcome<Value> {
        loop {
            let mut bytes = Vec::new();
            self.from.read_until(0, &mut bytes).await?;
            if bytes.pop() != Some(0) {
                return Err("the browser has ended".into());
            }
            let message: Value = serde_json::from_slice(&bytes)?;
            if message["id"] == id {
                if message["error"].is_object() {
                    return Err(message["error"].to_string().into());
                }
                return Ok(message["result"].clone());
            }
            match message["method"].as_str() {
                Some("Runtime.exceptionThrown" | "Page.javascriptDialogOpening") => {
                    self.complaints.push(message["params"].to_string());
                }
                Some("Log.entryAdded") if message["params"]["entry"]["level"] == "error" => {
                    self.complaints.push(message["params"]["entry"].to_string());
                }
                _ => {}
            }
        }
    }

    pub(crate) async fn go(&mut self, url: &str) -> Outcome<()> {
        self.call("Page.navigate", json!({"url": url})).await.map(drop)
    }

    /// The value of an expression on the page.
    pub(crate) async fn ask(&mut self, expression: &str) -> Outcome<Value> {
        let parameters =
            json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let answer = self.call("Runtime.evaluate", parameters).await?;
        if answer["exceptionDetails"].is_object() {
            return Err(format!("{expression}: {}", answer["exceptionDetails"]).into());
        }
        Ok(answer["result"]["value"].clone())
    }

    /// Waits until an expression is true on the page.
    pub(crate) async fn until(&mut self, what: &str, expression: &str) -> Outcome<()> {
        let this = tokio::sync::Mutex::new(self);
        deadline(what, ANSWER_MAX, async || {
            let mut browser = this.lock().await;
            match browser.ask(expression).await {
                Ok(Value::Bool(true)) => Ok(()),
                other => Err(format!("{expression}: {other:?}")),
            }
        })
        .await
    }

    /// A key, as if typed.
    pub(crate) async fn press(&mut self, key: &str, code: i64, text: &str) -> Outcome<()> {
        for kind in ["keyDown", "keyUp"] {
            let mut event = json!({"type": kind, "key": key, "windowsVirtualKeyCode": code});
            if kind == "keyDown" && !text.is_empty() {
                event["text"] = json!(text);
            }
            self.call("Input.dispatchKeyEvent", event).await?;
        }
        Ok(())
    }

    /// What the system would like: `dark` or `light`.
    pub(crate) async fn scheme(&mut self, scheme: &str) -> Outcome<()> {
        let feature = json!({"name": "prefers-color-scheme", "value": scheme});
        self.call("Emulation.setEmulatedMedia", json!({"features": [feature]})).await.map(drop)
    }

    pub(crate) async fn size(&mut self, width: u32, height: u32) -> Outcome<()> {
        let size =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", size).await.map(drop)
    }

    /// A picture of what is seen, as PNG.
    pub(crate) async fn picture(&mut self, file: &Path) -> Outcome<()> {
        let taken = self.call("Page.captureScreenshot", json!({"format": "png"})).await?;
        let data = taken["data"].as_str().ok_or("no picture")?;
        std::fs::write(file, base64::engine::general_purpose::STANDARD.decode(data)?)?;
        Ok(())
    }

    /// Ends the browser; its complaints are an error.
    pub(crate) async fn close(mut self) -> Outcome<()> {
        self.child.kill().await?;
        drop(std::fs::remove_dir_all(&self.dir));
        if self.complaints.is_empty() {
            return Ok(());
        }
        Err(format!("the page complains: {}", self.complaints.join("\n")).into())
    }
}
