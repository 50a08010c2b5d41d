//! Which bodies are taken and which answers are wanted.

use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CONTENT_TYPE};

use super::respond::Answer;

/// Why a body's type is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// It has no type, or a pattern.
    Unknown,
    /// It has another one.
    Other,
    /// The header cannot be read.
    Unreadable,
}

impl Refused {
    pub(super) fn answer(self, base: &str, path: &str) -> Answer {
        let text = "HTTP 415 Unsupported Media Type";
        match self {
            Self::Unknown => Answer::error(&crate::herder::command::Refusal::new(415, text)),
            Self::Other => Answer::bare(415, text),
            Self::Unreadable => {
                let body = serde_json::json!({
                    "message": "Bad Request", "url": format!("{base}{path}"), "status": "400",
                });
                Answer::json(400, &body)
            }
        }
    }
}

/// Whether a body may have this type.
pub(super) fn check_content(headers: &HeaderMap, has_body: bool) -> Result<(), Refused> {
    let Some(header) = headers.get(CONTENT_TYPE) else {
        return if has_body { Err(Refused::Unknown) } else { Ok(()) };
    };
    let essence = header.to_str().ok().map(essence).ok_or(Refused::Unreadable)?;
    match essence.split_once('/') {
        Some(("application", "json")) => Ok(()),
        Some(("application" | "*", "*")) => Err(Refused::Unknown),
        Some((kind, sub)) if !kind.is_empty() && !sub.is_empty() => Err(Refused::Other),
        _ => Err(Refused::Unreadable),
    }
}

/// A media type without parameters.
fn essence(text: &str) -> String {
    text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// The parts of `Accept` that JSON satisfies.
fn json_ranges(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let texts = headers.get_all(ACCEPT).iter().filter_map(|header| header.to_str().ok());
    texts.flat_map(|text| text.split(',')).map(str::trim).filter(|range| {
        let refused = range.split(';').skip(1).any(|parameter| {
            let zero = parameter.trim().strip_prefix("q=").and_then(|q| q.parse::<f32>().ok());
            zero == Some(0.0)
        });
        matches!(essence(range).as_str(), "application/json" | "application/*" | "*/*" | "")
            && !refused
    })
}

/// Whether JSON is an answer.
pub(super) fn accepts_json(headers: &HeaderMap) -> bool {
    !headers.contains_key(ACCEPT) || json_ranges(headers).next().is_some()
}

/// Whether the client names JSON.
pub(super) fn names_json(headers: &HeaderMap) -> bool {
    json_ranges(headers).any(|range| essence(range) == "application/json")
}

/// The type of an answer: parameters asked for are echoed, without blanks.
pub(super) fn answer_type(headers: &HeaderMap) -> String {
    let asked = json_ranges(headers).find(|range| essence(range) == "application/json");
    let parameters = asked.into_iter().flat_map(|range| range.split(';').skip(1)).map(str::trim);
    let echoed: String =
        parameters.filter(|text| !text.starts_with("q=")).map(|text| format!(";{text}")).collect();
    format!("application/json{echoed}")
}

#[cfg(test)]
mod tests {
    use axum::http::header::HeaderName;

    use super::*;

    fn headers(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    /// Recorded from Connect 4.3.0.
    #[test]
    fn body_types_are_taken_or_refused_as_by_connect() {
        for (value, expected) in [
            ("application/json; charset=utf-8", Ok(())),
            ("APPLICATION/JSON", Ok(())),
            ("text/plain", Err(Refused::Other)),
            ("application/vnd.api+json", Err(Refused::Other)),
            ("application/*", Err(Refused::Unknown)),
            ("*/*", Err(Refused::Unknown)),
            ("garbage", Err(Refused::Unreadable)),
            ("", Err(Refused::Unreadable)),
        ] {
            assert_eq!(check_content(&headers(CONTENT_TYPE, value), true), expected, "{value}");
        }
        assert_eq!(check_content(&HeaderMap::new(), true), Err(Refused::Unknown));
        assert_eq!(check_content(&HeaderMap::new(), false), Ok(()));
    }

    /// Recorded from Connect 4.3.0.
    #[test]
    fn acceptable_types_are_connects() {
        for (value, expected) in [
            ("*/*", true),
            ("application/*", true),
            ("application/json;q=0.1, text/plain", true),
            ("", true),
            ("text/plain", false),
            ("text/*", false),
            ("garbage", false),
            ("application/xml", false),
        ] {
            assert_eq!(accepts_json(&headers(ACCEPT, value)), expected, "{value}");
        }
        let echoed = answer_type(&headers(ACCEPT, "application/json; charset=utf-8"));
        assert_eq!(echoed, "application/json;charset=utf-8");
    }
}
