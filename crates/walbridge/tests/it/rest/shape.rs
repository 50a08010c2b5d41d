//! What of an answer is compared, and how.

use fancy_regex::Regex;

use super::exchange::Answer;
use crate::json::Json;

/// The headers that are compared.
const HEADERS: [&str; 8] = [
    "Content-Type",
    "Location",
    "Allow",
    "WWW-Authenticate",
    "Access-Control-Allow-Origin",
    "Access-Control-Allow-Methods",
    "X-Frame-Options",
    "Cache-Control",
];

/// Values of which only the kind is compared.
const VOLATILE: &str = r"(^|\.)(worker_id|kafka_cluster_id|commit|lsn|lsn_proc|lsn_commit|lsn_events_processed|txId|ts_usec|last_modified|documentation)$";

/// Objects whose fields have no order.
const FREE: &str = r"(^|\.)(config|offset|partition)$";

impl Json {
    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        let Self::Object(fields) = self else { return None };
        fields.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    pub(super) fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_text()
    }

    pub(super) fn digits(&self) -> Option<&str> {
        if let Self::Number(digits) = self { Some(digits) } else { None }
    }

    fn at(&self, path: &str) -> Option<&Self> {
        path.split('.').try_fold(self, |value, name| value.get(name))
    }

    fn items(&self) -> &[Self] {
        if let Self::Array(items) = self { items } else { &[] }
    }
}

/// As text.
pub(super) fn render(value: &Json) -> String {
    match value {
        Json::Null => "null".to_owned(),
        Json::Bool(value) => value.to_string(),
        Json::Number(digits) => digits.clone(),
        Json::Text(text) => quoted(text),
        Json::Array(items) => {
            format!("[{}]", items.iter().map(render).collect::<Vec<_>>().join(", "))
        }
        Json::Object(fields) => {
            let field =
                |(name, value): &(String, Json)| format!("{}: {}", quoted(name), render(value));
            format!("{{{}}}", fields.iter().map(field).collect::<Vec<_>>().join(", "))
        }
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn matches(pattern: &str, text: &str) -> bool {
    Regex::new(pattern).unwrap().is_match(text).unwrap()
}

/// What in a text depends on where and when it was made.
fn masked(text: &str, authority: &str) -> String {
    let text =
        text.replace(&format!("http://{authority}"), "<base>").replace(authority, "<worker>");
    let text = text.replace(
        "org.apache.kafka.connect.errors.ConnectException: Failed to find any class",
        "Failed to find any class",
    );
    [
        (r"location='[^']*'", "location='<location>'"),
        (r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "<time>"),
        // It depends on the length of the connector's name.
        (r"column: \d+", "column: <n>"),
    ]
    .iter()
    .fold(text, |text, (pattern, name)| {
        Regex::new(pattern).unwrap().replace_all(&text, *name).into_owned()
    })
}

struct Shape<'a> {
    step: &'a Json,
    authority: &'a str,
}

impl Shape<'_> {
    fn is_sorted(&self, path: &str) -> bool {
        path.ends_with("recommended_values")
            || match self.step.get("sorted") {
                Some(Json::Bool(true)) => path.is_empty(),
                Some(Json::Array(patterns)) => {
                    patterns.iter().filter_map(Json::as_text).any(|pattern| matches(pattern, path))
                }
                _ => false,
            }
    }

    fn hides(&self, path: &str) -> bool {
        let masks = self.step.get("mask").map_or(&[][..], Json::items);
        matches(VOLATILE, path)
            || masks.iter().filter_map(Json::as_text).any(|pattern| matches(pattern, path))
    }

    fn of(&self, value: &Json, path: &str) -> Json {
        match value {
            Json::Object(fields) => {
                let below = |name: &str| {
                    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
                };
                let mut fields: Vec<(String, Json)> = fields
                    .iter()
                    .map(|(name, value)| (name.clone(), self.of(value, &below(name))))
                    .collect();
                if matches(FREE, path) {
                    fields.sort_by(|left, right| left.0.cmp(&right.0));
                }
                Json::Object(fields)
            }
            Json::Array(items) => {
                let items = items.iter().enumerate();
                let mut items: Vec<Json> =
                    items.map(|(at, item)| self.of(item, &format!("{path}.{at}"))).collect();
                if self.is_sorted(path) {
                    items.sort_by_key(render);
                }
                Json::Array(items)
            }
            Json::Null => Json::Null,
            _ if self.hides(path) => match value {
                Json::Text(text) if matches(r"^<\w+>$", text) => value.clone(),
                Json::Text(_) => Json::Text("<str>".to_owned()),
                other => Json::Text(other.kind().to_owned()),
            },
            Json::Text(text) if matches(r"(^|\.)trace$", path) => {
                let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('\t'));
                Json::Text(masked(&lines.collect::<Vec<_>>().join("\n"), self.authority))
            }
            Json::Text(text) => Json::Text(masked(text, self.authority)),
            other => other.clone(),
        }
    }

    /// Only what the step asks for.
    fn part(&self, mut value: Json) -> Json {
        let keep = self.step.get("keep");
        if let (Some(keep), Json::Object(fields)) = (keep, &mut value) {
            let keep: Vec<&str> = keep.items().iter().filter_map(Json::as_text).collect();
            fields.retain(|(name, _)| keep.contains(&name.as_str()));
        } else if let (Some(_), Json::Array(items)) = (keep, &mut value) {
            *items = items.iter().filter_map(|item| item.get("name").cloned()).collect();
        }
        if let (Some(pick), Json::Object(fields)) = (self.step.get("pick"), &mut value) {
            let list = pick.text("list").unwrap_or_default();
            let by = pick.text("by").unwrap_or_default();
            let want: Vec<&str> = pick
                .get("want")
                .map_or(&[][..], Json::items)
                .iter()
                .filter_map(Json::as_text)
                .collect();
            let want = format!("^(?:{})$", want.join("|"));
            for (_, value) in fields.iter_mut().filter(|(name, _)| name == list) {
                if let Json::Array(items) = value {
                    items.retain(|item| {
                        item.at(by).and_then(Json::as_text).is_some_and(|name| matches(&want, name))
                    });
                }
            }
        }
        if let (Some(Json::Bool(true)), Json::Object(fields)) =
            (self.step.get("errors"), &mut value)
        {
            fields.retain(|(name, _)| name != "groups");
            for (_, value) in fields.iter_mut().filter(|(name, _)| name == "configs") {
                if let Json::Array(items) = value {
                    items.retain(|item| {
                        item.at("value.errors").is_some_and(|errors| !errors.items().is_empty())
                    });
                    for item in items {
                        if let Json::Object(fields) = item {
                            fields.retain(|(name, _)| name != "definition");
                        }
                    }
                }
            }
        }
        value
    }
}

/// The first difference, if there is one.
pub(super) fn difference(
    step: &Json,
    expected: &Json,
    answer: &Answer,
    authority: &str,
) -> Option<String> {
    let status = expected.get("status").and_then(Json::digits).unwrap_or_default();
    if status != answer.status.to_string() {
        return Some(format!("status {} instead of {status}: {}", answer.status, answer.body));
    }
    for name in HEADERS {
        let wanted = expected.get("headers").and_then(|headers| headers.text(name));
        let found = answer.header(name).map(|value| masked(value, authority));
        if wanted != found.as_deref() {
            return Some(format!("header {name}: {found:?} instead of {wanted:?}"));
        }
    }
    let shape = Shape { step, authority };
    if answer.header("Content-Type").is_some_and(|kind| kind.contains("html")) {
        let html = expected.text("text") == Some("<html>");
        return (!html).then(|| "a page instead of JSON".to_owned());
    }
    match Json::parse(&answer.body) {
        Some(found) => {
            let found = shape.of(&shape.part(found), "");
            let wanted = expected.get("body").map(|body| shape.of(body, ""));
            let (found, wanted) = (render(&found), wanted.as_ref().map(render));
            (wanted.as_ref() != Some(&found))
                .then(|| format!("body {found}\ninstead of {}", wanted.unwrap_or_default()))
        }
        None => {
            let (found, wanted) = (masked(&answer.body, authority), expected.text("text"));
            (wanted != Some(&found)).then(|| format!("text {found:?} instead of {wanted:?}"))
        }
    }
}
