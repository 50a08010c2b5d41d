//! Converters with a schema registry, against one of a few lines. Schemas and bytes are those that Confluent's
//! converters 7.0.16 wrote of the same rows.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use bytes::Bytes;
use sink::converter::{Compiled, Converters, Scratch};
use sink::data::{Decimal, Kind, Schema, Unscaled, Value};

/// One request: its line, its headers, its body.
struct Request {
    line: String,
    headers: String,
    body: String,
}

/// Answers every request alike, one a connection.
fn registry(status: &'static str, answer: &'static str) -> (String, Receiver<Request>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, requests) = channel();
    std::thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut line, mut headers, mut length) = (String::new(), String::new(), 0);
            reader.read_line(&mut line).unwrap();
            loop {
                let mut header = String::new();
                reader.read_line(&mut header).unwrap();
                if header.trim().is_empty() {
                    break;
                }
                if let Some(value) = header.to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                headers.push_str(&header);
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                answer.len()
            );
            (&stream).write_all(format!("{head}{answer}").as_bytes()).unwrap();
            let body = String::from_utf8(body).unwrap();
            if sender.send(Request { line, headers, body }).is_err() {
                break;
            }
        }
    });
    (url, requests)
}

/// The value converter of that class.
fn compiled(class: &str, url: &str, more: &[(&str, &str)], schema: &Arc<Schema>) -> Compiled {
    let mut options = HashMap::from([
        ("key.converter".to_owned(), "org.apache.kafka.connect.storage.StringConverter".to_owned()),
        ("value.converter".to_owned(), class.to_owned()),
        ("value.converter.schema.registry.url".to_owned(), url.to_owned()),
    ]);
    options.extend(more.iter().map(|(k, v)| (format!("value.converter.{k}"), (*v).to_owned())));
    let converters =
        Converters::parse(&|key| options.get(key).map(String::as_str), &|_| None).unwrap();
    converters.value.compile(&"t.public.users".into(), Some(schema))
}

const AVRO: &str = "io.confluent.connect.avro.AvroConverter";
const PROTOBUF: &str = "io.confluent.connect.protobuf.ProtobufConverter";

/// The course's table of users.
fn users() -> Arc<Schema> {
    let text = || Arc::new(Schema::new(Kind::String).optional(true));
    let created = Schema::named(Kind::Int64, "io.debezium.time.MicroTimestamp")
        .with_default(Value::Int64(1_704_067_200_000_000));
    let fields = [
        ("id", Arc::new(Schema::new(Kind::Int32).with_default(Value::Int32(0)))),
        ("name", text()),
        ("email", text()),
        ("created_at", Arc::new(created.optional(true))),
    ];
    Arc::new(Schema::structure(fields).with_name("t.public.users.Value"))
}

fn john() -> Value {
    let texts = ["John Doe".into(), "john@example.com".into()];
    let [name, email] = texts;
    Value::Struct(vec![Value::Int32(1), name, email, Value::Null])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn write(compiled: &Compiled, value: &Value) -> Result<Option<String>, String> {
    let mut out = Vec::new();
    match compiled.write(value, &mut Scratch::default(), &mut out) {
        Ok(true) => Ok(Some(hex(&out))),
        Ok(false) => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn avro_registers_a_schema_once_and_writes_rows() {
    let (url, requests) = registry("200 OK", r#"{"id":2}"#);
    let compiled = compiled(AVRO, &url, &[], &users());
    assert_eq!(write(&compiled, &Value::Null), Ok(None), "a null needs no schema");
    let row =
        "00000000020202104a6f686e20446f6502206a6f686e406578616d706c652e636f6d0080808982e2f58606";
    for _ in 0..2 {
        assert_eq!(write(&compiled, &john()), Ok(Some(row.to_owned())));
    }
    let Request { line, body, .. } = requests.recv().unwrap();
    assert!(
        line.starts_with("POST /subjects/t.public.users-value/versions?normalize=false "),
        "{line}"
    );
    assert_eq!(
        body,
        r#"{"schema":"{\"type\":\"record\",\"name\":\"Value\",\"namespace\":\"t.public.users\",\"fields\":[{\"name\":\"id\",\"type\":{\"type\":\"int\",\"connect.default\":0},\"default\":0},{\"name\":\"name\",\"type\":[\"null\",\"string\"],\"default\":null},{\"name\":\"email\",\"type\":[\"null\",\"string\"],\"default\":null},{\"name\":\"created_at\",\"type\":[{\"type\":\"long\",\"connect.version\":1,\"connect.default\":1704067200000000,\"connect.name\":\"io.debezium.time.MicroTimestamp\"},\"null\"],\"default\":1704067200000000}],\"connect.name\":\"t.public.users.Value\"}"}"#
    );
    assert!(requests.try_recv().is_err(), "asked again for a schema that is known");
}

#[test]
fn protobuf_leaves_out_what_is_null_and_writes_defaults() {
    let (url, requests) = registry("200 OK", r#"{"id":2}"#);
    let compiled = compiled(PROTOBUF, &url, &[], &users());
    let row = "000000000200080112084a6f686e20446f651a106a6f686e406578616d706c652e636f6d2080c08481f1ba8303";
    assert_eq!(write(&compiled, &john()), Ok(Some(row.to_owned())));
    let body: serde_json::Value = serde_json::from_str(&requests.recv().unwrap().body).unwrap();
    assert_eq!(body["schemaType"], "PROTOBUF");
    assert_eq!(
        body["schema"],
        "syntax = \"proto3\";\npackage t.public.users;\n\nmessage Value {\n  int32 id = 1;\n  string name = 2;\n  string email = 3;\n  int64 created_at = 4;\n}\n"
    );
}

#[test]
fn protobuf_writes_decimals_arrays_and_nested_messages() {
    let (url, _requests) = registry("200 OK", r#"{"id":2}"#);
    let decimal = Schema::named(Kind::Bytes, "org.apache.kafka.connect.data.Decimal");
    let point =
        Schema::structure([("x", Arc::new(Schema::new(Kind::Float64)))]).with_name("g.Point");
    let items = Arc::new(Schema::new(Kind::Int32).optional(true));
    let fields = [
        ("n", Arc::new(decimal.parameter("scale", "3").optional(true))),
        ("p", Arc::new(point.optional(true))),
        ("ia", Arc::new(Schema::new(Kind::Array(items)).optional(true))),
        ("by", Arc::new(Schema::new(Kind::Bytes).optional(true))),
    ];
    let schema = Arc::new(Schema::structure(fields).with_name("t.Value"));
    let compiled = compiled(PROTOBUF, &url, &[], &schema);
    let number = Decimal { unscaled: Unscaled::Small(12345), scale: 3 };
    let row = |items: Vec<Value>| {
        Value::Struct(vec![
            Value::Decimal(number.clone()),
            Value::Struct(vec![Value::Float64(1.0)]),
            Value::Array(items),
            Value::Bytes(Bytes::from_static(&[0, 255])),
        ])
    };
    let whole = row(vec![Value::Int32(1), Value::Int32(2)]);
    let bytes =
        "0000000002000a080a0230391005180312090900000000 0000f03f1a02010222 0200ff".replace(' ', "");
    assert_eq!(write(&compiled, &whole), Ok(Some(bytes)));
    let error = write(&compiled, &row(vec![Value::Null])).unwrap_err();
    assert_eq!(error, "java.lang.NullPointerException");
}

#[test]
fn what_a_registry_refuses_is_said_in_connects_words() {
    let (url, _requests) =
        registry("409 Conflict", r#"{"error_code":409,"message":"incompatible"}"#);
    let error = write(&compiled(AVRO, &url, &[], &users()), &john()).unwrap_err();
    let lines: Vec<&str> = error.lines().collect();
    assert_eq!(
        lines.first().copied(),
        Some(
            "org.apache.kafka.connect.errors.DataException: Failed to serialize Avro data from topic t.public.users :"
        )
    );
    assert_eq!(
        lines.last().copied(),
        Some(
            "Caused by: io.confluent.kafka.schemaregistry.client.rest.exceptions.RestClientException: incompatible; error code: 409"
        )
    );
}

#[test]
fn second_registry_answers_for_one_that_is_down() {
    let (url, _requests) = registry("200 OK", r#"{"id":2}"#);
    let both = format!("http://127.0.0.1:1,{url}");
    assert!(write(&compiled(AVRO, &both, &[], &users()), &john()).unwrap().is_some());
    let error = write(&compiled(AVRO, "http://127.0.0.1:1", &[], &users()), &john()).unwrap_err();
    assert!(error.ends_with("Caused by: java.net.ConnectException: Connection refused"), "{error}");
}

#[test]
fn credentials_are_sent_and_never_shown() {
    let (url, requests) =
        registry("401 Unauthorized", r#"{"error_code":401,"message":"Unauthorized"}"#);
    let options = [
        ("basic.auth.credentials.source", "USER_INFO"),
        ("basic.auth.user.info", "ann:hunter2"),
        ("auto.register.schemas", "false"),
        (
            "value.subject.name.strategy",
            "io.confluent.kafka.serializers.subject.TopicRecordNameStrategy",
        ),
    ];
    let error = write(&compiled(AVRO, &url, &options, &users()), &john()).unwrap_err();
    assert!(
        error.contains("Error retrieving Avro schema") && !error.contains("hunter2"),
        "{error}"
    );
    let Request { line, headers, .. } = requests.recv().unwrap();
    assert!(
        line.starts_with("POST /subjects/t.public.users-t.public.users.Value?normalize=false"),
        "{line}"
    );
    assert!(headers.to_lowercase().contains("authorization: basic yw5uomh1bnrlcji="), "{headers}");
}

#[test]
fn apicurio_has_ids_of_eight_bytes_and_artifacts() {
    let (url, requests) = registry("200 OK", r#"{"globalId":258,"contentId":3}"#);
    let class = "io.apicurio.registry.utils.converter.AvroConverter";
    let url = format!("{url}/apis/registry/v2");
    let options =
        [("apicurio.registry.url", url.as_str()), ("apicurio.registry.auto-register", "true")];
    let row = write(&compiled(class, &url, &options, &users()), &john()).unwrap().unwrap();
    assert!(row.starts_with("00000000000000010202"), "{row}");
    let Request { line, headers, body } = requests.recv().unwrap();
    assert!(
        line.starts_with(
            "POST /apis/registry/v2/groups/default/artifacts?ifExists=RETURN_OR_UPDATE "
        ),
        "{line}"
    );
    assert!(
        headers.to_lowercase().contains("x-registry-artifactid: t.public.users-value"),
        "{headers}"
    );
    assert!(body.starts_with("{\"type\":\"record\""), "{body}");
}
