//! What a column is in its source: the schema parameters of `column.propagate.source.type` and
//! `datatype.propagate.source.type`.
//!
//! Debezium takes them in a snapshot from JDBC's metadata and while streaming from its registry of types; where the two
//! disagree, so do the parameters. Lengths and scales are those of the JDBC driver (`TypeInfoCache` of pgjdbc 42).

use pgoutput::{Column, Type, TypeKind};

use super::{Origin, table};

/// The driver's length of what has none.
const UNKNOWN_LENGTH: i32 = i32::MAX;
/// Its length of a numeric without precision.
const NUMERIC_LENGTH: i32 = 131_089;

/// A column's type as Debezium reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceType {
    /// The type's name, as `datatype.propagate.source.type` matches it.
    pub name: String,
    /// Its length.
    length: i32,
    /// Its scale, where it has one.
    scale: Option<i32>,
}

impl SourceType {
    /// The type of a column, as that path sees it.
    #[must_use]
    pub fn of(column: &Column, origin: Origin) -> Self {
        let (ty, typmod) = table::base_type(&column.ty, column.typmod);
        let element = match &ty.kind {
            TypeKind::Array(element) => element,
            _ => ty,
        };
        let sizes = match element.schema.as_str() {
            "pg_catalog" => sizes(&element.name, typmod),
            _ => (UNKNOWN_LENGTH, 0),
        };
        // JDBC has no size for a column declared as plain NUMERIC, and no scale.
        let bare = origin == Origin::Snapshot
            && column.ty.name == "numeric"
            && column.ty.schema == "pg_catalog"
            && typmod == -1;
        let (length, scale) = if bare { (0, None) } else { (sizes.0, Some(sizes.1)) };
        Self { name: name(column, origin), length, scale }
    }

    /// The parameters, in Debezium's order. The comment is never known.
    #[must_use]
    pub fn parameters(&self, column: &str) -> Vec<(String, String)> {
        let key = |part: &str| format!("__debezium.source.column.{part}");
        let mut parameters =
            vec![(key("type"), self.name.to_uppercase()), (key("length"), self.length.to_string())];
        parameters.extend(self.scale.map(|scale| (key("scale"), scale.to_string())));
        parameters.push((key("name"), column.to_owned()));
        parameters
    }
}

/// The name of a column's own type. JDBC names what a sequence fills after that, and quotes what is not on the usual
/// search path.
fn name(column: &Column, origin: Origin) -> String {
    let Type { schema, name, .. } = &*column.ty;
    if origin == Origin::Stream {
        return name.clone();
    }
    let is_serial = column.default.as_ref().is_some_and(|text| text.contains("nextval("));
    match (schema.as_str(), name.as_str()) {
        ("pg_catalog", "int2") if is_serial => "smallserial".to_owned(),
        ("pg_catalog", "int4") if is_serial => "serial".to_owned(),
        ("pg_catalog", "int8") if is_serial => "bigserial".to_owned(),
        ("pg_catalog" | "public" | "", _) => name.clone(),
        _ => format!("\"{schema}\".\"{name}\""),
    }
}

/// Length and scale of a built-in type.
fn sizes(name: &str, typmod: i32) -> (i32, i32) {
    let given = |otherwise: i32| if typmod == -1 { otherwise } else { typmod };
    // `-1` decimals, none, one and so on take seven characters, none, three, and one more than there are decimals.
    let seconds = match typmod {
        -1 => 7,
        0 => 0,
        1 => 3,
        digits => digits + 1,
    };
    match name {
        "int2" => (5, 0),
        "int4" | "oid" => (10, 0),
        "int8" => (19, 0),
        "float4" => (8, 8),
        "float8" => (17, 17),
        "bool" | "char" => (1, 0),
        "numeric" => match table::precision_and_scale(typmod) {
            Some((precision, scale)) => (precision, scale),
            None => (NUMERIC_LENGTH, 0),
        },
        "bpchar" | "varchar" => (if typmod == -1 { UNKNOWN_LENGTH } else { typmod - 4 }, 0),
        "bit" | "varbit" => (given(UNKNOWN_LENGTH), 0),
        "date" => (13, 0),
        "time" => (8 + seconds, given(6)),
        "timetz" => (14 + seconds, given(6)),
        "timestamp" => (22 + seconds, given(6)),
        "timestamptz" => (28 + seconds, given(6)),
        "interval" => (49, if typmod == -1 { 6 } else { typmod & 0xffff }),
        _ => (UNKNOWN_LENGTH, 0),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn column(schema: &str, name: &str, typmod: i32, default: Option<&str>) -> Column {
        let (schema, name) = (schema.to_owned(), name.to_owned());
        Column {
            name: "c".to_owned(),
            ty: Arc::new(Type { oid: 1, schema, name, kind: TypeKind::Base }),
            typmod,
            nullable: true,
            default: default.map(ToOwned::to_owned),
            identity: false,
        }
    }

    /// Debezium 3.6.3 with pgjdbc, captured.
    #[test]
    fn lengths_and_scales_are_those_of_the_driver() {
        for (name, typmod, length, scale) in [
            ("int2", -1, 5, 0),
            ("float8", -1, 17, 17),
            ("numeric", 655_366, 10, 2),
            ("numeric", -1, 131_089, 0),
            ("varchar", 9, 5, 0),
            ("varbit", 9, 9, 0),
            ("time", 3, 12, 3),
            ("timetz", -1, 21, 6),
            ("timestamptz", 2, 31, 2),
            ("interval", -1, 49, 6),
            ("text", -1, i32::MAX, 0),
        ] {
            let got = SourceType::of(&column("pg_catalog", name, typmod, None), Origin::Stream);
            assert_eq!((got.length, got.scale), (length, Some(scale)), "{name}({typmod})");
        }
        let bare = SourceType::of(&column("pg_catalog", "numeric", -1, None), Origin::Snapshot);
        assert_eq!((bare.length, bare.scale), (0, None));
    }

    #[test]
    fn snapshot_knows_sequences_and_quotes_foreign_schemas() {
        let serial = column("pg_catalog", "int4", -1, Some("nextval('s'::regclass)"));
        let foreign = column("s2", "kind", -1, None);
        let name = |column, origin| SourceType::of(column, origin).name;
        assert_eq!(name(&serial, Origin::Snapshot), "serial");
        assert_eq!(name(&serial, Origin::Stream), "int4");
        assert_eq!(name(&foreign, Origin::Snapshot), "\"s2\".\"kind\"");
        assert_eq!(name(&foreign, Origin::Stream), "kind");
    }
}
