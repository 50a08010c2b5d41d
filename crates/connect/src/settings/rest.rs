//! [`RestSettings`]: where and how REST is served.

use std::path::PathBuf;

use super::Reader;
use crate::connector::Properties;
use crate::error::WorkerError;
use crate::java_properties;

/// Where REST listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Empty: every address.
    pub host: String,
    /// 0: any free port.
    pub port: u16,
    /// Whether TLS is spoken.
    pub tls: bool,
}

/// `admin.listeners`: where `/admin` is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AdminListeners {
    /// With everything else.
    Same,
    /// Nowhere.
    Off,
    /// On listeners of its own, and only there.
    Own(Vec<Listener>),
}

/// What happens to a header of every answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponseHeader {
    /// Whether it replaces one of that name.
    pub replace: bool,
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// Text or a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pem {
    /// PEM as it stands.
    Text(String),
    /// A file with it.
    File(PathBuf),
}

/// Whether clients show certificates: `ssl.client.auth`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClientAuth {
    /// No.
    #[default]
    None,
    /// If they have one.
    Requested,
    /// Always.
    Required,
}

/// The server's side of TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsSettings {
    /// Its certificate, with those that lead to a root.
    pub chain: Pem,
    /// The certificate's key.
    pub key: Pem,
    /// Whom clients' certificates come from.
    pub trusted: Option<Pem>,
    /// Whether clients show one.
    pub client_auth: ClientAuth,
}

/// Users and passwords.
pub type Users = Vec<(String, String)>;

/// Where and how REST is served.
#[derive(Clone)]
pub struct RestSettings {
    /// `listeners`.
    pub listeners: Vec<Listener>,
    /// `admin.listeners`.
    pub admin: AdminListeners,
    /// `listeners.https.ssl.*`, where a listener needs it.
    pub tls: Option<TlsSettings>,
    /// `access.control.allow.origin`: origins, or `*`.
    pub allow_origin: Vec<String>,
    /// `access.control.allow.methods`.
    pub allow_methods: String,
    /// `response.http.headers.config`.
    pub headers: Vec<ResponseHeader>,
    /// Who may ask, where `rest.extension.classes` names Connect's basic authentication.
    pub users: Option<Users>,
}

/// Passwords are not shown.
impl std::fmt::Debug for RestSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RestSettings")
            .field("listeners", &self.listeners)
            .field("admin", &self.admin)
            .finish_non_exhaustive()
    }
}

/// Connect's basic authentication.
const BASIC_AUTH: &str =
    "org.apache.kafka.connect.rest.basic.auth.extension.BasicAuthSecurityRestExtension";

impl RestSettings {
    pub(super) fn parse(read: &Reader<'_>) -> Result<Self, WorkerError> {
        let text = read.optional("listeners").unwrap_or_else(|| "http://:8083".to_owned());
        let listeners = listeners("listeners", &text)?;
        let admin = match read.properties.get("admin.listeners").map(|text| text.trim()) {
            None => AdminListeners::Same,
            Some("") => AdminListeners::Off,
            Some(text) => AdminListeners::Own(self::listeners("admin.listeners", text)?),
        };
        let own: &[Listener] = if let AdminListeners::Own(own) = &admin { own } else { &[] };
        let secure = listeners.iter().chain(own).any(|listener| listener.tls);
        let tls = if secure { Some(tls(read.properties)?) } else { None };
        let methods = read.list("access.control.allow.methods");
        Ok(Self {
            tls,
            allow_origin: read.list("access.control.allow.origin"),
            // Jetty's default.
            allow_methods: if methods.is_empty() {
                "GET,POST,HEAD".to_owned()
            } else {
                methods.join(",")
            },
            headers: headers(&read.optional("response.http.headers.config").unwrap_or_default())?,
            users: users(read)?,
            listeners,
            admin,
        })
    }
}

fn listeners(key: &str, text: &str) -> Result<Vec<Listener>, WorkerError> {
    text.split(',').map(|one| listener(key, one.trim())).collect()
}

fn listener(key: &str, text: &str) -> Result<Listener, WorkerError> {
    let invalid = |why: &str| WorkerError::Setting(format!("{key}: {text}: {why}"));
    let (scheme, rest) =
        text.split_once("://").ok_or_else(|| invalid("not <protocol>://<host>:<port>"))?;
    let tls = match scheme.to_ascii_lowercase().as_str() {
        "http" => false,
        "https" => true,
        _ => return Err(invalid("the protocol is neither http nor https")),
    };
    let (host, port) = rest.rsplit_once(':').ok_or_else(|| invalid("no port"))?;
    let port = port.trim_end_matches('/').parse().map_err(|_not| invalid("not a port"))?;
    Ok(Listener { host: host.trim_matches(['[', ']']).to_owned(), port, tls })
}

/// With any key below `listeners.https.`, only those count; else the worker's own `ssl.*` do.
fn tls(properties: &Properties) -> Result<TlsSettings, WorkerError> {
    let own = properties.keys().any(|key| key.starts_with("listeners.https."));
    let prefix = if own { "listeners.https." } else { "" };
    let get = |key: &str| {
        let text = properties.get(&format!("{prefix}{key}")).map(|text| text.trim());
        text.filter(|text| !text.is_empty())
    };
    let invalid = |key: &str, why: &str| WorkerError::Setting(format!("{prefix}{key}: {why}"));
    let pem = |store: &str, inline: &str| -> Result<Option<Pem>, WorkerError> {
        if let Some(text) = get(&format!("{store}.{inline}")) {
            return Ok(Some(Pem::Text(text.to_owned())));
        }
        let Some(path) = get(&format!("{store}.location")) else { return Ok(None) };
        let kind = format!("{store}.type");
        if get(&kind).unwrap_or("JKS").eq_ignore_ascii_case("PEM") {
            return Ok(Some(Pem::File(PathBuf::from(path))));
        }
        Err(invalid(&kind, "only PEM stores can be read; export the store and set the type to PEM"))
    };
    let missing =
        || invalid("ssl.keystore.location", "an https listener needs a certificate and a key");
    let chain = pem("ssl.keystore", "certificate.chain")?.ok_or_else(missing)?;
    let key = pem("ssl.keystore", "key")?.ok_or_else(missing)?;
    let client_auth = match get("ssl.client.auth").unwrap_or("none") {
        "none" => ClientAuth::None,
        "requested" => ClientAuth::Requested,
        "required" => ClientAuth::Required,
        _ => return Err(invalid("ssl.client.auth", "none of required, requested and none")),
    };
    let trusted = pem("ssl.truststore", "certificates")?;
    if client_auth != ClientAuth::None && trusted.is_none() {
        return Err(invalid("ssl.truststore.location", "ssl.client.auth needs it"));
    }
    Ok(TlsSettings { chain, key, trusted, client_auth })
}

/// `[action] name: value`, separated by commas; a value with a comma stands in double quotes.
fn headers(text: &str) -> Result<Vec<ResponseHeader>, WorkerError> {
    let mut parts = vec![String::new()];
    let mut quoted = false;
    for letter in text.chars() {
        match (letter, parts.last_mut()) {
            ('"', _) => quoted = !quoted,
            (',', _) if !quoted => parts.push(String::new()),
            (letter, Some(part)) => part.push(letter),
            (_, None) => {}
        }
    }
    parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty()).map(header).collect()
}

fn header(text: &str) -> Result<ResponseHeader, WorkerError> {
    let invalid = || {
        let key = "response.http.headers.config";
        WorkerError::Setting(format!("{key}: {text} is not [set|add] <name>: <value>"))
    };
    let (head, value) = text.split_once(':').ok_or_else(invalid)?;
    let (action, name) = head.trim().split_once(' ').ok_or_else(invalid)?;
    let replace = match action.to_ascii_lowercase().as_str() {
        "set" => true,
        "add" => false,
        _ => return Err(invalid()),
    };
    Ok(ResponseHeader { replace, name: name.trim().to_owned(), value: value.trim().to_owned() })
}

/// The users of the file that JAAS's entry `KafkaConnect` names, as Connect's documentation has it:
/// `KAFKA_OPTS=-Djava.security.auth.login.config=<file>`, and in that file
/// `KafkaConnect { ….PropertyFileLoginModule required file="<properties>"; };`.
fn users(read: &Reader<'_>) -> Result<Option<Users>, WorkerError> {
    let classes = read.list("rest.extension.classes");
    if let Some(other) = classes.iter().find(|class| *class != BASIC_AUTH) {
        return Err(WorkerError::Setting(format!(
            "rest.extension.classes: {other} cannot be loaded; only {BASIC_AUTH} is known"
        )));
    }
    if classes.is_empty() {
        return Ok(None);
    }
    let invalid = |why: &str| WorkerError::Setting(format!("rest.extension.classes: {why}"));
    let options = std::env::var("KAFKA_OPTS").unwrap_or_default();
    let jaas = options
        .split_whitespace()
        .find_map(|option| option.strip_prefix("-Djava.security.auth.login.config="))
        .ok_or_else(|| invalid("KAFKA_OPTS has no -Djava.security.auth.login.config=<file>"))?;
    let text = std::fs::read_to_string(jaas)
        .map_err(|error| invalid(&format!("cannot read {jaas}: {error}")))?;
    let path = password_file(&text)
        .ok_or_else(|| invalid(&format!("{jaas} has no KafkaConnect entry with file=\"…\"")))?;
    let text = std::fs::read_to_string(&path)
        .map_err(|error| invalid(&format!("cannot read {path}: {error}")))?;
    let users =
        java_properties::parse(&text).map_err(|error| invalid(&format!("{path}: {error}")))?;
    Ok(Some(users))
}

fn password_file(jaas: &str) -> Option<String> {
    let entry = jaas.split_once("KafkaConnect")?.1.split_once('{')?.1.split_once('}')?.0;
    let value = entry.split_once("file")?.1.trim_start().strip_prefix('=')?.trim_start();
    let value = value.strip_prefix('"')?.split_once('"')?.0;
    Some(value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(entries: &[(&str, &str)]) -> Result<RestSettings, WorkerError> {
        let properties =
            entries.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
        RestSettings::parse(&Reader { properties: &properties })
    }

    #[test]
    fn defaults_are_connects() {
        let rest = parse(&[]).unwrap();
        let listener = Listener { host: String::new(), port: 8083, tls: false };
        assert_eq!((rest.listeners, rest.admin), (vec![listener], AdminListeners::Same));
        assert!(rest.users.is_none() && rest.allow_origin.is_empty() && rest.headers.is_empty());
    }

    #[test]
    fn an_ipv6_listener_loses_its_brackets() {
        let expected = Listener { host: "::1".to_owned(), port: 80, tls: false };
        assert_eq!(listener("listeners", "http://[::1]:80").unwrap(), expected);
    }

    #[test]
    fn admin_listeners_are_shared_absent_or_own() {
        assert_eq!(parse(&[("admin.listeners", "")]).unwrap().admin, AdminListeners::Off);
        let own = parse(&[("admin.listeners", "http://:1")]).unwrap().admin;
        assert!(matches!(own, AdminListeners::Own(own) if own.len() == 1));
    }

    #[test]
    fn tls_comes_from_pem_alone_and_from_one_place_alone() {
        let error = parse(&[("listeners", "https://:1")]).unwrap_err().to_string();
        assert!(error.contains("ssl.keystore.location"), "{error}");
        let jks = [("listeners", "https://:1"), ("ssl.keystore.location", "/k.jks")];
        assert!(parse(&jks).unwrap_err().to_string().contains("PEM"));
        let pem = [
            ("listeners", "https://:1"),
            ("listeners.https.ssl.keystore.type", "PEM"),
            ("listeners.https.ssl.keystore.location", "/k.pem"),
            ("ssl.keystore.location", "/other.jks"),
        ];
        assert_eq!(parse(&pem).unwrap().tls.unwrap().key, Pem::File(PathBuf::from("/k.pem")));
    }

    #[test]
    fn headers_are_set_or_added() {
        let found = headers("set X-Frame-Options: DENY, \"add Cache-Control: no-cache, no-store\"");
        let found = found.unwrap();
        assert_eq!(found.len(), 2);
        assert!(found[0].replace && !found[1].replace);
        assert_eq!(found[1].value, "no-cache, no-store");
        assert!(headers("nope X: y").is_err());
    }

    #[test]
    fn the_password_file_is_that_of_connects_entry() {
        let jaas = "Other { file=\"/no\"; };\nKafkaConnect {\n x.PropertyFileLoginModule required\n file = \"/p\"; };";
        assert_eq!(password_file(jaas).as_deref(), Some("/p"));
    }

    #[test]
    fn an_extension_that_is_not_known_is_refused() {
        let error = parse(&[("rest.extension.classes", "x.Y")]).unwrap_err().to_string();
        assert!(error.contains("x.Y"), "{error}");
    }
}
