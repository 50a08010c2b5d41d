//! Apicurio Registry in its own interface and wire format: artifacts in groups, and ids of eight bytes, or of four where
//! the options say so (or by default since version 3).

use serde_json::{Map, Value as Json};

use super::{Registry, RegistryError, escaped, same_shape};
use crate::config_def::{ConfigError, ConfigKey, Default, Importance, Parsed, Type, Validator};
use crate::error::{Error, Result};
use crate::option::Options;

/// Options of Apicurio's converters.
pub(crate) const OPTIONS: &[ConfigKey] = &[
    ConfigKey::new("apicurio.registry.url", Type::List, Default::Required).documented(Importance::High, "Where the registry answers: a URL that ends in /apis/registry/v2 or /apis/registry/v3.").checked(Validator::NonEmptyList),
    ConfigKey::new("apicurio.registry.auto-register", Type::Boolean, Default::Text("false")).documented(Importance::Medium, "Whether schemas are registered; else they are looked up."),
    ConfigKey::new("apicurio.registry.auto-register.if-exists", Type::String, Default::Null).documented(Importance::Medium, "What happens to an artifact that is there already."),
    ConfigKey::new("apicurio.registry.find-latest", Type::Boolean, Default::Text("false")).documented(Importance::Medium, "Whether the latest version is taken instead of the record's schema."),
    ConfigKey::new("apicurio.registry.artifact.group-id", Type::String, Default::Text("default")).documented(Importance::Medium, "The group of the artifacts."),
    ConfigKey::new("apicurio.registry.use-id", Type::String, Default::Null).documented(Importance::Low, "Which id stands before values: globalId or contentId.").checked(Validator::Custom(use_id)),
    ConfigKey::new("apicurio.registry.id-handler", Type::Class, Default::Null).documented(Importance::Low, "How the id is written: DefaultIdHandler (eight bytes), Default4ByteIdHandler or Legacy4ByteIdHandler."),
    ConfigKey::new("apicurio.registry.as-confluent", Type::Boolean, Default::Text("false")).documented(Importance::Low, "Whether ids have four bytes."),
    ConfigKey::new("apicurio.registry.headers.enabled", Type::Boolean, Default::Text("false")).documented(Importance::Low, "Ids in headers are not supported.").checked(Validator::Custom(no_headers)),
    ConfigKey::new("apicurio.auth.username", Type::String, Default::Null).documented(Importance::Low, "The user."),
    ConfigKey::new("apicurio.auth.password", Type::Password, Default::Null).documented(Importance::Low, "The user's password."),
];

/// Not yes.
fn no_headers(name: &str, value: &Parsed) -> Option<ConfigError> {
    let refused = || ConfigError::Invalid {
        name: name.to_owned(),
        value: value.in_error(),
        reason: "ids in headers are not supported".to_owned(),
    };
    (*value == Parsed::Boolean(true)).then(refused)
}

/// One of the two, where there is anything.
fn use_id(name: &str, value: &Parsed) -> Option<ConfigError> {
    let known = match value {
        Parsed::String(text) => matches!(text.as_str(), "globalId" | "contentId"),
        _ => true,
    };
    (!known).then(|| ConfigError::Invalid {
        name: name.to_owned(),
        value: value.in_error(),
        reason: "String must be one of: globalId, contentId".to_owned(),
    })
}

/// How to speak to it.
#[derive(Debug)]
pub(super) struct Api {
    /// Version 3 of the interface; else 2.
    third: bool,
    group: String,
    if_exists: Option<String>,
    content_id: bool,
    /// Whether ids have four bytes.
    pub(super) short: bool,
}

impl Api {
    pub(super) fn parse(options: &Options<'_>) -> Result<Self> {
        let third = options
            .list("apicurio.registry.url")
            .iter()
            .all(|url| url.trim_end_matches('/').ends_with("/v3"));
        let handler = options
            .given("apicurio.registry.id-handler")
            .map(|class| class.rsplit('.').next().unwrap_or(class));
        let short = match handler {
            _ if options.flag("apicurio.registry.as-confluent") => true,
            None => third,
            Some("DefaultIdHandler" | "OptimisticFallbackIdHandler") => false,
            Some("Default4ByteIdHandler" | "Legacy4ByteIdHandler") => true,
            Some(other) => {
                return Err(Error::config(format!(
                    "Invalid value {other} for configuration apicurio.registry.id-handler: Class {other} could not be found."
                )));
            }
        };
        Ok(Self {
            third,
            group: options
                .text("apicurio.registry.artifact.group-id")
                .unwrap_or("default")
                .to_owned(),
            if_exists: options
                .given("apicurio.registry.auto-register.if-exists")
                .map(str::to_owned),
            content_id: options
                .text("apicurio.registry.use-id")
                .map_or(third, |id| id == "contentId"),
            short,
        })
    }

    /// The schema's id, registered or looked up.
    pub(super) fn ask(
        &self,
        registry: &Registry,
        artifact: &str,
        kind: &str,
        schema: &str,
    ) -> Result<u64, RegistryError> {
        let group = format!("/groups/{}/artifacts", escaped(&self.group));
        let answer = match (registry.auto_register, registry.use_latest, self.third) {
            (true, _, false) => {
                let if_exists = self.if_exists.as_deref().unwrap_or("RETURN_OR_UPDATE");
                let headers =
                    [("X-Registry-ArtifactId", artifact), ("X-Registry-ArtifactType", kind)];
                registry.call(&format!("{group}?ifExists={if_exists}"), Some(schema), &headers)?
            }
            (true, _, true) => {
                let if_exists = self.if_exists.as_deref().unwrap_or("FIND_OR_CREATE_VERSION");
                let body = create(artifact, kind, schema);
                registry.call(&format!("{group}?ifExists={if_exists}"), Some(&body), &[])?
            }
            (false, true, _) => {
                let path = format!("{group}/{}", escaped(artifact));
                self.latest(registry, &path, kind, schema)?
            }
            (false, false, false) => {
                let path = format!("{group}/{}/meta?canonical=true", escaped(artifact));
                registry.call(&path, Some(schema), &[])?
            }
            (false, false, true) => {
                let path = format!(
                    "/search/versions?canonical=true&groupId={}&artifactId={}&artifactType={kind}",
                    escaped(&self.group),
                    escaped(artifact)
                );
                let found = registry.call(&path, Some(schema), &[])?;
                found.pointer("/versions/0").cloned().ok_or_else(|| {
                    RegistryError::Refused(format!(
                        "No version of artifact {artifact} has the schema; error code: 404"
                    ))
                })?
            }
        };
        let name = if self.content_id { "contentId" } else { "globalId" };
        let id = answer.get(name).or_else(|| answer.pointer(&format!("/version/{name}")));
        id.and_then(Json::as_u64).ok_or_else(|| {
            RegistryError::Refused(format!("the answer has no {name}; error code: 500"))
        })
    }

    /// The latest version, if the record's schema fits it. `artifact` is its path.
    fn latest(
        &self,
        registry: &Registry,
        artifact: &str,
        kind: &str,
        schema: &str,
    ) -> Result<Json, RegistryError> {
        let (content, meta) = if self.third {
            (
                format!("{artifact}/versions/branch=latest/content"),
                format!("{artifact}/versions/branch=latest"),
            )
        } else {
            (artifact.to_owned(), format!("{artifact}/meta"))
        };
        let text = registry.call(&content, None, &[])?;
        if !same_shape(kind, &text.to_string(), schema) {
            return Err(RegistryError::Refused(
                "the latest version of the artifact is not the record's schema; error code: 409"
                    .to_owned(),
            ));
        }
        registry.call(&meta, None, &[])
    }
}

/// The body that makes an artifact in version 3.
fn create(artifact: &str, kind: &str, schema: &str) -> String {
    let object = |pairs: Vec<(&str, Json)>| {
        Json::Object(
            pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect::<Map<_, _>>(),
        )
    };
    let content =
        object(vec![("content", schema.into()), ("contentType", "application/json".into())]);
    let version = object(vec![("content", content)]);
    object(vec![
        ("artifactId", artifact.into()),
        ("artifactType", kind.into()),
        ("firstVersion", version),
    ])
    .to_string()
}
