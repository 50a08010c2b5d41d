//! [`Extension`]: pages beside Connect's resources, on the same port. The worker passes requests on and does not know
//! what they are about.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::response::Response;

use crate::connector::BoxFuture;
use crate::rest::{Door, route};

/// Answers everything below one path of its own.
pub trait Extension: Send + Sync + fmt::Debug {
    /// The first segment of its paths: `ui` for `/ui` and all below. None of Connect's resources has it.
    fn segment(&self) -> &'static str;
    /// Answers one request. `rest` is the worker's REST interface.
    fn answer(self: Arc<Self>, request: PageRequest, rest: Rest) -> BoxFuture<Page>;
}

/// The extension that a path belongs to, with what of the path is below its segment.
pub(crate) fn of<'a>(
    extension: Option<&Arc<dyn Extension>>,
    path: &'a str,
) -> Option<(Arc<dyn Extension>, &'a str)> {
    let extension = extension?;
    let below = path.strip_prefix('/')?.strip_prefix(extension.segment())?;
    (below.is_empty() || below.starts_with('/')).then(|| (Arc::clone(extension), below))
}

/// A request for an extension.
#[derive(Debug)]
pub struct PageRequest {
    method: Method,
    path: String,
    query: Vec<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
}

impl PageRequest {
    /// `path` is what stands below the extension's segment.
    pub(crate) fn new(parts: Parts, path: String, body: Bytes) -> Self {
        let Parts { method, uri, headers, .. } = parts;
        let query = route::query(uri.query().unwrap_or_default());
        Self { method, path, query, headers, body }
    }

    /// `GET`, `POST` and so on.
    #[must_use]
    pub fn method(&self) -> &str {
        self.method.as_str()
    }

    /// The path below the extension's segment, as it came: empty, or with a leading slash; escapes unresolved.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The last value of a query parameter, decoded.
    #[must_use]
    pub fn query(&self, key: &str) -> Option<&str> {
        self.query.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// A header's text; `None` if it is absent or no text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }
}

/// An extension's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The HTTP status.
    pub status: u16,
    /// Header lines: names in lower case.
    pub headers: Vec<(&'static str, &'static str)>,
    /// The body.
    pub body: Cow<'static, [u8]>,
}

impl Page {
    pub(crate) fn into_response(self) -> Response {
        let body = match self.body {
            Cow::Borrowed(bytes) => Body::from(Bytes::from_static(bytes)),
            Cow::Owned(bytes) => Body::from(bytes),
        };
        let mut response = Response::new(body);
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        for (name, value) in self.headers {
            let name = HeaderName::from_static(name);
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

/// What REST answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestReply {
    /// The HTTP status.
    pub status: u16,
    /// The body, mostly JSON.
    pub body: Vec<u8>,
}

/// The worker's REST interface, asked from within.
#[derive(Debug, Clone)]
pub struct Rest {
    door: Arc<Door>,
}

impl Rest {
    pub(crate) fn new(door: Arc<Door>) -> Self {
        Self { door }
    }

    /// Answers as the port does. `target` is a path with its query, as it would stand in the request line.
    pub async fn ask(&self, method: &str, target: &str, body: Vec<u8>) -> RestReply {
        let Ok(method) = Method::from_bytes(method.as_bytes()) else {
            return RestReply { status: 405, body: Vec::new() };
        };
        let (status, body) = self.door.ask(method, target, body.into()).await;
        RestReply { status, body }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Ui;

    impl Extension for Ui {
        fn segment(&self) -> &'static str {
            "ui"
        }

        fn answer(self: Arc<Self>, _: PageRequest, _: Rest) -> BoxFuture<Page> {
            Box::pin(async { Page { status: 200, headers: Vec::new(), body: Cow::Borrowed(b"") } })
        }
    }

    #[test]
    fn only_its_own_segment_is_an_extensions() {
        let ui: Arc<dyn Extension> = Arc::new(Ui);
        let below = |path| of(Some(&ui), path).map(|(_, below)| below);
        assert_eq!(below("/ui"), Some(""));
        assert_eq!(below("/ui/"), Some("/"));
        assert_eq!(below("/ui/state"), Some("/state"));
        for path in ["/", "/uint", "/connectors/ui", "ui"] {
            assert_eq!(below(path), None, "{path}");
        }
        assert!(of(None, "/ui").is_none());
    }
}
