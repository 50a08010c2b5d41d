//! One request to the worker's REST port.

use std::time::Duration;

use ureq::http::{Request, Response};
use ureq::{Agent, Body};

use crate::error::{Context, Result};

const LIMIT: Duration = Duration::from_secs(90);

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// Sends `method path` to `host:port`, with a JSON body or, where it is empty, none.
pub(crate) fn request(address: &str, method: &str, path: &str, body: &str) -> Result<Answer> {
    let url = format!("http://{address}{path}");
    let what = format!("{method} {url}");
    let mut answer = send(method, &url, body).context(&what)?;
    let status = answer.status().as_u16();
    Ok(Answer { status, body: answer.body_mut().read_to_string().context(&what)? })
}

fn send(method: &str, url: &str, body: &str) -> Result<Response<Body>> {
    let config = Agent::config_builder().http_status_as_error(false).timeout_global(Some(LIMIT));
    let agent = config.build().new_agent();
    let mut request =
        Request::builder().method(method).uri(url).header("accept", "application/json");
    if !body.is_empty() {
        request = request.header("content-type", "application/json");
    }
    agent.run(request.body(body).context("request")?).context("send")
}
