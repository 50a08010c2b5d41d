//! The option tables against captured answers.

use super::framework::keys;
use super::*;
use crate::settings::PluginKind;

fn key(name: &str) -> &'static ConfigKey {
    keys(PluginKind::Source).find(|key| key.name == name).unwrap()
}

/// Key, value and errors, recorded from Connect 4.3.0.
const CASES: &[(&str, &str, &[&str])] = &[
    ("name", "", &["Invalid value  for configuration name: String may not be empty"]),
    ("tasks.max", "0", &["Invalid value 0 for configuration tasks.max: Value must be at least 1"]),
    (
        "tasks.max",
        "x",
        &[
            "Invalid value x for configuration tasks.max: Not a number of type INT",
            "Invalid value null for configuration tasks.max: Value must be non-null",
        ],
    ),
    (
        "tasks.max",
        "99999999999",
        &[
            "Invalid value 99999999999 for configuration tasks.max: Not a number of type INT",
            "Invalid value null for configuration tasks.max: Value must be non-null",
        ],
    ),
    ("tasks.max", "2", &[]),
    (
        "tasks.max.enforce",
        "maybe",
        &[
            "Invalid value maybe for configuration tasks.max.enforce: Expected value to be either true or false",
        ],
    ),
    (
        "errors.tolerance",
        "ALL",
        &["Invalid value ALL for configuration errors.tolerance: String must be one of: none, all"],
    ),
    ("errors.retry.timeout", "-2", &[]),
    (
        "errors.retry.timeout",
        "x",
        &["Invalid value x for configuration errors.retry.timeout: Not a number of type LONG"],
    ),
    (
        "config.action.reload",
        "never",
        &[
            "Invalid value never for configuration config.action.reload: String must be one of: none, restart",
        ],
    ),
    (
        "exactly.once.support",
        "maybe",
        &["Invalid value maybe for configuration exactly.once.support: \
               String must be one of (case insensitive): REQUIRED, REQUESTED"],
    ),
    (
        "offsets.storage.topic",
        " ",
        &["Invalid value  for configuration offsets.storage.topic: String must be non-empty"],
    ),
    (
        "topic.creation.groups",
        "a,a",
        &[
            "Invalid value [a, a] for configuration topic.creation.groups: Duplicate alias provided.",
        ],
    ),
    (
        "name",
        "a\tb",
        &["Invalid value a\tb for configuration name: String may not contain control sequences \
               but had the following ASCII chars: 9"],
    ),
];

#[test]
fn framework_errors_are_kafkas() {
    for (key, value, expected) in CASES {
        let value = ConfigValue::of(self::key(key), key, Some(value));
        assert_eq!(value.errors, *expected, "{key}={:?}", value.value);
    }
}

#[test]
fn a_missing_required_option_has_one_error() {
    let name = ConfigValue::of(key("name"), "name", None);
    assert_eq!(
        name.errors,
        ["Missing required configuration \"name\" which has no default value."]
    );
    assert_eq!(name.value, None);
}

#[test]
fn defaults_are_shown_as_values() {
    let shown = |name: &str| ConfigValue::of(key(name), name, None).value;
    assert_eq!(shown("tasks.max").as_deref(), Some("1"));
    assert_eq!(shown("transforms").as_deref(), Some(""));
    assert_eq!(shown("transaction.boundary.interval.ms"), None);
}

#[test]
fn passwords_are_never_shown() {
    static KEY: ConfigKey = ConfigKey::new("p", Type::Password, Default::Null);
    assert_eq!(ConfigValue::of(&KEY, "p", Some("secret")).value.as_deref(), Some("[hidden]"));
}

#[test]
fn lists_are_split_and_trimmed() {
    let parsed = Type::List.parse("l", " a , b,c ").unwrap();
    assert_eq!(parsed, Parsed::List(vec!["a".to_owned(), "b".to_owned(), "c".to_owned()]));
    assert_eq!(Type::List.parse("l", "a,").unwrap().shown().as_deref(), Some("a,"));
}

#[test]
fn a_definition_has_connects_keys_in_order() {
    let json = serde_json::to_string(&Definition::from(key("tasks.max"))).unwrap();
    let expected = r#"{"name":"tasks.max","type":"INT","required":false,"default_value":"1","importance":"HIGH","documentation":"Maximum number of tasks to use for this connector.","group":"Common","order_in_group":4,"width":"SHORT","display_name":"Tasks max","dependents":[]}"#;
    assert_eq!(json, expected);
}

#[test]
fn parsing_one_option_gives_its_default_or_its_error() {
    static TABLE: ConfigDef = ConfigDef::new(&[
        ConfigKey::new("a", Type::Int, Default::Text("1")),
        ConfigKey::new("b", Type::Int, Default::Required),
    ]);
    assert_eq!(TABLE.parse("a", None), Ok(Parsed::Int(1)));
    assert_eq!(TABLE.parse("b", None), Err(ConfigError::Missing("b".to_owned())));
}
