//! Options that are small languages, and Connect's words for what is wrong in them.

use crate::config_def::{ConfigError, Parsed};

/// Types that `Cast` can make, as Java lists them.
const CASTS: [&str; 8] =
    ["INT8", "INT16", "INT32", "INT64", "FLOAT32", "FLOAT64", "BOOLEAN", "STRING"];

/// Connect's other types, which `Cast` knows and refuses.
const NO_CASTS: [&str; 4] = ["BYTES", "ARRAY", "MAP", "STRUCT"];

/// Java's `split(":")`: empty parts at the end do not count.
fn parts(item: &str) -> Vec<&str> {
    let mut parts: Vec<&str> = item.split(':').collect();
    while parts.len() > 1 && parts.last().is_some_and(|part| part.is_empty()) {
        parts.pop();
    }
    parts
}

/// `spec` of `Cast`: `a:int32,b:string`, or one type.
pub(super) fn cast_spec(_name: &str, value: &Parsed) -> Option<ConfigError> {
    let refused = |text: &str| Some(ConfigError::Refused(text.to_owned()));
    let items = match value {
        Parsed::List(items) if !items.is_empty() => items,
        _ => return refused("Must specify at least one field to cast."),
    };
    let mut whole = false;
    for item in items {
        let parts = parts(item);
        let target = match parts.as_slice() {
            [target] => {
                whole = true;
                target
            }
            [_, target] => target,
            // Connect's own words name another option.
            _ => {
                return Some(ConfigError::Invalid {
                    name: "renames".to_owned(),
                    value: value.in_error(),
                    reason: format!("Invalid rename mapping: {item}"),
                });
            }
        };
        if let Some(error) = cast_target(target) {
            return Some(error);
        }
    }
    if whole && items.len() > 1 {
        return refused(
            "Cast transformations that specify a type to cast the entire value to may only specify a single cast \
             in their spec",
        );
    }
    None
}

fn cast_target(target: &str) -> Option<ConfigError> {
    let upper = target.trim().to_ascii_uppercase();
    if CASTS.contains(&upper.as_str()) {
        return None;
    }
    if NO_CASTS.contains(&upper.as_str()) {
        return Some(ConfigError::Refused(format!(
            "Cast transformation does not support casting to {upper}; supported types are [{}]",
            CASTS.join(", ")
        )));
    }
    // Connect has taken the option's name for its value here.
    Some(ConfigError::Invalid {
        name: format!("Invalid type found in casting spec: {}", target.trim()),
        value: format!(
            "java.lang.IllegalArgumentException: No enum constant org.apache.kafka.connect.data.Schema.Type.{upper}"
        ),
        reason: String::new(),
    })
}

/// `renames` of `ReplaceField`: `a:b,c:d`.
pub(super) fn renames(name: &str, value: &Parsed) -> Option<ConfigError> {
    let Parsed::List(items) = value else { return None };
    let wrong = items.iter().find(|item| parts(item).len() != 2)?;
    Some(ConfigError::Invalid {
        name: name.to_owned(),
        value: value.in_error(),
        reason: format!("Invalid rename mapping: {wrong}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config_def::Type;

    fn refusal(check: fn(&str, &Parsed) -> Option<ConfigError>, text: &str) -> Option<String> {
        let value = Type::List.parse("x", text).unwrap();
        check("renames", &value).map(|error| error.to_string())
    }

    /// Recorded from Connect 4.3.0.
    #[test]
    fn refusals_are_connects() {
        for (text, expected) in [
            ("", "Must specify at least one field to cast."),
            (
                "x:nope",
                "Invalid value java.lang.IllegalArgumentException: No enum constant \
                 org.apache.kafka.connect.data.Schema.Type.NOPE for configuration Invalid type found in casting \
                 spec: nope",
            ),
            (
                "a:map",
                "Cast transformation does not support casting to MAP; supported types are [INT8, INT16, INT32, \
                 INT64, FLOAT32, FLOAT64, BOOLEAN, STRING]",
            ),
            (
                "a:int8:z",
                "Invalid value [a:int8:z] for configuration renames: Invalid rename mapping: a:int8:z",
            ),
        ] {
            assert_eq!(refusal(cast_spec, text).as_deref(), Some(expected), "{text}");
        }
        assert_eq!(refusal(cast_spec, "a:int32,b:string"), None);
        assert!(
            refusal(cast_spec, "int32,a:int8").unwrap().contains("may only specify a single cast")
        );
        assert_eq!(
            refusal(renames, "a:b,c").unwrap(),
            "Invalid value [a:b, c] for configuration renames: Invalid rename mapping: c"
        );
        assert_eq!(refusal(renames, "a:b"), None);
    }
}
