//! A REST client of one address: each request on a connection of its own, so that a killed worker leaves nothing behind.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::{CONTENT_TYPE, HOST};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::lab::{Outcome, deadline};

/// No answer of a worker takes longer; Connect itself gives up after 90 s.
const ANSWER_MAX: Duration = Duration::from_secs(95);

/// Where a worker answers: `host:port`.
#[derive(Debug, Clone)]
pub(crate) struct Rest {
    authority: String,
}

/// An answer, its body as written.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Reply {
    /// The body as JSON; `null` when it is empty or not JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }

    /// The answer, or an error that shows it, when it is not a success.
    pub(crate) fn success(self, what: &str) -> Outcome<Self> {
        if self.status < 400 {
            Ok(self)
        } else {
            Err(format!("{what}: answered {} {}", self.status, self.body).into())
        }
    }
}

impl Rest {
    pub(crate) fn new(url: &str) -> Self {
        let authority = url.trim_start_matches("http://").trim_end_matches('/');
        Self { authority: authority.to_owned() }
    }

    /// `host:port`.
    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    pub(crate) async fn get(&self, path: &str) -> Outcome<Reply> {
        self.send("GET", path, None).await
    }

    pub(crate) async fn put(&self, path: &str, body: Option<&Value>) -> Outcome<Reply> {
        self.send("PUT", path, body).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Outcome<Reply> {
        self.send("DELETE", path, None).await
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Outcome<Reply> {
        let answer = tokio::time::timeout(ANSWER_MAX, self.exchange(method, path, body)).await;
        answer.map_err(|late| format!("{method} {path}: {late}"))?
    }

    async fn exchange(&self, method: &str, path: &str, body: Option<&Value>) -> Outcome<Reply> {
        let stream = TcpStream::connect(&self.authority).await?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let driver = tokio::spawn(connection);
        let body = body.map(ToString::to_string).unwrap_or_default();
        let request = hyper::Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, &self.authority)
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)))?;
        let response = sender.send_request(request).await?;
        let status = response.status().as_u16();
        let bytes = response.into_body().collect().await?.to_bytes();
        driver.abort();
        Ok(Reply { status, body: String::from_utf8(bytes.to_vec())? })
    }

    /// Repeats a command while the worker answers 409, as it does while it reads its own writes.
    pub(crate) async fn command(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Outcome<Reply> {
        let mut reply = self.send(method, path, body).await?;
        for _ in 0..50 {
            if reply.status != 409 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
            reply = self.send(method, path, body).await?;
        }
        Ok(reply)
    }

    /// The status of a connector; `None` when there is no such connector or no worker yet.
    pub(crate) async fn status(&self, connector: &str) -> Option<Value> {
        let reply = self.get(&format!("/connectors/{connector}/status")).await.ok()?;
        (reply.status == 200).then(|| reply.json())
    }

    /// Waits until the connector and all of its tasks (one at least, unless it is stopped) are in a state.
    pub(crate) async fn wait_state(&self, connector: &str, state: &str) -> Outcome<()> {
        deadline(&format!("{connector} {state}"), Duration::from_secs(60), async || {
            let status = self.status(connector).await;
            let reached = status.as_ref().is_some_and(|status| {
                let tasks = status["tasks"].as_array().map_or(&[][..], Vec::as_slice);
                status["connector"]["state"] == state
                    && tasks.iter().all(|task| task["state"] == state)
                    && (state == "STOPPED" || !tasks.is_empty())
            });
            if reached { Ok(()) } else { Err(format!("status {status:?}")) }
        })
        .await
    }
}

/// What a status says went wrong, connector and tasks together.
pub(crate) fn traces(status: &Value) -> String {
    let tasks = status["tasks"].as_array().map_or(&[][..], Vec::as_slice);
    std::iter::once(&status["connector"])
        .chain(tasks)
        .filter_map(|part| part["trace"].as_str())
        .collect::<Vec<_>>()
        .join("\n")
}
