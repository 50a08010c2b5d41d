//! Conversions against captures of Debezium 3.6.3: each file of `golden` holds tables as the catalog describes
//! them, their cells as Postgres 15 sends them, and the schema and payload that Debezium made of each. A row's
//! `corrected` holds what is written instead where Debezium loses or garbles a value.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use num_bigint::BigInt;
use pgoutput::{Column, Datum, Type, TypeKind};
use proptest::prelude::{any, prop_assert, proptest};
use serde_json::{Map, Value as Json, json};

use super::*;
use crate::data::{Decimal, Kind, Unscaled};

/// Builds the value that is emitted.
#[derive(Debug, Default)]
struct Tree {
    open: Vec<Vec<Value>>,
    done: Option<Value>,
}

impl Tree {
    fn put(&mut self, value: Value) {
        match self.open.last_mut() {
            Some(parts) => parts.push(value),
            None => assert!(self.done.replace(value).is_none(), "two values for one cell"),
        }
    }

    fn close(&mut self) -> Vec<Value> {
        self.open.pop().expect("an end without a beginning")
    }
}

impl Emit for Tree {
    fn null(&mut self) {
        self.put(Value::Null);
    }
    fn boolean(&mut self, value: bool) {
        self.put(Value::Boolean(value));
    }
    fn int8(&mut self, value: i8) {
        self.put(Value::Int8(value));
    }
    fn int16(&mut self, value: i16) {
        self.put(Value::Int16(value));
    }
    fn int32(&mut self, value: i32) {
        self.put(Value::Int32(value));
    }
    fn int64(&mut self, value: i64) {
        self.put(Value::Int64(value));
    }
    fn float32(&mut self, value: f32) {
        self.put(Value::Float32(value));
    }
    fn float64(&mut self, value: f64) {
        self.put(Value::Float64(value));
    }
    fn string(&mut self, value: &str) {
        self.put(Value::String(value.into()));
    }
    fn bytes(&mut self, value: &[u8]) {
        self.put(Value::Bytes(Bytes::copy_from_slice(value)));
    }
    fn decimal(&mut self, value: &Decimal) {
        self.put(Value::Decimal(value.clone()));
    }
    fn begin_struct(&mut self) {
        self.open.push(Vec::new());
    }
    fn field(&mut self, index: usize) {
        assert_eq!(self.open.last().map(Vec::len), Some(index), "fields come in order");
    }
    fn end_struct(&mut self) {
        let fields = self.close();
        self.put(Value::Struct(fields));
    }
    fn begin_array(&mut self, len: usize) {
        self.open.push(Vec::with_capacity(len));
    }
    fn item(&mut self) {}
    fn end_array(&mut self) {
        let items = self.close();
        self.put(Value::Array(items));
    }
    fn begin_map(&mut self, len: usize) {
        self.open.push(Vec::with_capacity(len * 2));
    }
    fn map_key(&mut self) {}
    fn map_value(&mut self) {}
    fn end_map(&mut self) {
        let entries = self.close();
        let pair = |pair: &[Value]| (pair[0].clone(), pair[1].clone());
        self.put(Value::Map(entries.chunks(2).map(pair).collect()));
    }
}

/// The value as Connect's JSON converter prints it.
fn payload(value: &Value, schema: &Schema) -> Json {
    match (value, &schema.kind) {
        (Value::Null, _) => match &schema.default {
            Some(default) => payload(default, schema),
            None => Json::Null,
        },
        (Value::Boolean(value), Kind::Boolean) => json!(value),
        (Value::Int16(value), Kind::Int16) => json!(value),
        (Value::Int32(value), Kind::Int32) => json!(value),
        (Value::Int64(value), Kind::Int64) => json!(value),
        (Value::Float32(value), Kind::Float32) => float(f64::from(*value)),
        (Value::Float64(value), Kind::Float64) => float(*value),
        (Value::String(value), Kind::String) => json!(&**value),
        (Value::Bytes(value), Kind::Bytes) => json!(STANDARD.encode(value)),
        (Value::Decimal(value), Kind::Bytes) => {
            let scale = schema.parameters.iter().find(|(key, _)| &**key == "scale").unwrap();
            assert_eq!(*scale.1, *value.scale.to_string(), "scale of the schema");
            let unscaled = match &value.unscaled {
                Unscaled::Small(value) => BigInt::from(*value),
                Unscaled::Big(value) => value.clone(),
            };
            json!(STANDARD.encode(unscaled.to_signed_bytes_be()))
        }
        (Value::Array(items), Kind::Array(item)) => {
            items.iter().map(|value| payload(value, item)).collect()
        }
        (Value::Map(entries), Kind::Map(_, value_schema)) => {
            let entry = |(key, value): &(Value, Value)| match key {
                Value::String(key) => ((**key).to_owned(), payload(value, value_schema)),
                _ => panic!("key is {key:?}"),
            };
            Json::Object(entries.iter().map(entry).collect())
        }
        (Value::Struct(values), Kind::Struct(fields)) => {
            assert_eq!(values.len(), fields.len(), "one value per field");
            let parts = fields.iter().zip(values);
            let part = |(field, value): (&crate::data::Field, &Value)| {
                ((*field.name).to_owned(), payload(value, &field.schema))
            };
            Json::Object(parts.map(part).collect())
        }
        (value, kind) => panic!("{value:?} is not of {kind:?}"),
    }
}

fn float(value: f64) -> Json {
    if value.is_finite() { json!(value) } else { json!(number::java_double(value)) }
}

/// The schema as Connect's JSON converter prints it.
fn schema_json(schema: &Schema, field: Option<&str>) -> Json {
    let mut json = Map::new();
    let name = match &schema.kind {
        Kind::Int8 => "int8",
        Kind::Int16 => "int16",
        Kind::Int32 => "int32",
        Kind::Int64 => "int64",
        Kind::Float32 => "float",
        Kind::Float64 => "double",
        Kind::Boolean => "boolean",
        Kind::String => "string",
        Kind::Bytes => "bytes",
        Kind::Array(item) => {
            json.insert("items".into(), schema_json(item, None));
            "array"
        }
        Kind::Map(key, value) => {
            json.insert("keys".into(), schema_json(key, None));
            json.insert("values".into(), schema_json(value, None));
            "map"
        }
        Kind::Struct(fields) => {
            let fields = fields.iter().map(|field| schema_json(&field.schema, Some(&field.name)));
            json.insert("fields".into(), fields.collect());
            "struct"
        }
    };
    json.insert("type".into(), json!(name));
    json.insert("optional".into(), json!(schema.optional));
    for (key, value) in
        [("name", &schema.name), ("doc", &schema.doc), ("field", &field.map(Into::into))]
    {
        if let Some(value) = value {
            json.insert(key.into(), json!(&**value));
        }
    }
    if let Some(version) = schema.version {
        json.insert("version".into(), json!(version));
    }
    if !schema.parameters.is_empty() {
        let parameters = schema.parameters.iter();
        let parameters = parameters.map(|(key, value)| ((**key).to_owned(), json!(&**value)));
        json.insert("parameters".into(), Json::Object(parameters.collect()));
    }
    if let Some(default) = &schema.default {
        json.insert("default".into(), payload(default, schema));
    }
    Json::Object(json)
}

fn options(config: &Json) -> Options {
    let get = |key: &str| config.get(key).and_then(Json::as_str).unwrap_or_default();
    let placeholder = match get("unavailable.value.placeholder") {
        "" => b"__debezium_unavailable_value".to_vec(),
        text => match text.strip_prefix("hex:") {
            Some(digits) => binary::decode_hex(digits.as_bytes()).unwrap(),
            None => text.as_bytes().to_vec(),
        },
    };
    Options {
        decimal: match get("decimal.handling.mode") {
            "string" => DecimalMode::String,
            "double" => DecimalMode::Double,
            _ => DecimalMode::Precise,
        },
        time: match get("time.precision.mode") {
            "adaptive_time_microseconds" => TimeMode::AdaptiveTimeMicroseconds,
            "connect" => TimeMode::Connect,
            "isostring" => TimeMode::IsoString,
            "microseconds" => TimeMode::Microseconds,
            "nanoseconds" => TimeMode::Nanoseconds,
            _ => TimeMode::Adaptive,
        },
        binary: match get("binary.handling.mode") {
            "base64" => BinaryMode::Base64,
            "base64-url-safe" => BinaryMode::Base64UrlSafe,
            "hex" => BinaryMode::Hex,
            _ => BinaryMode::Bytes,
        },
        interval_string: get("interval.handling.mode") == "string",
        hstore_map: get("hstore.handling.mode") == "map",
        money_fraction_digits: get("money.fraction.digits").parse().unwrap_or(2),
        include_unknown: get("include.unknown.datatypes") == "true",
        unavailable_placeholder: placeholder,
    }
}

fn parse_type(json: &Json) -> Arc<Type> {
    let text = |key: &str| json[key].as_str().unwrap().to_owned();
    let kind = if let Some(element) = json.get("array") {
        TypeKind::Array(parse_type(element))
    } else if let Some(labels) = json.get("enum").and_then(Json::as_array) {
        TypeKind::Enum(labels.iter().map(|label| label.as_str().unwrap().to_owned()).collect())
    } else if let Some(domain) = json.get("domain") {
        TypeKind::Domain {
            base: parse_type(&domain["base"]),
            typmod: int(&domain["typmod"]),
            not_null: domain["not_null"].as_bool().unwrap(),
        }
    } else if let Some(subtype) = json.get("range") {
        TypeKind::Range(parse_type(subtype))
    } else if json.get("composite").is_some() {
        TypeKind::Composite
    } else if json.get("multirange").is_some() {
        TypeKind::Multirange
    } else {
        TypeKind::Base
    };
    let oid = u32::try_from(json["oid"].as_u64().unwrap()).unwrap();
    Arc::new(Type { oid, schema: text("schema"), name: text("name"), kind })
}

fn int(json: &Json) -> i32 {
    i32::try_from(json.as_i64().unwrap()).unwrap()
}

fn parse_column(json: &Json) -> Column {
    Column {
        name: json["name"].as_str().unwrap().to_owned(),
        ty: parse_type(&json["type"]),
        typmod: int(&json["typmod"]),
        nullable: json["nullable"].as_bool().unwrap(),
        default: json["default"].as_str().map(ToOwned::to_owned),
        identity: json["identity"].as_bool().unwrap(),
    }
}

/// Equal, numbers as numbers; Java prints a FLOAT32 with other digits than the shortest.
fn same(ours: &Json, theirs: &Json, narrow: bool) -> bool {
    match (ours, theirs) {
        (Json::Number(ours), Json::Number(theirs)) if ours.is_f64() || theirs.is_f64() => {
            let (ours, theirs) = (ours.as_f64().unwrap(), theirs.as_f64().unwrap());
            let narrowed = |value: f64| value.to_string().parse::<f32>().unwrap();
            ours.total_cmp(&theirs).is_eq() || narrow && narrowed(ours) == narrowed(theirs)
        }
        (Json::Array(ours), Json::Array(theirs)) => {
            let pairs = ours.iter().zip(theirs);
            ours.len() == theirs.len()
                && pairs.into_iter().all(|(ours, theirs)| same(ours, theirs, true))
        }
        _ => ours == theirs,
    }
}

/// What became of the checks of one file.
#[derive(Debug, Default)]
struct Outcome {
    checks: usize,
    failures: Vec<String>,
}

impl Outcome {
    fn check(&mut self, holds: bool, failure: impl FnOnce() -> String) {
        self.checks += 1;
        if !holds {
            self.failures.push(failure());
        }
    }
}

fn check_cell(
    compiled: &Compiled,
    column: &Column,
    cell: &Json,
    expected: &Json,
) -> std::result::Result<(), String> {
    let datum = match cell {
        Json::Null => Datum::Null,
        Json::String(text) => Datum::Text(text.as_bytes()),
        _ => Datum::Unchanged,
    };
    let mut tree = Tree::default();
    let value = match datum {
        Datum::Null => compiled.fallback.clone(),
        datum => match compiled.convert.emit(datum, &mut tree) {
            Ok(()) => tree.done.ok_or("nothing emitted")?,
            Err(_) if tree.done.is_some() || !tree.open.is_empty() => {
                return Err("emitted before an error".to_owned());
            }
            Err(_) => Value::Null,
        },
    };
    let ours = payload(&value, &compiled.schema);
    let narrow = compiled.schema.kind == Kind::Float32;
    if same(&ours, expected, narrow) {
        return Ok(());
    }
    Err(format!("{} {} {cell}: {ours} is not {expected}", column.name, column.ty.name))
}

fn check_column(
    table: &Json,
    index: usize,
    options: &Options,
    origin: Origin,
    outcome: &mut Outcome,
) {
    let column = parse_column(&table["columns"][index]);
    let origin_name = if origin == Origin::Snapshot { "snapshot" } else { "stream" };
    let compiled = compile(&column, options, origin);
    let rows = table["rows"].as_array().unwrap().iter();
    let rows = rows.filter(|row| row["origin"] == origin_name);
    let cells: Vec<_> = rows
        .map(|row| {
            let corrected = row["corrected"].get(&column.name);
            (&row["cells"][index], corrected.or_else(|| row["expected"].get(&column.name)))
        })
        .filter(|(cell, _)| cell.get("absent").is_none())
        .collect();
    if cells.is_empty() {
        return;
    }
    if let Some(fields) = table["schemas"][origin_name].as_array() {
        let theirs = fields.iter().find(|field| field["field"] == *column.name);
        let ours =
            compiled.as_ref().map(|compiled| schema_json(&compiled.schema, Some(&column.name)));
        let equal = match (&ours, theirs) {
            (Some(ours), Some(theirs)) => {
                let keys = |json: &Json| {
                    let object = json.as_object().unwrap().clone();
                    object.into_iter().filter(|(key, _)| key != "default").collect::<Map<_, _>>()
                };
                keys(ours) == keys(theirs) && same(&ours["default"], &theirs["default"], true)
            }
            (ours, theirs) => ours.is_none() && theirs.is_none(),
        };
        outcome.check(equal, || format!("{origin_name} schema {ours:?} is not {theirs:?}"));
    }
    for (cell, expected) in cells {
        let Some(compiled) = &compiled else {
            outcome.check(expected.is_none(), || format!("{} is left out", column.name));
            continue;
        };
        let checked = match expected {
            Some(expected) => check_cell(compiled, &column, cell, expected),
            None => Err(format!("{} is not left out", column.name)),
        };
        outcome.check(checked.is_ok(), || format!("{origin_name} {}", checked.unwrap_err()));
    }
}

fn check_file(path: &Path) -> Outcome {
    let case: Json = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let options = options(&case["options"]);
    let mut outcome = Outcome::default();
    for table in case["tables"].as_array().unwrap() {
        for index in 0..table["columns"].as_array().unwrap().len() {
            for origin in [Origin::Snapshot, Origin::Stream] {
                check_column(table, index, &options, origin, &mut outcome);
            }
        }
    }
    outcome
}

#[test]
fn captured_cells_convert_as_in_debezium() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/convert/golden");
    let (mut checks, mut failures) = (0, Vec::new());
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let outcome = check_file(&path);
        checks += outcome.checks;
        let case = path.file_stem().unwrap().to_string_lossy().into_owned();
        failures.extend(outcome.failures.into_iter().map(|failure| format!("{case}: {failure}")));
    }
    failures.sort();
    assert!(failures.is_empty(), "{} of {checks}:\n{}", failures.len(), failures.join("\n"));
    assert!(checks > 4_000, "only {checks} checks: captures are missing");
}

fn extension_column(name: &str) -> Column {
    let ty = Type { oid: 1, schema: "public".into(), name: name.into(), kind: TypeKind::Base };
    Column {
        name: "v".into(),
        ty: Arc::new(ty),
        typmod: -1,
        nullable: true,
        default: None,
        identity: false,
    }
}

/// What a cell of an extension's type becomes, as JSON; none if it cannot be converted.
fn convert_extension(name: &str, text: &str) -> Option<Value> {
    let column = extension_column(name);
    let compiled = compile(&column, &options(&json!({})), Origin::Stream).unwrap();
    let mut tree = Tree::default();
    compiled.convert.emit(Datum::Text(text.as_bytes()), &mut tree).ok()?;
    tree.done
}

#[test]
fn vectors_convert_as_debezium_reads_them() {
    let doubles = [1.0, -2.5, 3e10].map(Value::Float64).to_vec();
    assert_eq!(convert_extension("vector", "[1,-2.5,3e+10]"), Some(Value::Array(doubles)));
    let floats = [1.0, 0.5].map(Value::Float32).to_vec();
    assert_eq!(convert_extension("halfvec", "[1,0.5]"), Some(Value::Array(floats)));
    let entries =
        vec![(Value::Int16(1), Value::Float64(1.5)), (Value::Int16(3), Value::Float64(2.0))];
    let sparse = Value::Struct(vec![Value::Int16(5), Value::Map(entries)]);
    assert_eq!(convert_extension("sparsevec", "{1:1.5,3:2}/5"), Some(sparse));
    let empty = Value::Struct(vec![Value::Int16(7), Value::Map(Vec::new())]);
    assert_eq!(convert_extension("sparsevec", "{}/7"), Some(empty));
    for (name, text) in
        [("sparsevec", "{}/32768"), ("sparsevec", "{1}/2"), ("vector", "1,2"), ("vector", "[a]")]
    {
        assert_eq!(convert_extension(name, text), None, "{name} {text}");
    }
}

/// `golden/binary.tsv`: type, text form and binary form as Postgres 15 sends them.
#[test]
fn binary_form_converts_as_the_text_form_does() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/convert/golden/binary.tsv");
    let mut checks = 0;
    for line in fs::read_to_string(path).unwrap().lines() {
        let [name, text, hex] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let bytes = binary::decode_hex(hex.as_bytes()).unwrap();
        let ty = Type { schema: "pg_catalog".into(), ..(*extension_column(name).ty).clone() };
        let column = Column { ty: Arc::new(ty), ..extension_column(name) };
        for mode in ["adaptive", "isostring"] {
            let options = options(&json!({ "time.precision.mode": mode }));
            for origin in [Origin::Snapshot, Origin::Stream] {
                let convert = compile(&column, &options, origin).unwrap().convert;
                let emit = |datum| {
                    let mut tree = Tree::default();
                    convert.emit(datum, &mut tree).map(|()| format!("{:?}", tree.done))
                };
                let from_text = emit(Datum::Text(text.as_bytes()));
                assert_eq!(emit(Datum::Binary(&bytes)), from_text, "{line}");
                checks += 1;
            }
        }
    }
    assert!(checks > 1_000, "only {checks} checks");
}

#[test]
fn unread_binary_form_is_refused_without_a_trace() {
    let column = extension_column("hstore");
    let compiled = compile(&column, &options(&json!({})), Origin::Stream).unwrap();
    let mut tree = Tree::default();
    assert!(compiled.convert.emit(Datum::Binary(b"a"), &mut tree).is_err());
    assert_eq!(tree.done, None);
}

/// A column of nearly every type.
static COLUMNS: LazyLock<Vec<Compiled>> = LazyLock::new(|| {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/convert/golden");
    let case = fs::read_to_string(directory.join("not-null-fallback.json")).unwrap();
    let case: Json = serde_json::from_str(&case).unwrap();
    let columns = case["tables"][0]["columns"].as_array().unwrap().iter();
    let options = options(&json!({}));
    columns
        .map(|column| compile(&parse_column(column), &options, Origin::Stream).unwrap())
        .collect()
});

proptest! {
    #[test]
    fn arbitrary_cells_neither_panic_nor_emit_before_an_error(text in any::<Vec<u8>>(), near in "[-+0-9:. {}\\\\x\",=>BCNULinfty]{0,40}") {
        for compiled in &*COLUMNS {
            let (text, near) = (text.as_slice(), near.as_bytes());
            for datum in [Datum::Text(text), Datum::Text(near), Datum::Binary(text)] {
                let mut tree = Tree::default();
                let result = compiled.convert.emit(datum, &mut tree);
                prop_assert!(tree.open.is_empty());
                prop_assert!(result.is_ok() == tree.done.is_some());
            }
        }
    }
}
