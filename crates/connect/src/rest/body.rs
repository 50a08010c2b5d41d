//! Request bodies. Connect reads them with Jackson: scalars become text, and what does not fit is a 500 with
//! Jackson's words, which say where.

use indexmap::IndexMap;
use serde_json::Value;
use serde_json::value::RawValue;

use super::jackson::{self, Step};
use crate::herder::command::Refusal;
use crate::storage::config::TargetState;

/// A configuration as sent: null is not yet refused.
pub(super) type Sent = IndexMap<String, Option<String>>;

const ENTITIES: &str = "org.apache.kafka.connect.runtime.rest.entities";
const MAP: &str = "java.util.LinkedHashMap";

/// `POST /connectors`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Create {
    pub(super) name: String,
    pub(super) config: Option<Sent>,
    pub(super) target: TargetState,
}

/// A body with its parts as they stand in it.
struct Reader<'a> {
    body: &'a str,
}

fn refuse(text: impl Into<String>) -> Refusal {
    Refusal::new(500, text)
}

/// The classes that Jackson goes through, from the root down.
const CREATE: &[&str] = &["CreateConnectorRequest", MAP];
const FLAT: &[&str] = &[MAP, MAP];
const OFFSETS: &[&str] = &["ConnectorOffsets", "java.util.ArrayList", "ConnectorOffset", MAP];

/// Why a body is not JSON.
fn syntax(body: &str, classes: &[&str]) -> Refusal {
    let Some(jackson::Fault { message, path }) = jackson::fault(body) else {
        // What serde refuses and Jackson takes: nesting beyond measure.
        return refuse("Document nesting depth exceeds the maximum allowed");
    };
    let chain: Vec<String> = path
        .iter()
        .zip(classes)
        .map(|(step, class)| {
            let class = if class.contains('.') {
                (*class).to_owned()
            } else {
                format!("{ENTITIES}.{class}")
            };
            match step {
                Step::Field(name) => format!("{class}[\"{name}\"]"),
                Step::Item(index) => format!("{class}[{index}]"),
            }
        })
        .collect();
    refuse(format!("{message}{}", through(&chain)))
}

impl<'a> Reader<'a> {
    fn new(body: &'a [u8]) -> Result<Self, Refusal> {
        let body = std::str::from_utf8(body)
            .map_err(|_not| refuse("Invalid UTF-8 in the request body"))?;
        Ok(Self { body })
    }

    /// The whole body; nothing for an empty one or null.
    fn value(&self, classes: &[&str]) -> Result<Option<&'a RawValue>, Refusal> {
        if self.body.trim_matches([' ', '\t', '\n', '\r']).is_empty() {
            return Ok(None);
        }
        let parsed: Result<&RawValue, _> = serde_json::from_str(self.body);
        let raw = parsed.map_err(|_not_json| syntax(self.body, classes))?;
        Ok(Some(raw).filter(|raw| raw.get() != "null"))
    }

    fn place(&self, part: &RawValue) -> String {
        self.place_at((part.get().as_ptr() as usize).saturating_sub(self.body.as_ptr() as usize))
    }

    fn place_at(&self, offset: usize) -> String {
        let before = self.body.get(..offset).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        source(line, column)
    }

    /// Jackson's refusal of a value that cannot be a `class` (`generic` with type parameters).
    fn mismatch(&self, part: &RawValue, class: &str, generic: &str, chain: &[String]) -> Refusal {
        let text = part.get();
        let token = |kind: &str, token: &str| {
            format!(
                "Cannot deserialize value of type `{generic}` from {kind} value (token `JsonToken.{token}`)"
            )
        };
        let no_creator = |kind: &str, shown: &str| {
            format!(
                "Cannot construct instance of `{class}` (although at least one Creator exists): no \
                 {kind}-argument constructor/factory method to deserialize from {shown}"
            )
        };
        let message = match text.as_bytes().first() {
            Some(b'{') => token("Object", "START_OBJECT"),
            Some(b'[') => token("Array", "START_ARRAY"),
            Some(b'"') => {
                let inner: String = serde_json::from_str(text).unwrap_or_default();
                no_creator("String", &format!("String value ('{inner}')"))
            }
            Some(b't' | b'f') if class == MAP => {
                token("Boolean", if text == "true" { "VALUE_TRUE" } else { "VALUE_FALSE" })
            }
            Some(b't' | b'f') => no_creator("boolean/Boolean", &format!("boolean value ({text})")),
            _ if class == MAP && text.contains(['.', 'e', 'E']) => {
                token("Floating-point", "VALUE_NUMBER_FLOAT")
            }
            _ if class == MAP => token("Integer", "VALUE_NUMBER_INT"),
            _ if text.contains(['.', 'e', 'E']) => {
                no_creator("double/Double", &format!("Number value ({text})"))
            }
            _ => no_creator("int/Int", &format!("Number value ({text})")),
        };
        refuse(format!("{message}{}{}", self.place(part), through(chain)))
    }

    /// The fields of an object, the last of equal names.
    fn object(&self, part: &'a RawValue) -> Option<IndexMap<String, &'a RawValue>> {
        serde_json::from_str(part.get()).ok()
    }

    fn array(&self, part: &'a RawValue) -> Option<Vec<&'a RawValue>> {
        serde_json::from_str(part.get()).ok()
    }

    /// A scalar as text.
    fn text(&self, part: &RawValue, chain: &[String]) -> Result<Option<String>, Refusal> {
        let raw = part.get();
        match raw.as_bytes().first() {
            Some(b'{' | b'[') => {
                Err(self.mismatch(part, "java.lang.String", "java.lang.String", chain))
            }
            Some(b'"') => {
                serde_json::from_str(raw).map(Some).map_err(|error| refuse(error.to_string()))
            }
            _ if raw == "null" => Ok(None),
            _ => Ok(Some(raw.to_owned())),
        }
    }

    fn map(&self, part: &'a RawValue, chain: &[String]) -> Result<Sent, Refusal> {
        let generic = format!("{MAP}<java.lang.String,java.lang.String>");
        let fields = self.object(part).ok_or_else(|| self.mismatch(part, MAP, &generic, chain))?;
        let text = |(key, value): (String, &RawValue)| {
            let mut chain = chain.to_vec();
            chain.push(format!("{MAP}[\"{key}\"]"));
            Ok((key, self.text(value, &chain)?))
        };
        fields.into_iter().map(text).collect()
    }

    /// A field that a class does not have. Jackson notices it behind a number, or before anything else.
    fn unknown(&self, part: &RawValue, field: &str, class: &str, known: &str) -> Refusal {
        let start = (part.get().as_ptr() as usize).saturating_sub(self.body.as_ptr() as usize);
        let number =
            part.get().starts_with(|letter: char| letter == '-' || letter.is_ascii_digit());
        let at = self.place_at(if number { start + part.get().len() } else { start });
        Self::unrecognized(field, class, known, &at)
    }

    /// The same of a class that is made only when all of its fields are known.
    fn unknown_at_end(&self, field: &str, class: &str, known: &str) -> Refusal {
        Self::unrecognized(field, class, known, &self.place_at(self.body.trim_end().len()))
    }

    fn unrecognized(field: &str, class: &str, known: &str, at: &str) -> Refusal {
        refuse(format!(
            "Unrecognized field \"{field}\" (class {class}), not marked as ignorable ({known}){at}{}",
            through(&[format!("{class}[\"{field}\"]")])
        ))
    }
}

fn source(line: usize, column: usize) -> String {
    format!("\n at {}", jackson::source(line, column))
}

fn through(chain: &[String]) -> String {
    if chain.is_empty() {
        String::new()
    } else {
        format!(" (through reference chain: {})", chain.join("->"))
    }
}

/// A flat map; nothing if there is no body.
pub(super) fn config(body: &[u8]) -> Result<Option<Sent>, Refusal> {
    let reader = Reader::new(body)?;
    reader.value(FLAT)?.map(|value| reader.map(value, &[])).transpose()
}

/// `POST /connectors`.
pub(super) fn create(body: &[u8]) -> Result<Create, Refusal> {
    let class = format!("{ENTITIES}.CreateConnectorRequest");
    let reader = Reader::new(body)?;
    let Some(value) = reader.value(CREATE)? else {
        return Err(refuse(format!(
            "Cannot invoke \"{class}.name()\" because \"createRequest\" is null"
        )));
    };
    let fields = reader.object(value).ok_or_else(|| reader.mismatch(value, &class, &class, &[]))?;
    let mut create = Create { name: String::new(), config: None, target: TargetState::Started };
    for (field, part) in fields {
        let chain = [format!("{class}[\"{field}\"]")];
        match field.as_str() {
            // Java's `trim`: control characters and blanks.
            "name" => {
                let name = reader.text(part, &chain)?.unwrap_or_default();
                create.name = name.trim_matches(|letter| letter <= ' ').to_owned();
            }
            "config" if part.get() == "null" => {}
            "config" => create.config = Some(reader.map(part, &chain)?),
            "initial_state" => {
                let text = reader.text(part, &chain)?;
                create.target = text.map_or(Ok(TargetState::Started), |text| {
                    initial_state(&text, &reader.place(part), &class, &chain)
                })?;
            }
            _ => {
                let known = "3 known properties: \"config\", \"name\", \"initial_state\"";
                return Err(reader.unknown_at_end(&field, &class, known));
            }
        }
    }
    Ok(create)
}

fn initial_state(
    text: &str,
    place: &str,
    class: &str,
    chain: &[String],
) -> Result<TargetState, Refusal> {
    match text.to_ascii_uppercase().as_str() {
        "RUNNING" => Ok(TargetState::Started),
        "PAUSED" => Ok(TargetState::Paused),
        "STOPPED" => Ok(TargetState::Stopped),
        upper => Err(refuse(format!(
            "Cannot construct instance of `{class}$InitialState`, problem: No enum constant \
             {ENTITIES}.CreateConnectorRequest.InitialState.{upper}{place}{}",
            through(chain)
        ))),
    }
}

/// `PATCH …/offsets`: partitions and their offsets, none to delete.
pub(super) fn offsets(body: &[u8]) -> Result<Vec<(Value, Option<Value>)>, Refusal> {
    let class = format!("{ENTITIES}.ConnectorOffsets");
    let reader = Reader::new(body)?;
    let Some(value) = reader.value(OFFSETS)? else {
        return Err(refuse(format!(
            "Cannot invoke \"{class}.offsets()\" because \"offsets\" is null"
        )));
    };
    let fields = reader.object(value).ok_or_else(|| reader.mismatch(value, &class, &class, &[]))?;
    let mut offsets = Vec::new();
    for (field, part) in fields {
        let chain = format!("{class}[\"{field}\"]");
        match field.as_str() {
            "offsets" if part.get() == "null" => {}
            "offsets" => {
                let generic = format!("java.util.ArrayList<{ENTITIES}.ConnectorOffset>");
                let list = reader.array(part);
                let list = list.ok_or_else(|| {
                    reader.mismatch(
                        part,
                        "java.util.ArrayList",
                        &generic,
                        std::slice::from_ref(&chain),
                    )
                })?;
                for (at, item) in list.into_iter().enumerate() {
                    let chain = [chain.clone(), format!("java.util.ArrayList[{at}]")];
                    offsets.push(offset(&reader, item, &chain)?);
                }
            }
            _ => {
                return Err(reader.unknown(
                    part,
                    &field,
                    &class,
                    "one known property: \"offsets\"",
                ));
            }
        }
    }
    Ok(offsets)
}

fn offset<'a>(
    reader: &Reader<'a>,
    item: &'a RawValue,
    chain: &[String],
) -> Result<(Value, Option<Value>), Refusal> {
    let class = format!("{ENTITIES}.ConnectorOffset");
    let fields = reader.object(item).ok_or_else(|| reader.mismatch(item, &class, &class, chain))?;
    let (mut partition, mut offset) = (Value::Null, None);
    for (field, part) in fields {
        let mut chain = chain.to_vec();
        chain.push(format!("{class}[\"{field}\"]"));
        let value: Value =
            serde_json::from_str(part.get()).map_err(|error| refuse(error.to_string()))?;
        if !value.is_object()
            && !value.is_null()
            && matches!(field.as_str(), "partition" | "offset")
        {
            let generic = format!("{MAP}<java.lang.String,java.lang.Object>");
            return Err(reader.mismatch(part, MAP, &generic, &chain));
        }
        match field.as_str() {
            "partition" => partition = value,
            "offset" => offset = Some(value).filter(|value| !value.is_null()),
            _ => {
                let known = "2 known properties: \"partition\", \"offset\"";
                return Err(reader.unknown(part, &field, &class, known));
            }
        }
    }
    primitive(&partition)?;
    offset.as_ref().map_or(Ok(()), primitive)?;
    Ok((partition, offset))
}

/// Connect stores only flat maps.
fn primitive(map: &Value) -> Result<(), Refusal> {
    for (field, value) in map.as_object().into_iter().flatten() {
        let kind = match value {
            Value::Object(_) => "MAP",
            Value::Array(_) => "ARRAY",
            _ => continue,
        };
        return Err(refuse(format!(
            "Offsets may only contain primitive types as values, but field {field} contains {kind}"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
