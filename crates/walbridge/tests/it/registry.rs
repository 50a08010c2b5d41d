//! A schema registry of one case, in memory: what converters ask of Confluent's, and a protocol of what they asked.
//!
//! A case's capture holds the ids that its records carry and each registration with its query, in order. Ids therefore
//! count from 1 in each case, and every request for one is kept: a registry that others use too can do neither.
//!
//! Paths, statuses and error codes: <https://docs.confluent.io/platform/current/schema-registry/develop/api.html>.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::lab::Outcome;

/// A subject with this in its name accepts nothing: its schema is always incompatible.
const REJECTED: &str = "reject";

const NO_VERSION: (u16, u64, &str) = (404, 40402, "Version not found.");
const NO_SCHEMA: (u16, u64, &str) = (404, 40403, "Schema not found");

/// Answers until it is dropped.
#[derive(Debug)]
pub(crate) struct Registry {
    pub(crate) url: String,
    held: Arc<Mutex<Held>>,
    serving: JoinHandle<()>,
}

/// What a registration says: its type, its text and its references are one schema.
#[derive(Debug, Clone, PartialEq)]
struct Schema {
    kind: String,
    text: String,
    references: Vec<Value>,
}

#[derive(Debug, Default)]
struct Held {
    /// The schema of id 1, 2 and so on.
    schemas: Vec<Schema>,
    /// The ids of a subject's versions 1, 2 and so on.
    subjects: BTreeMap<String, Vec<usize>>,
    log: Vec<Value>,
}

/// A status, Confluent's code and a message.
type Refusal = (u16, u64, String);

impl Registry {
    /// Listens on a port of its own.
    pub(crate) async fn start() -> Outcome<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let held = Arc::<Mutex<Held>>::default();
        let serving = tokio::spawn(serve(listener, Arc::clone(&held)));
        Ok(Self { url, held, serving })
    }

    /// Each registration in order, also of what was known: subject, version, id, schema, the request's query.
    pub(crate) fn registrations(&self) -> Vec<Value> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).log.clone()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, held: Arc<Mutex<Held>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let held = Arc::clone(&held);
        tokio::spawn(async move {
            let service = service_fn(|request| answer(request, Arc::clone(&held)));
            let served = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
            // Whoever asked has gone, or its task has failed: both are the case's business.
            drop(served);
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    held: Arc<Mutex<Held>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let query = head.uri.query().unwrap_or_default();
    let told = {
        let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
        held.answer(&head.method, head.uri.path(), query, &body)
    };
    let (status, body) = match told {
        Ok(body) => (200, body),
        Err((status, code, message)) => (status, json!({"error_code": code, "message": message})),
    };
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() = hyper::StatusCode::from_u16(status).unwrap_or_default();
    let kind = hyper::header::HeaderValue::from_static("application/vnd.schemaregistry.v1+json");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    Ok(response)
}

impl Held {
    fn answer(
        &mut self,
        method: &Method,
        path: &str,
        query: &str,
        body: &Value,
    ) -> Result<Value, Refusal> {
        let parts: Vec<String> = path.trim_matches('/').split('/').map(unescape).collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        match (method, parts.as_slice()) {
            (&Method::POST, ["subjects", subject, "versions"]) => {
                self.register(subject, query, body)
            }
            (&Method::POST, ["subjects", subject]) => {
                let ids = self.subject(subject)?;
                let schema = Schema::parse(body)?;
                let known = |id: &usize| self.schemas.get(id - 1) == Some(&schema);
                let version = ids.iter().position(known).ok_or_else(|| refusal(NO_SCHEMA))?;
                self.describe(subject, version)
            }
            (&Method::GET, ["subjects", subject, "versions", version]) => {
                let count = self.subject(subject)?.len();
                let version = if *version == "latest" { Some(count) } else { version.parse().ok() };
                let place = version.and_then(|version| version.checked_sub(1));
                self.describe(subject, place.ok_or_else(|| refusal(NO_VERSION))?)
            }
            (&Method::GET, ["schemas", "ids", id]) => {
                let place = id.parse::<usize>().ok().and_then(|id| id.checked_sub(1));
                let schema = place.and_then(|place| self.schemas.get(place));
                Ok(schema.ok_or_else(|| refusal(NO_SCHEMA))?.to_json())
            }
            _ => Err((404, 404, "HTTP 404 Not Found".to_owned())),
        }
    }

    fn register(&mut self, subject: &str, query: &str, body: &Value) -> Result<Value, Refusal> {
        if subject.contains(REJECTED) {
            let why = "Schema being registered is incompatible with an earlier schema";
            return Err((409, 409, why.to_owned()));
        }
        let schema = Schema::parse(body)?;
        let known = self.schemas.iter().position(|known| *known == schema);
        let place = known.unwrap_or_else(|| {
            self.schemas.push(schema);
            self.schemas.len() - 1
        });
        let id = place + 1;
        let versions = self.subjects.entry(subject.to_owned()).or_default();
        let version = versions.iter().position(|known| *known == id).unwrap_or_else(|| {
            versions.push(id);
            versions.len() - 1
        });
        let mut said = self.describe(subject, version)?;
        said["query"] = Value::from(query);
        self.log.push(said);
        Ok(json!({ "id": id }))
    }

    fn subject(&self, subject: &str) -> Result<&Vec<usize>, Refusal> {
        let ids = self.subjects.get(subject);
        ids.ok_or_else(|| (404, 40401, format!("Subject '{subject}' not found.")))
    }

    /// A version, counted from 0.
    fn describe(&self, subject: &str, place: usize) -> Result<Value, Refusal> {
        let id = self.subject(subject)?.get(place).ok_or_else(|| refusal(NO_VERSION))?;
        let schema = self.schemas.get(id - 1).ok_or_else(|| refusal(NO_SCHEMA))?;
        let mut said = json!({"subject": subject, "version": place + 1, "id": id});
        if let (Value::Object(said), Value::Object(schema)) = (&mut said, schema.to_json()) {
            said.extend(schema);
        }
        Ok(said)
    }
}

impl Schema {
    fn parse(body: &Value) -> Result<Self, Refusal> {
        let text = body["schema"].as_str();
        Ok(Self {
            kind: body["schemaType"].as_str().unwrap_or("AVRO").to_owned(),
            text: text.ok_or_else(|| (422, 42201, "no schema".to_owned()))?.to_owned(),
            references: body["references"].as_array().cloned().unwrap_or_default(),
        })
    }

    /// Avro goes without saying, as do no references.
    fn to_json(&self) -> Value {
        let mut said = json!({ "schema": self.text });
        if self.kind != "AVRO" {
            said["schemaType"] = Value::from(self.kind.as_str());
        }
        if !self.references.is_empty() {
            said["references"] = Value::from(self.references.clone());
        }
        said
    }
}

fn refusal((status, code, message): (u16, u64, &str)) -> Refusal {
    (status, code, message.to_owned())
}

/// Percent-encoding undone.
fn unescape(part: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = part.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = tail.get(..2).filter(|_| *first == b'%');
        let code =
            escaped.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        bytes.push(code.unwrap_or(*first));
        rest = tail.get(if code.is_some() { 2 } else { 0 }..).unwrap_or_default();
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn registry_gives_one_schema_one_id_and_each_subject_its_versions() {
    let mut held = Held::default();
    let mut post = |path: &str, schema: &str| {
        held.answer(&Method::POST, path, "normalize=false", &json!({ "schema": schema }))
    };
    assert_eq!(post("/subjects/a/versions", "\"int\""), Ok(json!({"id": 1})));
    assert_eq!(post("/subjects/a/versions", "\"long\""), Ok(json!({"id": 2})));
    assert_eq!(post("/subjects/b%20c/versions", "\"long\""), Ok(json!({"id": 2})));
    let found = post("/subjects/b%20c", "\"long\"").unwrap();
    assert_eq!((&found["subject"], &found["version"]), (&json!("b c"), &json!(1)));
    assert_eq!(post("/subjects/a", "\"text\"").unwrap_err().1, 40403);
    assert_eq!(post("/subjects/d", "\"int\"").unwrap_err().1, 40401);
    assert_eq!(post("/subjects/reject/versions", "\"int\"").unwrap_err().0, 409);
    assert_eq!(held.log.len(), 3);
}
