//! Request bodies against captured answers.

use super::*;

const AT: &str = "\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: 1, column: ";

fn sent(entries: &[(&str, Option<&str>)]) -> Sent {
    entries.iter().map(|&(key, value)| (key.to_owned(), value.map(str::to_owned))).collect()
}

#[test]
fn scalars_become_text_as_they_were_written() {
    let body = r#"{"a":1,"b":true,"c":1.5,"j":1e+30,"k":12345678901234567890,"n":null,"s":"é\n"}"#;
    let expected = sent(&[
        ("a", Some("1")),
        ("b", Some("true")),
        ("c", Some("1.5")),
        ("j", Some("1e+30")),
        ("k", Some("12345678901234567890")),
        ("n", None),
        ("s", Some("é\n")),
    ]);
    assert_eq!(config(body.as_bytes()).unwrap(), Some(expected));
}

#[test]
fn of_equal_keys_the_last_counts() {
    assert_eq!(config(br#"{"a":"1","a":"2"}"#).unwrap(), Some(sent(&[("a", Some("2"))])));
}

#[test]
fn no_body_is_no_configuration() {
    assert_eq!(config(b"").unwrap(), None);
    assert_eq!(config(b"null").unwrap(), None);
}

/// Recorded from Connect 4.3.0.
#[test]
fn wrong_types_are_refused_in_jacksons_words() {
    let string = "Cannot deserialize value of type `java.lang.String` from Object value (token `JsonToken.START_OBJECT`)";
    let map = "Cannot deserialize value of type `java.util.LinkedHashMap<java.lang.String,java.lang.String>` from";
    for (body, expected) in [
        (
            r#"{"a":{}}"#,
            format!("{string}{AT}6] (through reference chain: java.util.LinkedHashMap[\"a\"])"),
        ),
        ("[]", format!("{map} Array value (token `JsonToken.START_ARRAY`){AT}1]")),
        ("1", format!("{map} Integer value (token `JsonToken.VALUE_NUMBER_INT`){AT}1]")),
        (
            "\"x\"",
            format!(
                "Cannot construct instance of `java.util.LinkedHashMap` (although at least one Creator exists): \
                no String-argument constructor/factory method to deserialize from String value ('x'){AT}1]"
            ),
        ),
    ] {
        let refusal = config(body.as_bytes()).unwrap_err();
        assert_eq!((refusal.code, refusal.message), (500, expected), "{body}");
    }
}

#[test]
fn a_creation_is_trimmed_and_coerced() {
    let body = br#"{"name":" a b\n","config":{"x":1},"initial_state":"stopped"}"#;
    let expected = Create {
        name: "a b".to_owned(),
        config: Some(sent(&[("x", Some("1"))])),
        target: TargetState::Stopped,
    };
    assert_eq!(create(body).unwrap(), expected);
    assert_eq!(create(br#"{"name":1}"#).unwrap().name, "1");
    assert_eq!(
        create(br#"{"name":null,"initial_state":null}"#).unwrap().target,
        TargetState::Started
    );
}

#[test]
fn unknown_states_and_fields_are_refused() {
    let refusal = create(br#"{"name":"a","initial_state":"nope"}"#).unwrap_err();
    assert!(refusal.message.contains("InitialState.NOPE"), "{}", refusal.message);
    let refusal = create(br#"{"name":"a","extra":1}"#).unwrap_err();
    let start = "Unrecognized field \"extra\" (class org.apache.kafka.connect.runtime.rest.entities.\
        CreateConnectorRequest), not marked as ignorable (3 known properties: \"config\", \"name\", \"initial_state\")";
    assert!(refusal.message.starts_with(start), "{}", refusal.message);
}

#[test]
fn offsets_hold_only_primitive_values() {
    let refusal =
        offsets(br#"{"offsets":[{"partition":{"s":"x"},"offset":{"a":[1]}}]}"#).unwrap_err();
    let text = "Offsets may only contain primitive types as values, but field a contains ARRAY";
    assert_eq!((refusal.code, refusal.message.as_str()), (500, text));
}

#[test]
fn a_missing_offset_deletes_and_a_missing_partition_is_taken() {
    let all = offsets(br#"{"offsets":[{},{"partition":{"s":"x"}},{"offset":{"l":1}}]}"#).unwrap();
    assert_eq!(all.len(), 3);
    assert_eq!(all[1], (serde_json::json!({"s": "x"}), None));
    assert_eq!(all[2], (Value::Null, Some(serde_json::json!({"l": 1}))));
}
