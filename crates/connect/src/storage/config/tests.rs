//! Records of the config topic against captures.

use super::*;

/// Written by Connect 4.3.0 during one connector's life: key and value of every record, in order.
const GOLDEN: &str = include_str!("../../../testdata/configs.jsonl");

#[derive(Debug, Deserialize)]
struct Line {
    after: String,
    key: String,
    value: Option<String>,
}

fn lines() -> Vec<Line> {
    GOLDEN.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn apply(copy: &ConfigCopy, key: &str, value: Option<&str>, live: bool) -> Result<(), Malformed> {
    let (key, value) = (Some(key.as_bytes()), value.map(str::as_bytes));
    copy.apply(Record { key, value, partition: 0, offset: 0, live })
}

fn entry(copy: &ConfigCopy, name: &str) -> Option<ConnectorEntry> {
    copy.lock().connectors.get(name).filter(|entry| entry.config.is_some()).cloned()
}

/// The connector's target and number of tasks after each step.
fn replay(copy: &ConfigCopy) -> Vec<(String, Option<(TargetState, usize)>)> {
    let mut steps: Vec<(String, Option<(TargetState, usize)>)> = Vec::new();
    for line in lines() {
        apply(copy, &line.key, line.value.as_deref(), true).unwrap();
        let now = entry(copy, "store_life").map(|entry| (entry.target, entry.tasks.len()));
        match steps.last_mut().filter(|(after, _)| *after == line.after) {
            Some(last) => last.1 = now,
            None => steps.push((line.after, now)),
        }
    }
    steps
}

#[test]
fn a_topic_that_connect_wrote_is_understood() {
    let steps = replay(&ConfigCopy::default());
    let state = |start: &str| steps.iter().find(|(after, _)| after.starts_with(start)).unwrap().1;
    assert_eq!(state("POST /connectors"), Some((TargetState::Started, 1)));
    assert_eq!(state("PUT pause"), Some((TargetState::Paused, 1)));
    assert_eq!(state("PUT stop"), Some((TargetState::Stopped, 0)));
    assert_eq!(state("DELETE connector"), None);
    assert_eq!(state("POST with initial_state PAUSED"), Some((TargetState::Paused, 0)));
    assert_eq!(state("POST with initial_state STOPPED, resume"), Some((TargetState::Started, 1)));
}

#[test]
fn records_are_rendered_as_connect_renders_them() {
    for line in lines() {
        let Some(value) = line.value else { continue };
        let rendered = if line.key.starts_with("connector-") || line.key.starts_with("task-") {
            render(&serde_json::from_str::<PropertiesValue>(&value).unwrap())
        } else if line.key.starts_with("commit-") {
            render(&serde_json::from_str::<CommitValue>(&value).unwrap())
        } else if line.key.starts_with("target-state-") {
            let parsed: TargetStateValue = serde_json::from_str(&value).unwrap();
            TargetState::parse(&parsed.state_v2.unwrap()).unwrap().render()
        } else if line.key.starts_with("restart-connector-") {
            render(&serde_json::from_str::<RestartRequest>(&value).unwrap())
        } else {
            continue;
        };
        assert_eq!(String::from_utf8(rendered).unwrap(), value, "{}", line.key);
    }
}

#[test]
fn task_configurations_have_the_order_that_connect_gives_them() {
    let copy = ConfigCopy::default();
    let all = lines();
    let stored = |prefix: &str| {
        let line = all.iter().find(|line| line.key.starts_with(prefix)).unwrap();
        serde_json::from_str::<PropertiesValue>(line.value.as_ref().unwrap()).unwrap().properties
    };
    let line = all.iter().find(|line| line.key.starts_with("connector-")).unwrap();
    apply(&copy, &line.key, line.value.as_deref(), false).unwrap();
    let mut task = entry(&copy, "store_life").unwrap().config.unwrap();
    task.insert(
        "task.class".to_owned(),
        "io.debezium.connector.postgresql.PostgresConnectorTask".to_owned(),
    );
    let ours: Vec<String> = hash_order(task).into_keys().collect();
    let theirs: Vec<String> = stored("task-").into_keys().collect();
    assert_eq!(ours, theirs);
}

#[test]
fn a_restart_counts_only_live() {
    let copy = ConfigCopy::default();
    let value = Some(r#"{"include-tasks":true,"only-failed":false}"#);
    apply(&copy, "restart-connector-a", value, false).unwrap();
    assert!(copy.lock().changes.restarts.is_empty());
    apply(&copy, "restart-connector-a", value, true).unwrap();
    let request = copy.lock().changes.restarts.get("a").copied().unwrap();
    assert!(request.include_tasks && !request.only_failed);
}

#[test]
fn a_malformed_record_leaves_what_was_known() {
    let copy = ConfigCopy::default();
    apply(&copy, "connector-a", Some(r#"{"properties":{"name":"a"}}"#), false).unwrap();
    for value in ["{", r#"{"properties":{"name":{}}}"#, "[]", "secret"] {
        let Malformed(reason) = apply(&copy, "connector-a", Some(value), false).unwrap_err();
        assert!(!reason.contains("secret"), "{reason}");
    }
    assert_eq!(entry(&copy, "a").unwrap().config.unwrap().len(), 1);
    apply(&copy, "nonsense", Some("{}"), false).unwrap_err();
    apply(&copy, "target-state-a", Some(r#"{"state":"SIDEWAYS"}"#), false).unwrap_err();
}

#[test]
fn a_commit_without_its_tasks_is_inconsistent() {
    let copy = ConfigCopy::default();
    apply(&copy, "connector-a", Some(r#"{"properties":{}}"#), false).unwrap();
    apply(&copy, "task-a-1", Some(r#"{"properties":{}}"#), false).unwrap();
    apply(&copy, "commit-a", Some(r#"{"tasks":2}"#), false).unwrap();
    assert!(entry(&copy, "a").unwrap().inconsistent);
    apply(&copy, "task-a-0", Some(r#"{"properties":{}}"#), false).unwrap();
    apply(&copy, "commit-a", Some(r#"{"tasks":1}"#), false).unwrap();
    let now = entry(&copy, "a").unwrap();
    assert!(!now.inconsistent);
    assert_eq!(now.tasks.len(), 1);
}

#[test]
fn what_a_deleted_connector_left_behind_is_no_connector() {
    let copy = ConfigCopy::default();
    apply(&copy, "commit-a", Some(r#"{"tasks":0}"#), false).unwrap();
    apply(&copy, "target-state-a", Some(r#"{"state":"PAUSED"}"#), false).unwrap();
    assert_eq!(entry(&copy, "a"), None);
    apply(&copy, "connector-a", Some(r#"{"properties":{}}"#), false).unwrap();
    assert_eq!(
        entry(&copy, "a").unwrap().target,
        TargetState::Paused,
        "written before the configuration"
    );
}

#[test]
fn names_with_hyphens_are_kept_whole() {
    assert_eq!(Key::parse(b"task-a-b-12"), Some(Key::Task("a-b", 12)));
    assert_eq!(Key::parse(b"target-state-a-b"), Some(Key::TargetState("a-b")));
    assert_eq!(Key::parse(b"connector-task-x"), Some(Key::Connector("task-x")));
    assert_eq!(Key::parse(b"task-a-x"), None);
    assert_eq!(Key::parse(&[0xff]), None);
}
