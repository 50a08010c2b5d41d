//! Answers: JSON, Connect's one error shape, and the shapes of the server below it.

use axum::body::Body;
use axum::http::header::{ALLOW, CONTENT_TYPE, LOCATION};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::Response;
use serde::Serialize;

use super::media;
use crate::herder::command::Refusal;
use crate::storage::json::render;

/// The type of an answer's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// JSON, with its type.
    Json,
    /// JSON without a type, as the server below Connect's resources sends it.
    Untyped,
    /// Text.
    Plain,
    /// Jetty's own error page.
    Html,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    status: u16,
    kind: Kind,
    body: Vec<u8>,
    location: Option<String>,
    allow: Option<String>,
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    error_code: u16,
    message: &'a str,
}

impl Answer {
    fn new(status: u16, kind: Kind, body: Vec<u8>) -> Self {
        Self { status, kind, body, location: None, allow: None }
    }

    pub(super) fn json(status: u16, body: &impl Serialize) -> Self {
        Self::new(status, Kind::Json, render(body))
    }

    pub(super) fn empty(status: u16) -> Self {
        Self::new(status, Kind::Untyped, Vec::new())
    }

    pub(super) fn error(refusal: &Refusal) -> Self {
        let body = ErrorBody { error_code: refusal.code, message: &refusal.message };
        Self::new(refusal.code, Kind::Json, render(&body))
    }

    /// An error that Connect's own resources never saw.
    pub(super) fn bare(status: u16, message: &str) -> Self {
        Self::new(status, Kind::Untyped, render(&ErrorBody { error_code: status, message }))
    }

    /// A path that Jetty refuses.
    pub(super) fn jetty(method: &Method) -> Self {
        if method != Method::GET && method != Method::POST && method != Method::HEAD {
            return Self::empty(400);
        }
        let page = "<html><head><title>Error 400 Bad Request</title></head><body><h2>HTTP ERROR 400 Bad Request</h2></body></html>";
        Self::new(400, Kind::Html, page.as_bytes().to_vec())
    }

    pub(super) fn options(allowed: &[&str], headers: &HeaderMap) -> Self {
        let (kind, body) = if media::names_json(headers) {
            (Kind::Json, Vec::new())
        } else {
            (Kind::Plain, allowed.join(", ").into_bytes())
        };
        Self { allow: Some(allowed.join(",")), ..Self::new(200, kind, body) }
    }

    pub(super) fn at(mut self, location: String) -> Self {
        self.location = Some(location);
        self
    }

    /// Status and body.
    pub(super) fn into_parts(self) -> (u16, Vec<u8>) {
        (self.status, self.body)
    }

    pub(super) fn into_response(self, headers: &HeaderMap) -> Response {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let kind = match self.kind {
            Kind::Json => HeaderValue::from_str(&media::answer_type(headers)).ok(),
            Kind::Plain => Some(HeaderValue::from_static("text/plain")),
            Kind::Html => Some(HeaderValue::from_static("text/html;charset=iso-8859-1")),
            Kind::Untyped => None,
        };
        if let Some(kind) = kind {
            response.headers_mut().insert(CONTENT_TYPE, kind);
        }
        let extra = [(LOCATION, self.location), (ALLOW, self.allow)];
        for (name, value) in extra {
            if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}
