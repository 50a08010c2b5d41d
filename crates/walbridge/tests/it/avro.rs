//! Avro's binary encoding, read by its schema alone: <https://avro.apache.org/docs/1.12.0/specification/>.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::json::Json;
use crate::lab::Outcome;

/// The value that bytes hold, fields in the order of the schema: bytes as `{"hex":…}`, floats as the hex of their bits.
pub(crate) fn decode(schema: &Value, bytes: &[u8]) -> Outcome<Json> {
    let mut named = BTreeMap::new();
    learn(schema, "", &mut named);
    let mut reader = Reader { rest: bytes, named };
    let value = reader.value(schema, "")?;
    if !reader.rest.is_empty() {
        return Err(format!("avro: {} bytes left over", reader.rest.len()).into());
    }
    Ok(value)
}

/// Records by their full name, with the namespace that holds inside of them.
type Named<'a> = BTreeMap<String, (&'a Value, &'a str)>;

fn learn<'a>(schema: &'a Value, namespace: &'a str, named: &mut Named<'a>) {
    match schema {
        Value::Array(branches) => branches.iter().for_each(|part| learn(part, namespace, named)),
        Value::Object(parts) => {
            let record = schema["type"] == "record";
            let own = schema["namespace"].as_str().filter(|_| record);
            let namespace = own.unwrap_or(namespace);
            if let Some(name) = schema["name"].as_str().filter(|_| record) {
                named.insert(full(name, namespace), (schema, namespace));
            }
            for part in ["type", "items", "values"] {
                if let Some(part) = parts.get(part) {
                    learn(part, namespace, named);
                }
            }
            let fields = schema["fields"].as_array().map_or(&[][..], Vec::as_slice);
            fields.iter().for_each(|field| learn(&field["type"], namespace, named));
        }
        _ => {}
    }
}

fn full(name: &str, namespace: &str) -> String {
    if name.contains('.') || namespace.is_empty() {
        name.to_owned()
    } else {
        format!("{namespace}.{name}")
    }
}

struct Reader<'a> {
    rest: &'a [u8],
    named: Named<'a>,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Outcome<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or("avro: bytes are missing")?;
        self.rest = rest;
        Ok(taken)
    }

    /// Zigzag, seven bits a byte, the least significant first.
    fn long(&mut self) -> Outcome<i64> {
        let mut bits = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = u64::from(self.take(1)?[0]);
            bits |= (byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok((bits >> 1).cast_signed() ^ -(bits & 1).cast_signed());
            }
        }
        Err("avro: a number of more than ten bytes".into())
    }

    fn sized(&mut self) -> Outcome<&'a [u8]> {
        let size = usize::try_from(self.long()?)?;
        self.take(size)
    }

    fn text(&mut self) -> Outcome<String> {
        Ok(std::str::from_utf8(self.sized()?)?.to_owned())
    }

    fn value(&mut self, schema: &Value, namespace: &str) -> Outcome<Json> {
        match schema {
            Value::Array(branches) => {
                let branch = usize::try_from(self.long()?)?;
                let branch = branches.get(branch).ok_or("avro: no such branch of a union")?;
                self.value(branch, namespace)
            }
            Value::String(name) => self.plain(name, namespace),
            Value::Object(_) => match schema["type"].as_str() {
                Some("record") => {
                    self.record(schema, schema["namespace"].as_str().unwrap_or(namespace))
                }
                Some("array") => {
                    let items = self.blocks(|reader| reader.value(&schema["items"], namespace))?;
                    Ok(Json::Array(items))
                }
                Some("map") => {
                    let entries = self.blocks(|reader| {
                        Ok((reader.text()?, reader.value(&schema["values"], namespace)?))
                    })?;
                    Ok(Json::Object(entries))
                }
                Some(name) => self.plain(name, namespace),
                None => self.value(&schema["type"], namespace),
            },
            other => Err(format!("avro: not a schema: {other}").into()),
        }
    }

    fn record(&mut self, schema: &Value, namespace: &str) -> Outcome<Json> {
        let fields = schema["fields"].as_array().ok_or("avro: a record without fields")?;
        let fields = fields.iter().map(|field| {
            let name = field["name"].as_str().ok_or("avro: a field without a name")?;
            Ok((name.to_owned(), self.value(&field["type"], namespace)?))
        });
        Ok(Json::Object(fields.collect::<Outcome<_>>()?))
    }

    fn blocks<T>(&mut self, mut read: impl FnMut(&mut Self) -> Outcome<T>) -> Outcome<Vec<T>> {
        let mut items = Vec::new();
        loop {
            let mut count = self.long()?;
            if count < 0 {
                // The block's size in bytes, for those who skip it.
                self.long()?;
                count = -count;
            }
            if count == 0 {
                return Ok(items);
            }
            for _ in 0..count {
                items.push(read(self)?);
            }
        }
    }

    fn plain(&mut self, name: &str, namespace: &str) -> Outcome<Json> {
        Ok(match name {
            "null" => Json::Null,
            "boolean" => Json::Bool(self.take(1)? == [1]),
            "int" | "long" => Json::Number(self.long()?.to_string()),
            "float" => Json::Text(hex(self.take(4)?)),
            "double" => Json::Text(hex(self.take(8)?)),
            "string" => Json::Text(self.text()?),
            "bytes" => Json::Object(vec![("hex".to_owned(), Json::Text(hex(self.sized()?)))]),
            other => {
                let known = self.named.get(&full(other, namespace));
                let (schema, namespace) =
                    known.copied().ok_or_else(|| format!("avro: no type {other}"))?;
                self.record(schema, namespace)?
            }
        })
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn avro_reads_what_the_specification_shows() {
    // The specification's own example of a record, then a union and an array of two blocks.
    let record = serde_json::json!({"type": "record", "name": "test", "fields": [
        {"name": "a", "type": "long"}, {"name": "b", "type": "string"}]});
    let told = decode(&record, &[0x36, 0x06, 0x66, 0x6f, 0x6f]).unwrap();
    assert_eq!(Some(told), Json::parse(r#"{"a":27,"b":"foo"}"#));
    let union = serde_json::json!(["null", {"type": "array", "items": "long"}]);
    let array = decode(&union, &[2, 2, 6, 1, 2, 54, 0]).unwrap();
    assert_eq!(Some(array), Json::parse("[3,27]"));
    assert!(decode(&union, &[2, 4, 6]).is_err());
    assert!(decode(&union, &[0, 0]).is_err());
}
