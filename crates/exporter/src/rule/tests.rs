//! The engine by itself: what agents do with a rule.

use super::*;
use crate::bean::{Attribute, Table};

const ATTRIBUTES: &[Attribute<Vec<Value>>] = &[
    ("source-record-active-count", |v| v[0].clone()),
    ("source-record-active-count-avg", |v| v[1].clone()),
    ("status", |v| v[2].clone()),
];

const TABLE: Table<Vec<Value>> =
    Table { domain: "kafka.connect", kind: "source-task-metrics", attributes: &[ATTRIBUTES] };

fn bean(values: [Value; 3]) -> Bean {
    TABLE.bean(&[("connector", "c"), ("task", "0")], &values.to_vec())
}

fn numbers(first: f64, second: f64) -> Bean {
    bean([Value::Number(first), Value::Number(second), Value::Text("running".to_owned())])
}

fn lines(engine: &Engine, bean: Bean) -> Vec<String> {
    let families = engine.families(&[bean]);
    let series = families.iter().flat_map(|family| {
        family.samples.iter().map(|(labels, value)| format!("{}{{{labels}}} {value}", family.name))
    });
    series.collect()
}

fn engine(yaml: &str, agent: Agent) -> Engine {
    Engine::new(RuleSet::parse(yaml, agent).unwrap())
}

#[test]
fn file_without_rules_gives_the_default_format() {
    let engine = engine("", Agent::Zero);
    let labels = "connector=\"c\",task=\"0\"";
    let name = "kafka_connect_source_task_metrics_source_record_active_count";
    assert_eq!(
        lines(&engine, numbers(1.0, 2.0)),
        [format!("{name}{{{labels}}} 1"), format!("{name}_avg{{{labels}}} 2")]
    );
}

#[test]
fn rule_is_not_anchored_and_the_first_of_equal_series_stays() {
    let yaml = "rules:\n- pattern: 'connector=(.+), task=(.+)><>(.+-count)'\n  name: x_$3\n  labels: {C: $1}\n";
    assert_eq!(
        lines(&engine(yaml, Agent::Zero), numbers(1.0, 2.0)),
        ["x_source_record_active_count{C=\"c\"} 1"]
    );
    let of_one = lines(&engine(yaml, Agent::One), numbers(1.0, 2.0));
    assert_eq!(of_one.len(), 2, "{of_one:?}");
    assert!(of_one.iter().all(|line| line.contains("_objectname=\"kafka.connect<type=")));
}

#[test]
fn text_becomes_a_label_and_follows_its_value() {
    let yaml = "rules:\n- pattern: 'task=(.+)><>status: ([a-z]+)'\n  name: s\n  value: 1\n  labels: {status: $2}\n";
    let engine = engine(yaml, Agent::Zero);
    assert_eq!(lines(&engine, numbers(0.0, 0.0)), ["s{status=\"running\"} 1"]);
    let paused = bean([Value::Null, Value::Null, Value::Text("paused".to_owned())]);
    assert_eq!(lines(&engine, paused), ["s{status=\"paused\"} 1"]);
}

#[test]
fn number_in_a_label_follows_its_value_too() {
    let yaml = "rules:\n- pattern: '><>(.+): (.+)'\n  name: s\n  value: 1\n  labels: {$1: $2}\n";
    let engine = engine(yaml, Agent::Zero);
    let first = lines(&engine, numbers(1.0, 2.0));
    assert!(first.contains(&"s{source_record_active_count=\"1.0\"} 1".to_owned()), "{first:?}");
    let second = lines(&engine, numbers(7.0, 2.0));
    assert!(second.contains(&"s{source_record_active_count=\"7.0\"} 1".to_owned()), "{second:?}");
}

#[test]
fn value_of_a_number_follows_though_the_match_is_kept() {
    let yaml = "lowercaseOutputName: true\nrules:\n- pattern: '><>(.+-count):'\n  name: A_$1\n  valueFactor: 0.5\n";
    let engine = engine(yaml, Agent::Zero);
    assert_eq!(lines(&engine, numbers(1.0, 9.0)), ["a_source_record_active_count{} 0.5"]);
    assert_eq!(lines(&engine, numbers(4.0, 9.0)), ["a_source_record_active_count{} 2"]);
}

#[test]
fn names_of_agents_1_are_cut_and_counters_end_with_total() {
    assert_eq!(cut("a_total_info"), "a");
    assert_eq!(cut("a_totals"), "a_totals");
    let rule =
        |kind| format!("rules:\n- pattern: 'active-count:'\n  name: a_total\n  type: {kind}\n");
    assert_eq!(lines(&engine(&rule("GAUGE"), Agent::One), numbers(1.0, 2.0)), ["a{} 1"]);
    assert_eq!(lines(&engine(&rule("COUNTER"), Agent::One), numbers(1.0, 2.0)), ["a_total{} 1"]);
}

#[test]
fn both_spellings_of_the_lists_are_read() {
    for keys in [
        ["whitelistObjectNames", "blacklistObjectNames"],
        ["includeObjectNames", "excludeObjectNames"],
    ] {
        let yaml =
            format!("{}: ['kafka.connect:*']\n{}: ['*:type=source-*,*']\n", keys[0], keys[1]);
        assert_eq!(lines(&engine(&yaml, Agent::Zero), numbers(1.0, 2.0)), [""; 0]);
    }
    let yaml = "excludeObjectNameAttributes:\n  'kafka.connect:*': [source-record-active-count]\n";
    assert_eq!(lines(&engine(yaml, Agent::One), numbers(1.0, 2.0)).len(), 1);
}

#[test]
fn mistake_is_told_with_its_line_and_rule() {
    let error = |yaml: &str| RuleSet::parse(yaml, Agent::Zero).unwrap_err().to_string();
    let start = "rules:\n- pattern: a\n  name: b\n";
    for (yaml, told) in [
        (format!("{start}- pattern: '(a'\n"), "line 4, rule 2: pattern:"),
        (
            format!("{start}- pattern: '(a)'\n  name: x_$2\n"),
            "line 5, rule 2: name: the pattern has no group 2",
        ),
        (
            format!("{start}- labels: {{a: b}}\n"),
            "line 4, rule 2: help or labels are given, and no name",
        ),
        (format!("{start}- pattern: a\n  name: x\n  type: METER\n"), "line 6, rule 2: type: METER"),
        (
            "lowercaseOutputName: maybe\n".to_owned(),
            "line 1: lowercaseOutputName: neither true nor false",
        ),
        ("rules:\n  - pattern: 'a\n".to_owned(), "line "),
        ("whitelistObjectNames: [kafka]\n".to_owned(), "line 1: kafka: is no object name"),
    ] {
        let found = error(&yaml);
        assert!(found.starts_with(told), "{found} is not {told}");
    }
}

#[test]
fn value_is_seen_by_patterns_that_go_on_behind_the_colon() {
    for (pattern, sees) in [
        ("a<>([^:]+):", false),
        ("a<>(.+): ", false),
        ("a<>(?:b|c)", false),
        ("a<>status: ([a-z-]+)", true),
        ("a<>(.+): (.+)", true),
    ] {
        let yaml = format!("rules:\n- pattern: '{pattern}'\n");
        let sets = RuleSet::parse(&yaml, Agent::Zero).unwrap();
        let found = sets[0].rules[0].pattern.as_ref().map(|pattern| pattern.sees_value);
        assert_eq!(found, Some(sees), "{pattern}");
    }
}
