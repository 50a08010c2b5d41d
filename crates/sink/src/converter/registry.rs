//! A schema registry: where Avro, Protobuf and JSON schemas get their numbers (Confluent's REST interface, which
//! Apicurio's ccompat mode and Karapace speak as well).
//!
//! Calls block: they happen once per schema, when its first record comes.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value as Json};
use ureq::tls::{Certificate, RootCerts, TlsConfig};

mod apicurio;

use crate::config_def::{ConfigKey, Default, Importance, Type, Validator};
use crate::error::{Error, Result};
use crate::option::Options;

const CONTENT_TYPE: &str = "application/vnd.schemaregistry.v1+json";
/// As in Confluent's client: `http.connect.timeout.ms` and `http.read.timeout.ms`.
const TIMEOUT: Duration = Duration::from_secs(60);
/// An answer that is larger is none.
const MAX_ANSWER: u64 = 16 << 20;

/// Options that all converters with a registry have.
pub(crate) const OPTIONS: &[ConfigKey] = &[
    ConfigKey::new("schema.registry.url", Type::List, Default::Required).documented(Importance::High, "Comma-separated list of URLs for schema registry instances that can be used to register or look up schemas.").checked(Validator::NonEmptyList),
    ConfigKey::new("auto.register.schemas", Type::Boolean, Default::Text("true")).documented(Importance::Medium, "Specify if the Serializer should attempt to register the Schema with Schema Registry"),
    ConfigKey::new("use.latest.version", Type::Boolean, Default::Text("false")).documented(Importance::Low, "Specify if the Serializer should use the latest subject version for serialization"),
    ConfigKey::new("latest.compatibility.strict", Type::Boolean, Default::Text("true")).documented(Importance::Low, "Has no effect: a schema of the registry's own is not compared to the record's."),
    ConfigKey::new("normalize.schemas", Type::Boolean, Default::Text("false")).documented(Importance::Medium, "Whether to normalize schemas, which generally ignores ordering when it is not significant"),
    ConfigKey::new("max.schemas.per.subject", Type::Int, Default::Text("1000")).documented(Importance::Low, "Has no effect: schemas are remembered as long as the task runs."),
    ConfigKey::new("key.subject.name.strategy", Type::Class, Default::Text("io.confluent.kafka.serializers.subject.TopicNameStrategy")).documented(Importance::Medium, "Determines how to construct the subject name under which the key schema is registered"),
    ConfigKey::new("value.subject.name.strategy", Type::Class, Default::Text("io.confluent.kafka.serializers.subject.TopicNameStrategy")).documented(Importance::Medium, "Determines how to construct the subject name under which the value schema is registered"),
    ConfigKey::new("basic.auth.credentials.source", Type::String, Default::Text("URL")).documented(Importance::Medium, "How to pick the credentials for Basic Auth: URL or USER_INFO."),
    ConfigKey::new("basic.auth.user.info", Type::Password, Default::Null).documented(Importance::Medium, "Specify the user info for Basic Auth in the form of {username}:{password}"),
    ConfigKey::new("schema.registry.basic.auth.user.info", Type::Password, Default::Null).documented(Importance::Medium, "The same, by its older name."),
    ConfigKey::new("bearer.auth.credentials.source", Type::String, Default::Text("STATIC_TOKEN")).documented(Importance::Medium, "How to pick the credentials for Bearer Auth: STATIC_TOKEN."),
    ConfigKey::new("bearer.auth.token", Type::Password, Default::Null).documented(Importance::Medium, "Specify the Bearer token to be used for authentication"),
    ConfigKey::new("schema.registry.ssl.truststore.location", Type::String, Default::Null).documented(Importance::High, "File with the trusted certificates (PEM)."),
    ConfigKey::new("schema.registry.ssl.truststore.type", Type::String, Default::Text("PEM")).documented(Importance::Low, "Its format: PEM."),
    ConfigKey::new("schema.registry.ssl.truststore.certificates", Type::Password, Default::Null).documented(Importance::High, "The trusted certificates themselves (PEM)."),
];

pub(crate) use apicurio::OPTIONS as APICURIO_OPTIONS;

/// A class's own options and those of the registry, in one table.
#[expect(
    clippy::indexing_slicing,
    reason = "const evaluation: an index out of bounds does not compile"
)]
pub(super) const fn joined<const N: usize>(own: &[ConfigKey]) -> [ConfigKey; N] {
    let mut all = [OPTIONS[0]; N];
    let mut at = 0;
    while at < N {
        all[at] = if at < own.len() { own[at] } else { OPTIONS[at - own.len()] };
        at += 1;
    }
    all
}

/// Puts the head where [`Registry::reserve`] left room for it.
pub(super) fn put_head(out: &mut [u8], start: usize, head: &[u8]) {
    if let Some(room) = out.get_mut(start..start + head.len()) {
        room.copy_from_slice(head);
    }
}

/// How a subject is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Strategy {
    Topic,
    Record,
    TopicRecord,
}

impl Strategy {
    fn parse(option: &str, class: &str) -> Result<Self> {
        Ok(match class.rsplit('.').next().unwrap_or_default() {
            "TopicNameStrategy" => Self::Topic,
            "RecordNameStrategy" => Self::Record,
            "TopicRecordNameStrategy" => Self::TopicRecord,
            _ => {
                return Err(Error::config(format!(
                    "Invalid value {class} for configuration {option}: Class {class} could not be found."
                )));
            }
        })
    }
}

/// What a schema is registered with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) topic: &'a str,
    /// The record's full name, if the schema is one of a record.
    pub(super) record: Option<&'a str>,
}

/// A registry and how to use it.
#[derive(Debug)]
pub struct Registry {
    urls: Vec<String>,
    authorization: Option<String>,
    agent: ureq::Agent,
    is_key: bool,
    strategy: Strategy,
    auto_register: bool,
    use_latest: bool,
    normalize: bool,
    /// Where it is Apicurio's own interface.
    apicurio: Option<apicurio::Api>,
    /// Numbers by subject and text.
    known: Mutex<HashMap<(String, Arc<str>), u64>>,
}

/// Why a registry gave no number.
#[derive(Debug)]
pub(super) enum RegistryError {
    /// It cannot be reached.
    Unreachable(String),
    /// It refuses; the text as Confluent's client gives it.
    Refused(String),
}

impl Registry {
    /// Reads the options.
    ///
    /// # Errors
    ///
    /// A strategy that does not exist, or certificates that cannot be read.
    pub(super) fn parse(is_key: bool, options: &Options<'_>) -> Result<Self> {
        let option =
            if is_key { "key.subject.name.strategy" } else { "value.subject.name.strategy" };
        let strategy = Strategy::parse(option, options.text(option).unwrap_or_default())?;
        let (urls, from_url) = urls(options, "schema.registry.url");
        Ok(Self {
            urls,
            authorization: authorization(options, from_url.as_deref()),
            agent: agent(tls(options)?),
            is_key,
            strategy,
            auto_register: options.flag("auto.register.schemas"),
            use_latest: options.flag("use.latest.version"),
            normalize: options.flag("normalize.schemas"),
            apicurio: None,
            known: Mutex::default(),
        })
    }

    /// Reads the options of Apicurio's own interface.
    ///
    /// # Errors
    ///
    /// A way to write ids that does not exist.
    pub(super) fn parse_apicurio(is_key: bool, options: &Options<'_>) -> Result<Self> {
        let (urls, from_url) = urls(options, "apicurio.registry.url");
        let user = options.given("apicurio.auth.username").map(|user| {
            format!("{user}:{}", options.text("apicurio.auth.password").unwrap_or_default())
        });
        let user = user.or(from_url);
        Ok(Self {
            urls,
            authorization: user.map(|user| format!("Basic {}", STANDARD.encode(user))),
            agent: agent(TlsConfig::default()),
            is_key,
            strategy: Strategy::Topic,
            auto_register: options.flag("apicurio.registry.auto-register"),
            use_latest: options.flag("apicurio.registry.find-latest"),
            normalize: false,
            apicurio: Some(apicurio::Api::parse(options)?),
            known: Mutex::default(),
        })
    }

    /// Leaves room for the head; says where.
    pub(super) fn reserve(&self, out: &mut Vec<u8>) -> usize {
        let start = out.len();
        let long = self.apicurio.as_ref().is_some_and(|api| !api.short);
        out.resize(start + if long { 9 } else { 5 }, 0);
        start
    }

    fn subject(&self, of: Subject<'_>) -> String {
        let suffix = if self.is_key { "key" } else { "value" };
        match (self.strategy, of.record) {
            (Strategy::Record, Some(record)) => record.to_owned(),
            (Strategy::TopicRecord, Some(record)) => format!("{}-{record}", of.topic),
            _ => format!("{}-{suffix}", of.topic),
        }
    }

    /// What stands before each value: the magic byte and the schema's number, registered or looked up as the options say.
    pub(super) fn head(
        &self,
        of: Subject<'_>,
        kind: &str,
        schema: &Arc<str>,
    ) -> Result<Box<[u8]>, RegistryError> {
        let id = self.id(of, kind, schema)?;
        let mut head = vec![0];
        match &self.apicurio {
            Some(api) if !api.short => head.extend(id.to_be_bytes()),
            _ => {
                let id = u32::try_from(id).map_err(|_large| {
                    RegistryError::Refused(format!(
                        "id {id} does not fit four bytes; error code: 500"
                    ))
                })?;
                head.extend(id.to_be_bytes());
            }
        }
        Ok(head.into())
    }

    fn id(&self, of: Subject<'_>, kind: &str, schema: &Arc<str>) -> Result<u64, RegistryError> {
        let key = (self.subject(of), Arc::clone(schema));
        if let Some(id) = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(*id);
        }
        let id = blocking(|| match &self.apicurio {
            Some(api) => api.ask(self, &key.0, kind, schema),
            None => self.ask(&key.0, kind, schema),
        })?;
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(key, id);
        Ok(id)
    }

    /// Whether schemas are registered; else they are only looked up.
    pub(super) const fn registers(&self) -> bool {
        self.auto_register
    }

    fn ask(&self, subject: &str, kind: &str, schema: &str) -> Result<u64, RegistryError> {
        let mut body = Map::from_iter([("schema".to_owned(), Json::from(schema))]);
        if kind != "AVRO" {
            body.insert("schemaType".to_owned(), kind.into());
        }
        let body = Json::Object(body).to_string();
        let subject = escaped(subject);
        let normalize = self.normalize;
        let answer = if self.auto_register {
            self.call(
                &format!("/subjects/{subject}/versions?normalize={normalize}"),
                Some(&body),
                &[],
            )?
        } else if self.use_latest {
            let latest = self.call(&format!("/subjects/{subject}/versions/latest"), None, &[])?;
            let text = latest.get("schema").and_then(Json::as_str).unwrap_or_default();
            if !same_shape(kind, text, schema) {
                return Err(RegistryError::Refused(
                    "the latest version of the subject is not the record's schema; error code: 409"
                        .to_owned(),
                ));
            }
            latest
        } else {
            self.call(
                &format!("/subjects/{subject}?normalize={normalize}&deleted=false"),
                Some(&body),
                &[],
            )?
        };
        answer.get("id").and_then(Json::as_u64).ok_or_else(|| {
            RegistryError::Refused("the answer has no id; error code: 50005".to_owned())
        })
    }

    /// Asks one instance after the other until one answers.
    fn call(
        &self,
        path: &str,
        body: Option<&str>,
        headers: &[(&str, &str)],
    ) -> Result<Json, RegistryError> {
        let mut unreachable = "no url of a schema registry is given".to_owned();
        for url in &self.urls {
            match self.call_one(&format!("{url}{path}"), body, headers) {
                Ok((status, answer)) if (200..300).contains(&status) => return Ok(answer),
                Ok((status, answer)) => return Err(refused(status, &answer)),
                Err(error) => unreachable = error,
            }
        }
        Err(RegistryError::Unreachable(unreachable))
    }

    fn call_one(
        &self,
        url: &str,
        body: Option<&str>,
        headers: &[(&str, &str)],
    ) -> Result<(u16, Json), String> {
        let media = if self.apicurio.is_some() { "application/json" } else { CONTENT_TYPE };
        let own = [("Accept", media)].into_iter().chain(headers.iter().copied());
        let all = own.chain(self.authorization.as_deref().map(|value| ("Authorization", value)));
        let answer = match body {
            Some(body) => {
                let request = self.agent.post(url).header("Content-Type", media);
                all.fold(request, |request, (name, value)| request.header(name, value)).send(body)
            }
            None => {
                let request = self.agent.get(url);
                all.fold(request, |request, (name, value)| request.header(name, value)).call()
            }
        };
        let mut answer = answer.map_err(|error| network(&error))?;
        let text = answer.body_mut().with_config().limit(MAX_ANSWER).read_to_string();
        let text = text.map_err(|error| network(&error))?;
        Ok((answer.status().as_u16(), serde_json::from_str(&text).unwrap_or(Json::Null)))
    }
}

/// The URLs of an option, and the first credentials in them.
fn urls(options: &Options<'_>, option: &str) -> (Vec<String>, Option<String>) {
    let split = options.list(option).into_iter().map(|url| split_user(url.trim_end_matches('/')));
    split.fold((Vec::new(), None), |(mut urls, user), (url, own)| {
        urls.push(url);
        (urls, user.or(own))
    })
}

fn agent(tls: TlsConfig) -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .timeout_global(Some(TIMEOUT))
        .http_status_as_error(false)
        .tls_config(tls);
    config.build().into()
}

/// Whether values of one schema are values of the other: the same but for documentation and defaults.
fn same_shape(kind: &str, left: &str, right: &str) -> bool {
    if kind == "PROTOBUF" {
        let words = |text: &str| text.split_whitespace().collect::<String>();
        return words(left) == words(right);
    }
    let shape = |text: &str| serde_json::from_str(text).ok().map(bare);
    shape(left).is_some_and(|left| shape(right) == Some(left))
}

fn bare(json: Json) -> Json {
    match json {
        Json::Object(entries) => {
            let says_little = |key: &str| {
                key.starts_with("connect.") || matches!(key, "doc" | "default" | "aliases")
            };
            let kept: Map<String, Json> = entries
                .into_iter()
                .filter(|(key, _)| !says_little(key))
                .map(|(key, value)| (key, bare(value)))
                .collect();
            match (kept.len(), kept.get("type")) {
                (1, Some(Json::String(name))) => Json::from(name.as_str()),
                _ => Json::Object(kept),
            }
        }
        Json::Array(items) => items.into_iter().map(bare).collect(),
        other => other,
    }
}

/// Runs what blocks without keeping other tasks of a runtime with several threads from running.
fn blocking<T>(run: impl FnOnce() -> T) -> T {
    use tokio::runtime::{Handle, RuntimeFlavor};
    let many = Handle::try_current()
        .is_ok_and(|handle| handle.runtime_flavor() == RuntimeFlavor::MultiThread);
    if many { tokio::task::block_in_place(run) } else { run() }
}

/// In the words of Java's exceptions.
fn network(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            "java.net.ConnectException: Connection refused".to_owned()
        }
        ureq::Error::ConnectionFailed => "java.net.ConnectException: Connection refused".to_owned(),
        ureq::Error::HostNotFound => "java.net.UnknownHostException: host not found".to_owned(),
        ureq::Error::Timeout(_) => "java.net.SocketTimeoutException: Read timed out".to_owned(),
        error => format!("java.io.IOException: {error}"),
    }
}

fn refused(status: u16, answer: &Json) -> RegistryError {
    let code = answer.get("error_code").and_then(Json::as_u64).unwrap_or_else(|| status.into());
    let message = answer.get("message").and_then(Json::as_str);
    let message = message.map_or_else(|| format!("HTTP {status}"), str::to_owned);
    RegistryError::Refused(format!("{message}; error code: {code}"))
}

impl RegistryError {
    /// Connect's exception around it. `schema` is what was asked for.
    pub(super) fn into_error(
        self,
        format: &str,
        topic: &str,
        registers: bool,
        schema: &str,
    ) -> Error {
        const SERIALIZATION: &str =
            "Caused by: org.apache.kafka.common.errors.SerializationException";
        let causes = match self {
            Self::Unreachable(cause) => {
                format!("{SERIALIZATION}: Error serializing {format} message\nCaused by: {cause}")
            }
            Self::Refused(cause) => {
                let doing = if registers { "registering" } else { "retrieving" };
                format!(
                    "{SERIALIZATION}: Error {doing} {format} schema{schema}\n\
                     Caused by: io.confluent.kafka.schemaregistry.client.rest.exceptions.RestClientException: {cause}"
                )
            }
        };
        Error::data(format!("Failed to serialize {format} data from topic {topic} :\n{causes}"))
    }
}

fn tls(options: &Options<'_>) -> Result<TlsConfig> {
    let bad = |text: String| Error::config(format!("schema.registry.ssl.truststore: {text}"));
    let pem = match (
        options.given("schema.registry.ssl.truststore.location"),
        options.given("schema.registry.ssl.truststore.certificates"),
    ) {
        (None, None) => return Ok(TlsConfig::default()),
        (_, Some(text)) => text.as_bytes().to_vec(),
        (Some(path), None) => {
            std::fs::read(path).map_err(|error| bad(format!("{path}: {error}")))?
        }
    };
    let mut certificates: Vec<Certificate<'static>> = Vec::new();
    for item in ureq::tls::parse_pem(&pem) {
        if let ureq::tls::PemItem::Certificate(certificate) =
            item.map_err(|error| bad(error.to_string()))?
        {
            certificates.push(certificate);
        }
    }
    if certificates.is_empty() {
        return Err(bad(
            "no certificate in PEM found; a JKS file must be converted first".to_owned()
        ));
    }
    Ok(TlsConfig::builder().root_certs(RootCerts::new_with_certs(&certificates)).build())
}

/// The `Authorization` header.
fn authorization(options: &Options<'_>, from_url: Option<&str>) -> Option<String> {
    let source = options.text("basic.auth.credentials.source").unwrap_or_default();
    let info = options.given("basic.auth.user.info");
    let info = info.or_else(|| options.given("schema.registry.basic.auth.user.info"));
    let user = if source.eq_ignore_ascii_case("USER_INFO") { info } else { from_url };
    if let Some(user) = user {
        return Some(format!("Basic {}", STANDARD.encode(user)));
    }
    options.given("bearer.auth.token").map(|token| format!("Bearer {token}"))
}

/// A URL without its `user:password@`, and those.
fn split_user(url: &str) -> (String, Option<String>) {
    let Some((scheme, rest)) = url.split_once("://") else { return (url.to_owned(), None) };
    let host = rest.split('/').next().unwrap_or_default();
    match host.rsplit_once('@') {
        Some((user, _)) => {
            let rest = rest.get(user.len() + 1..).unwrap_or_default();
            (format!("{scheme}://{rest}"), Some(user.to_owned()))
        }
        None => (url.to_owned(), None),
    }
}

/// A segment of a path.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(byte.into());
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_of_a_url_are_taken_out() {
        assert_eq!(
            split_user("http://u:p@h:1/x"),
            ("http://h:1/x".to_owned(), Some("u:p".to_owned()))
        );
        assert_eq!(split_user("http://h/a@b"), ("http://h/a@b".to_owned(), None));
    }

    #[test]
    fn schemas_that_differ_in_documentation_alone_are_the_same() {
        let plain = r#"{"type":"record","name":"a","fields":[{"name":"b","type":"int"}]}"#;
        let noted = r#"{"type":"record","name":"a","doc":"x","fields":[{"name":"b","type":{"type":"int","connect.version":1},"default":0}]}"#;
        assert!(same_shape("AVRO", plain, noted));
        assert!(!same_shape("AVRO", plain, &noted.replace("\"b\"", "\"c\"")));
    }

    #[test]
    fn subjects_are_escaped_in_paths() {
        assert_eq!(escaped("a.b-value"), "a.b-value");
        assert_eq!(escaped("a/b c"), "a%2Fb%20c");
    }
}
