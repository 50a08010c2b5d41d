//! What every request goes through: who asks, from which page, and which headers answers carry.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_REQUEST_METHOD,
    AUTHORIZATION, CONTENT_TYPE, ORIGIN, WWW_AUTHENTICATE,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::route::Route;
use crate::settings::{RestSettings, Users};

/// Which resources a listener has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// All.
    Everything,
    /// All but `/admin`.
    WithoutAdmin,
    /// `/admin` alone.
    Admin,
}

/// The settings of one listener.
pub(super) struct Gate {
    users: Option<Users>,
    allow_origin: Vec<String>,
    allow_methods: Option<HeaderValue>,
    headers: Vec<(bool, HeaderName, HeaderValue)>,
    scope: Scope,
}

impl Gate {
    pub(super) fn new(settings: &RestSettings, scope: Scope) -> Self {
        let headers = settings.headers.iter().filter_map(|header| {
            let name = HeaderName::try_from(header.name.as_str()).ok()?;
            Some((header.replace, name, HeaderValue::from_str(&header.value).ok()?))
        });
        Self {
            users: settings.users.clone(),
            allow_origin: settings.allow_origin.clone(),
            allow_methods: HeaderValue::from_str(&settings.allow_methods).ok(),
            headers: headers.collect(),
            scope,
        }
    }

    fn admits(&self, headers: &HeaderMap) -> bool {
        let Some(users) = &self.users else { return true };
        let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let encoded = given.and_then(|text| {
            let (scheme, rest) = text.split_once(' ')?;
            scheme.eq_ignore_ascii_case("Basic").then(|| rest.trim())
        });
        let decoded = encoded.and_then(|text| STANDARD.decode(text).ok());
        let decoded = decoded.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
        let Some((name, password)) = decoded.split_once(':') else { return false };
        users
            .iter()
            .any(|(user, secret)| user == name && same(secret.as_bytes(), password.as_bytes()))
    }

    fn has(&self, path: &str) -> bool {
        let admin = Route::parse(path).is_ok_and(|Route(resource)| resource.is_admin());
        match self.scope {
            Scope::Everything => true,
            Scope::WithoutAdmin => !admin,
            Scope::Admin => admin,
        }
    }

    /// The origin, if its pages may read answers.
    fn origin(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = headers.get(ORIGIN)?;
        let text = origin.to_str().ok()?;
        let allowed = self.allow_origin.iter().any(|allowed| allowed == "*" || allowed == text);
        allowed.then(|| origin.clone())
    }

    fn finish(&self, response: &mut Response, origin: Option<HeaderValue>, preflight: bool) {
        let headers = response.headers_mut();
        if let Some(origin) = origin {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            if let Some(methods) = self.allow_methods.as_ref().filter(|_| preflight) {
                headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods.clone());
            }
        }
        for (replace, name, value) in &self.headers {
            if *replace {
                headers.insert(name, value.clone());
            } else {
                headers.append(name, value.clone());
            }
        }
    }
}

/// Compares in a time that does not tell where texts differ.
fn same(left: &[u8], right: &[u8]) -> bool {
    let differs = left.iter().zip(right).fold(0, |seen, (left, right)| seen | (left ^ right));
    left.len() == right.len() && differs == 0
}

fn unauthorized() -> Response {
    let mut response = Response::new(Body::from("User cannot access the resource."));
    *response.status_mut() = StatusCode::UNAUTHORIZED;
    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic"));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}

fn not_here() -> Response {
    let mut response =
        Response::new(Body::from(r#"{"error_code":404,"message":"HTTP 404 Not Found"}"#));
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}

pub(super) async fn pass(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    let origin = gate.origin(request.headers());
    let preflight = request.method() == Method::OPTIONS
        && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = if !gate.admits(request.headers()) {
        unauthorized()
    } else if gate.has(request.uri().path()) {
        next.run(request).await
    } else {
        not_here()
    };
    gate.finish(&mut response, origin, preflight);
    response
}
