//! Records of the status topic against captures.

use super::*;

/// Written by Connect 4.3.0 during one connector's life.
const GOLDEN: &str = include_str!("../../../testdata/status.jsonl");

#[derive(Debug, Deserialize)]
struct Line {
    after: String,
    key: String,
    value: Option<String>,
}

fn lines() -> impl Iterator<Item = Line> {
    GOLDEN.lines().map(|line| serde_json::from_str(line).unwrap())
}

fn apply(copy: &StatusCopy, key: &str, value: Option<&str>) -> Result<(), Malformed> {
    let (key, value) = (Some(key.as_bytes()), value.map(str::as_bytes));
    copy.apply(Record { key, value, partition: 0, offset: 0, live: false })
}

fn status(state: State, worker_id: &str, generation: i64) -> Status {
    Status { state, trace: None, worker_id: worker_id.to_owned(), generation, version: None }
}

#[test]
fn records_are_rendered_as_connect_renders_them() {
    for Line { key, value, .. } in lines() {
        let Some(value) = value else { continue };
        let rendered = if key.starts_with("status-topic-") {
            render(&serde_json::from_str::<TopicStatus>(&value).unwrap())
        } else {
            render(&serde_json::from_str::<Status>(&value).unwrap())
        };
        assert_eq!(String::from_utf8(rendered).unwrap(), value, "{key}");
    }
}

#[test]
fn a_topic_that_connect_wrote_is_understood() {
    let copy = StatusCopy::default();
    let mut seen = Vec::new();
    for Line { after, key, value } in lines() {
        apply(&copy, &key, value.as_deref()).unwrap();
        let content = copy.lock();
        let connector = content.connectors.get("store_life").map(|status| status.state);
        let topics = content.topics.get("store_life").map_or(0, BTreeSet::len);
        seen.push((after, connector, topics));
    }
    let last = |start: &str| seen.iter().rfind(|(after, ..)| after.starts_with(start)).unwrap();
    assert_eq!(last("PUT pause").1, Some(State::Paused));
    assert_eq!(last("insert, update").2, 2);
    assert_eq!(last("DELETE connector").1, None);
    assert_eq!(last("worker stops").1, Some(State::Unassigned));
}

#[test]
fn a_late_goodbye_does_not_hide_the_next_owner() {
    let copy = StatusCopy::default();
    let put = |status: &Status| {
        apply(&copy, "status-task-a-0", Some(std::str::from_utf8(&render(status)).unwrap()))
            .unwrap();
    };
    let state = || copy.lock().tasks["a"][&0].state;
    put(&status(State::Running, "new", 5));
    put(&status(State::Unassigned, "old", 5));
    assert_eq!(state(), State::Running);
    put(&status(State::Unassigned, "new", 5));
    assert_eq!(state(), State::Unassigned, "its own goodbye counts");
}

#[test]
fn what_is_no_status_is_refused_without_its_value() {
    let copy = StatusCopy::default();
    for value in ["secret", r#"{"state":"SECRET"}"#, r#"{"state":"RUNNING","worker_id":"w"}"#] {
        let Malformed(reason) = apply(&copy, "status-connector-a", Some(value)).unwrap_err();
        assert!(!reason.to_lowercase().contains("secret"), "{reason}");
    }
    apply(&copy, "status-nothing-a", Some("{}")).unwrap_err();
}

#[test]
fn topic_keys_are_split_at_their_connector() {
    let expected = Key::Topic { topic: "a.b", connector: "c:connector-d" };
    assert_eq!(Key::parse(b"status-topic-a.b:connector-c:connector-d"), Some(expected));
}
