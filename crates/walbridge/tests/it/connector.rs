//! A connector's configuration over a sandbox, as the parity cases and the other tests begin with it.

use serde_json::{Map, Value, json};

use crate::lab::Sandbox;

/// The options by which each connector is told from the others, and plain JSON.
pub(crate) fn config(sandbox: &Sandbox) -> Map<String, Value> {
    let server = &sandbox.lab.postgres;
    let all = json!({
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "tasks.max": "1",
        "database.hostname": server.host,
        "database.port": server.port.to_string(),
        "database.user": server.user,
        "database.password": "postgres",
        "database.dbname": sandbox.database,
        "topic.prefix": sandbox.id,
        "slot.name": sandbox.id,
        "publication.name": sandbox.id,
        "plugin.name": "pgoutput",
        "key.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "key.converter.schemas.enable": "false",
        "value.converter.schemas.enable": "false",
    });
    match all {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// The same with some options set anew; `null` removes one.
pub(crate) fn config_with(sandbox: &Sandbox, changes: Value) -> Value {
    let mut config = config(sandbox);
    merge(&mut config, changes);
    Value::Object(config)
}

/// Sets options anew; `null` removes one.
pub(crate) fn merge(config: &mut Map<String, Value>, changes: Value) {
    let Value::Object(changes) = changes else { return };
    for (option, value) in changes {
        if value.is_null() {
            config.shift_remove(&option);
        } else {
            config.insert(option, value);
        }
    }
}
