//! The console for people at `/ui`: one page, its script and style, the state that they show, and the few actions that
//! they ask for. Everything is in the binary; the page loads nothing from elsewhere.
//!
//! ```text
//!  browser ─GET /ui/state→ Console ─→ Live (shared numbers) · REST (connectors, states) · Postgres (the slot)
//!          ─POST /ui/connectors/NAME/ACTION→ REST, or a signal
//! ```
//!
//! Worker properties: `walbridge.ui` (true) and `walbridge.ui.values` (false: keys are shown, values are not).

mod action;
mod history;
mod server;
mod state;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use connect::connector::BoxFuture;
use connect::extension::{Extension, Page, PageRequest, Rest};
use connect::{Properties, WorkerError};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::live::{Live, Shows};
use history::Histories;
use server::Servers;

const PAGE: &str = include_str!("console/page.html");
const SCRIPT: &str = include_str!("console/app.js");
const STYLE: &str = include_str!("console/style.css");
const ICON: &str = include_str!("console/icon.svg");

/// One sample a second: what the page's lines are made of.
const TICK: Duration = Duration::from_secs(1);

/// Nothing from elsewhere, nothing inline, in nobody's frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What of the console a worker's properties ask for.
pub(crate) fn shows(worker: &Properties) -> Result<Shows, WorkerError> {
    let flag = |key: &str, default: bool| match worker
        .get(key)
        .map(|text| text.trim().to_ascii_lowercase())
    {
        None => Ok(default),
        Some(text) if text.is_empty() => Ok(default),
        Some(text) if text == "true" => Ok(true),
        Some(text) if text == "false" => Ok(false),
        Some(text) => Err(WorkerError::Setting(format!("{key}: {text} is neither true nor false"))),
    };
    Ok(match (flag("walbridge.ui", true)?, flag("walbridge.ui.values", false)?) {
        (false, _) => Shows::Nothing,
        (true, false) => Shows::Keys,
        (true, true) => Shows::Values,
    })
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Console {
    live: Arc<Live>,
    shows: Shows,
    histories: Histories,
    servers: Servers,
}

impl Console {
    pub(crate) fn new(live: Arc<Live>, shows: Shows) -> Arc<Self> {
        let (histories, servers) = (Histories::default(), Servers::default());
        Arc::new(Self { live, shows, histories, servers })
    }

    /// Takes a sample a second until `stop`.
    pub(crate) async fn sample(self: Arc<Self>, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = ticks.tick() => {}
            }
            self.histories.sample(&self.live);
            self.servers.forget_idle();
        }
    }

    async fn respond(&self, request: &PageRequest, rest: &Rest) -> Page {
        let path = request.path();
        if matches!(request.method(), "GET" | "HEAD") {
            return match path {
                "" | "/" => asset(PAGE, "text/html; charset=utf-8"),
                "/app.js" => asset(SCRIPT, "text/javascript; charset=utf-8"),
                "/style.css" => asset(STYLE, "text/css; charset=utf-8"),
                "/icon.svg" => asset(ICON, "image/svg+xml"),
                "/state" => data(200, &self.state(rest, request.query("connector")).await),
                _ => message(404, "there is no such page"),
            };
        }
        let Some((name, what)) = action::target(path) else {
            return message(404, "there is no such page");
        };
        if request.method() != "POST" {
            return message(405, "actions are asked for by POST");
        }
        if !action::is_same_origin(request) {
            return message(403, "actions are taken from this worker's own page only");
        }
        let (status, body) = self.act(name, what, request.body(), rest).await;
        page(status, "application/json", Cow::Owned(body))
    }
}

impl Extension for Console {
    fn segment(&self) -> &'static str {
        "ui"
    }

    fn answer(self: Arc<Self>, request: PageRequest, rest: Rest) -> BoxFuture<Page> {
        Box::pin(async move { self.respond(&request, &rest).await })
    }
}

fn asset(text: &'static str, kind: &'static str) -> Page {
    page(200, kind, Cow::Borrowed(text.as_bytes()))
}

fn data(status: u16, json: &Value) -> Page {
    page(status, "application/json", Cow::Owned(json.to_string().into_bytes()))
}

fn message(status: u16, text: &str) -> Page {
    data(status, &json!({ "message": text }))
}

fn page(status: u16, kind: &'static str, body: Cow<'static, [u8]>) -> Page {
    let headers = vec![
        ("content-type", kind),
        ("cache-control", "no-store"),
        ("content-security-policy", POLICY),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
    ];
    Page { status, headers, body }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_console_weighs_less_than_100_kb_and_loads_nothing_from_elsewhere() {
        let all = [PAGE, SCRIPT, STYLE, ICON];
        assert!(all.iter().map(|text| text.len()).sum::<usize>() < 100_000);
        for text in all {
            let named = text.matches("http://").count() + text.matches("https://").count();
            assert_eq!(named, text.matches("http://www.w3.org/2000/svg").count());
        }
    }

    #[test]
    fn script_makes_no_markup_of_text() {
        for way in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "javascript:",
        ] {
            assert!(!SCRIPT.contains(way), "{way}");
        }
        assert!(
            !PAGE.contains(" style=") && !PAGE.contains(" onclick="),
            "the policy forbids inline ones"
        );
    }

    #[test]
    fn options_are_booleans() {
        let worker = |pairs: &[(&str, &str)]| -> Properties {
            pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
        };
        assert_eq!(shows(&worker(&[])).unwrap(), Shows::Keys);
        assert_eq!(shows(&worker(&[("walbridge.ui", "False")])).unwrap(), Shows::Nothing);
        assert_eq!(shows(&worker(&[("walbridge.ui.values", "true")])).unwrap(), Shows::Values);
        let error = shows(&worker(&[("walbridge.ui", "no")])).unwrap_err().to_string();
        assert!(error.contains("walbridge.ui"), "{error}");
    }
}
