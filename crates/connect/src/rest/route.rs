//! From a path to a resource, as Jetty and Connect's resource classes do it.

use crate::storage::config::TargetState;

/// What a path is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Resource {
    Root,
    Health,
    Connectors,
    Connector(String),
    Config(String),
    Status(String),
    Tasks(String),
    TaskStatus(String, i32),
    TaskRestart(String, i32),
    Restart(String),
    /// `/pause`, `/resume` and `/stop`.
    Target(String, TargetState),
    Topics(String),
    TopicsReset(String),
    Offsets(String),
    Fence,
    Plugins,
    PluginConfig(String),
    PluginValidate(String),
    Loggers,
    Logger(String),
}

/// Why a path is no resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PathError {
    /// Jetty itself refuses it: empty segments, encoded separators, broken escapes.
    Ambiguous,
    /// There is nothing.
    Unknown,
    /// A task's number is none.
    NotANumber,
}

/// See [`Resource`].
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Route(pub(super) Resource);

impl Route {
    pub(super) fn parse(path: &str) -> Result<Self, PathError> {
        let inner = path.strip_prefix('/').ok_or(PathError::Unknown)?;
        if inner.is_empty() {
            return Ok(Self(Resource::Root));
        }
        let inner = inner.strip_suffix('/').unwrap_or(inner);
        let segments = inner.split('/').map(segment).collect::<Result<Vec<_>, _>>()?;
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        resource(&segments).map(Self)
    }
}

fn resource(segments: &[&str]) -> Result<Resource, PathError> {
    let number = |text: &str| text.parse().map_err(|_not| PathError::NotANumber);
    let target = |name: &str, target| Ok(Resource::Target(name.to_owned(), target));
    match *segments {
        ["health"] => Ok(Resource::Health),
        ["connectors"] => Ok(Resource::Connectors),
        ["connectors", name] => Ok(Resource::Connector(name.to_owned())),
        ["connectors", name, "config"] => Ok(Resource::Config(name.to_owned())),
        ["connectors", name, "status"] => Ok(Resource::Status(name.to_owned())),
        ["connectors", name, "tasks"] => Ok(Resource::Tasks(name.to_owned())),
        ["connectors", name, "tasks", task, "status"] => {
            Ok(Resource::TaskStatus(name.to_owned(), number(task)?))
        }
        ["connectors", name, "tasks", task, "restart"] => {
            Ok(Resource::TaskRestart(name.to_owned(), number(task)?))
        }
        ["connectors", name, "restart"] => Ok(Resource::Restart(name.to_owned())),
        ["connectors", name, "pause"] => target(name, TargetState::Paused),
        ["connectors", name, "resume"] => target(name, TargetState::Started),
        ["connectors", name, "stop"] => target(name, TargetState::Stopped),
        ["connectors", name, "topics"] => Ok(Resource::Topics(name.to_owned())),
        ["connectors", name, "topics", "reset"] => Ok(Resource::TopicsReset(name.to_owned())),
        ["connectors", name, "offsets"] => Ok(Resource::Offsets(name.to_owned())),
        ["connectors", _, "fence"] => Ok(Resource::Fence),
        ["connector-plugins"] => Ok(Resource::Plugins),
        ["connector-plugins", class, "config"] => Ok(Resource::PluginConfig(class.to_owned())),
        ["admin", "loggers"] => Ok(Resource::Loggers),
        ["admin", "loggers", name] => Ok(Resource::Logger(name.to_owned())),
        ["connector-plugins", class, "config", "validate"] => {
            Ok(Resource::PluginValidate(class.to_owned()))
        }
        _ => Err(PathError::Unknown),
    }
}

impl Resource {
    /// Whether it belongs to `admin.listeners`.
    pub(super) fn is_admin(&self) -> bool {
        matches!(self, Self::Loggers | Self::Logger(_))
    }

    /// Its verbs, in the order of Connect's `Allow` header.
    pub(super) fn methods(&self) -> &'static [&'static str] {
        match self {
            Self::Root
            | Self::Health
            | Self::Status(_)
            | Self::TaskStatus(..)
            | Self::Topics(_)
            | Self::Plugins
            | Self::PluginConfig(_)
            | Self::Loggers => &["HEAD", "GET", "OPTIONS"],
            Self::Connectors | Self::Tasks(_) => &["HEAD", "POST", "GET", "OPTIONS"],
            Self::Connector(_) => &["HEAD", "DELETE", "GET", "OPTIONS"],
            Self::Logger(_) => &["HEAD", "GET", "OPTIONS", "PUT"],
            Self::Config(_) => &["HEAD", "GET", "OPTIONS", "PUT", "PATCH"],
            Self::Offsets(_) => &["HEAD", "DELETE", "GET", "OPTIONS", "PATCH"],
            Self::Restart(_) | Self::TaskRestart(..) => &["POST", "OPTIONS"],
            Self::Target(..) | Self::TopicsReset(_) | Self::Fence | Self::PluginValidate(_) => {
                &["OPTIONS", "PUT"]
            }
        }
    }
}

/// A path segment without its parameters, decoded.
fn segment(raw: &str) -> Result<String, PathError> {
    let raw = raw.split(';').next().unwrap_or_default();
    if raw.is_empty() {
        return Err(PathError::Ambiguous);
    }
    let bytes = decode(raw, false).ok_or(PathError::Ambiguous)?;
    // Encoded separators and control characters; what is not encoded has none of them.
    let ambiguous = |byte: &u8| matches!(byte, b'/' | b'%' | b'\\' | 0..=0x1f | 0x7f);
    if raw.contains('%') && bytes.iter().any(ambiguous) {
        return Err(PathError::Ambiguous);
    }
    String::from_utf8(bytes).map_err(|_not| PathError::Ambiguous)
}

/// Resolves `%xx`, and `+` in queries; nothing if an escape is broken.
fn decode(text: &str, plus: bool) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let high = char::from(bytes.next()?).to_digit(16)?;
                let low = char::from(bytes.next()?).to_digit(16)?;
                out.push(u8::try_from(high * 16 + low).ok()?);
            }
            b'+' if plus => out.push(b' '),
            byte => out.push(byte),
        }
    }
    Some(out)
}

/// The parameters of a query, decoded, in order.
pub(crate) fn query(text: &str) -> Vec<(String, String)> {
    let part = |part: &str| {
        let bytes = decode(part, true).unwrap_or_else(|| part.as_bytes().to_vec());
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(key, value)| (part(key), part(value)))
        .collect()
}

/// A connector's name within `Location`, as Java's URI builder writes it.
pub(super) fn encode(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(path: &str) -> Result<Resource, PathError> {
        Route::parse(path).map(|Route(resource)| resource)
    }

    #[test]
    fn paths_lead_where_connect_leads_them() {
        assert_eq!(parse("/"), Ok(Resource::Root));
        assert_eq!(parse("/connectors/"), Ok(Resource::Connectors));
        assert_eq!(parse("/connectors;x=1"), Ok(Resource::Connectors));
        assert_eq!(parse("/connectors/.."), Ok(Resource::Connector("..".to_owned())));
        assert_eq!(parse("/connectors/%C3%A9%20%3F"), Ok(Resource::Connector("é ?".to_owned())));
        assert_eq!(
            parse("/connectors/a/tasks/-1/status"),
            Ok(Resource::TaskStatus("a".to_owned(), -1))
        );
        for path in [
            "/nope",
            "/Connectors",
            "/connectors/x/nope",
            "/connectors/x/tasks/0",
            "/connectors/x/tasks-config",
        ] {
            assert_eq!(parse(path), Err(PathError::Unknown), "{path}");
        }
        for path in ["/connectors/x/tasks/x/status", "/connectors/x/tasks/99999999999/restart"] {
            assert_eq!(parse(path), Err(PathError::NotANumber), "{path}");
        }
    }

    #[test]
    fn what_jetty_refuses_is_refused() {
        for path in [
            "//connectors",
            "/connectors//",
            "/connectors/a%2Fb",
            "/connectors/%25",
            "/connectors/%5C",
            "/connectors/%zz",
            "/%",
            "/connectors/a%0A",
            "/connectors/a%01",
        ] {
            assert_eq!(parse(path), Err(PathError::Ambiguous), "{path}");
        }
    }

    #[test]
    fn query_parameters_are_decoded_in_order() {
        let pairs = [("expand", "info"), ("expand", "a b"), ("x", "")];
        let pairs = pairs.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(query("expand=info&expand=a+b&x"), pairs);
    }

    #[test]
    fn locations_are_encoded_like_javas() {
        assert_eq!(encode("a b/é>\"?#:;=+&'%"), "a%20b%2F%C3%A9%3E%22%3F%23:;=+&'%25");
    }
}
