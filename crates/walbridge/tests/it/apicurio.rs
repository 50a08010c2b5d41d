//! A real registry: what converters registered there is what its readers need, in Confluent's interface and in
//! Apicurio's own.

use std::process::Stdio;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::process::{Child, Command};

use crate::avro;
use crate::connector::config_with;
use crate::http::Rest;
use crate::json::Json;
use crate::kafka::{Record, Tap};
use crate::lab::{self, Outcome, Sandbox, deadline};
use crate::worker::Worker;

/// A way to write records, and to read their schemas back.
struct Format {
    name: &'static str,
    converter: &'static str,
    /// Option with the registry's address.
    address: &'static str,
    /// The interface's path.
    interface: &'static str,
    /// Bytes of an id.
    width: usize,
    /// Path of the schema of an id, which follows it.
    schemas: &'static str,
    encoding: Encoding,
}

#[derive(Clone, Copy)]
enum Encoding {
    Avro,
    Json,
    /// Bytes that captures compare; here the registry has read their schema.
    Protobuf,
}

const CONFLUENT: &str = "schema.registry.url";
const FORMATS: [Format; 4] = [
    Format {
        name: "avro",
        converter: "io.confluent.connect.avro.AvroConverter",
        address: CONFLUENT,
        interface: "/apis/ccompat/v7",
        width: 4,
        schemas: "/apis/ccompat/v7/schemas/ids/",
        encoding: Encoding::Avro,
    },
    Format {
        name: "json",
        converter: "io.confluent.connect.json.JsonSchemaConverter",
        address: CONFLUENT,
        interface: "/apis/ccompat/v7",
        width: 4,
        schemas: "/apis/ccompat/v7/schemas/ids/",
        encoding: Encoding::Json,
    },
    Format {
        name: "protobuf",
        converter: "io.confluent.connect.protobuf.ProtobufConverter",
        address: CONFLUENT,
        interface: "/apis/ccompat/v7",
        width: 4,
        schemas: "/apis/ccompat/v7/schemas/ids/",
        encoding: Encoding::Protobuf,
    },
    Format {
        name: "own",
        converter: "io.apicurio.registry.utils.converter.AvroConverter",
        address: "apicurio.registry.url",
        interface: "/apis/registry/v2",
        width: 8,
        schemas: "/apis/registry/v2/ids/globalIds/",
        encoding: Encoding::Avro,
    },
];

const SETUP: &str = "
    CREATE TABLE item (id int PRIMARY KEY, name text NOT NULL, price numeric(10, 2), tags text[], made timestamptz DEFAULT now());
    INSERT INTO item VALUES (1, 'one', 1.50, '{a,b}'), (2, 'zwei', NULL, NULL)";

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn records_are_read_by_the_schemas_that_a_real_registry_holds() {
    let Ok(xtask) = std::env::var("WALBRIDGE_XTASK") else {
        let required = std::env::var_os("REQUIRE_KAFKA").is_some_and(|value| !value.is_empty());
        assert!(!required, "REQUIRE_KAFKA is set, WALBRIDGE_XTASK is not");
        println!("apicurio: did not run, WALBRIDGE_XTASK names nothing that makes a registry");
        return;
    };
    lab::test("apicurio", 2, async |sandbox| {
        let (rest, _registry) = start(&xtask).await?;
        let mut worker = Worker::new(sandbox, "apicurio", &[])?;
        worker.start().await?;
        sandbox.sql(SETUP).await?;
        for format in &FORMATS {
            let read = agrees(sandbox, &worker, &rest, format).await;
            read.map_err(|error| format!("{}: {error}", format.name))?;
        }
        Ok(())
    })
    .await;
}

/// A registry that ends with what is returned.
async fn start(xtask: &str) -> Outcome<(Rest, Child)> {
    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let mut command = Command::new(xtask);
    command.args(["services", "registry", "--port", &port.to_string()]);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let rest = Rest::new(&format!("127.0.0.1:{port}"));
    deadline("registry answers", Duration::from_secs(120), async || {
        if let Ok(Some(status)) = child.try_wait() {
            return Ok(Err(format!("registry ended with {status}")));
        }
        match rest.get("/apis/ccompat/v7/subjects").await {
            Ok(reply) if reply.status == 200 => Ok(Ok(())),
            other => Err(format!("{other:?}")),
        }
    })
    .await??;
    Ok((rest, child))
}

/// Takes the table with a connector of its own, and reads what it wrote.
async fn agrees(
    sandbox: &Sandbox,
    worker: &Worker,
    registry: &Rest,
    format: &Format,
) -> Outcome<()> {
    let id = format!("{}_{}", sandbox.id, format.name);
    let config = config_with(sandbox, changes(&id, registry, format));
    let path = format!("/connectors/{id}");
    worker.rest.put(&format!("{path}/config"), Some(&config)).await?.success("PUT config")?;
    sandbox.lab.postgres.wait_streaming(&id).await?;
    sandbox.sql("UPDATE item SET name = 'two' WHERE id = 2").await?;
    sandbox.sql("UPDATE item SET name = 'zwei' WHERE id = 2").await?;
    let mut tap = Tap::new(&sandbox.lab.bootstrap, &format!("{id}\\..*"))?;
    tap.until(4, Duration::from_secs(30))?;
    if tap.records.len() != 4 {
        let status = worker.rest.status(&id).await;
        return Err(format!("{} of 4 records: {status:?}", tap.records.len()).into());
    }
    worker.rest.command("DELETE", &path, None).await?.success("delete")?;
    let mut told = Vec::new();
    for record in &tap.records {
        told.push(read(registry, format, record).await?);
    }
    let due = [("r", 1, "one"), ("r", 2, "zwei"), ("u", 2, "two"), ("u", 2, "zwei")];
    let due = due.map(|(op, id, name)| (Some((op.to_owned(), name.to_owned())), Some(id)));
    let due: [Told; 4] = due.map(|(value, key)| match format.encoding {
        Encoding::Protobuf => (None, None),
        Encoding::Avro | Encoding::Json => (value, key),
    });
    if told == due { Ok(()) } else { Err(format!("expected {due:?}, got {told:?}").into()) }
}

fn changes(id: &str, registry: &Rest, format: &Format) -> Value {
    let mut changes = Map::new();
    for part in ["topic.prefix", "slot.name", "publication.name"] {
        changes.insert(part.to_owned(), id.into());
    }
    for part in ["key.converter", "value.converter"] {
        let address = format!("http://{}{}", registry.authority(), format.interface);
        changes.insert(part.to_owned(), format.converter.into());
        changes.insert(format!("{part}.schemas.enable"), Value::Null);
        changes.insert(format!("{part}.{}", format.address), address.into());
        if format.address != CONFLUENT {
            changes.insert(format!("{part}.apicurio.registry.auto-register"), "true".into());
        }
    }
    Value::Object(changes)
}

/// A record's operation with the row's name, and the id in its key.
type Told = (Option<(String, String)>, Option<i64>);

async fn read(registry: &Rest, format: &Format, record: &Record) -> Outcome<Told> {
    let key = record.key.as_deref().ok_or("record without a key")?;
    let value = record.value.as_deref().ok_or("record without a value")?;
    let key = decode(registry, format, key).await?;
    let value = decode(registry, format, value).await?;
    let (Some(key), Some(value)) = (key, value) else { return Ok((None, None)) };
    let text = |json: Option<&Json>| match json {
        Some(Json::Text(text)) => Ok(text.clone()),
        other => Err(format!("not a text: {other:?}")),
    };
    let id = match field(&key, "id") {
        Some(Json::Number(digits)) => digits.parse()?,
        other => return Err(format!("key: no id: {other:?}").into()),
    };
    let name = field(&value, "after").and_then(|after| field(after, "name"));
    Ok((Some((text(field(&value, "op"))?, text(name)?)), Some(id)))
}

fn field<'a>(json: &'a Json, name: &str) -> Option<&'a Json> {
    let Json::Object(fields) = json else { return None };
    fields.iter().find(|(field, _)| field == name).map(|(_, value)| value)
}

/// What bytes hold, by the schema that the registry has under their id.
async fn decode(registry: &Rest, format: &Format, bytes: &[u8]) -> Outcome<Option<Json>> {
    let (frame, body) = bytes.split_at_checked(1 + format.width).ok_or("no frame")?;
    let id = match frame.split_first() {
        Some((0, id)) => id.iter().fold(0_u64, |id, byte| id << 8 | u64::from(*byte)),
        _ => return Err("no magic byte".into()),
    };
    let reply = registry.get(&format!("{}{id}", format.schemas)).await?;
    let answer = reply.success(&format!("schema {id}"))?.json();
    // Confluent's interface wraps the schema's text, Apicurio's own answers the schema.
    let text = answer["schema"].as_str().filter(|_| format.address == CONFLUENT);
    let kind = match format.encoding {
        Encoding::Avro => Value::Null,
        Encoding::Json => json!("JSON"),
        Encoding::Protobuf => json!("PROTOBUF"),
    };
    let is_avro = answer["schemaType"] == "AVRO" && kind.is_null();
    if format.address == CONFLUENT && answer["schemaType"] != kind && !is_avro {
        return Err(format!("schema {id}: of type {}", answer["schemaType"]).into());
    }
    match format.encoding {
        Encoding::Avro => {
            let schema = text.map_or(Ok(answer.clone()), serde_json::from_str)?;
            avro::decode(&schema, body).map(Some)
        }
        Encoding::Json => {
            let json = Json::parse(std::str::from_utf8(body)?).ok_or("not JSON")?;
            Ok(Some(json))
        }
        Encoding::Protobuf => Ok(None),
    }
}
