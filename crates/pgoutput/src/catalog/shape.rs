//! From rows of the catalogs to relations and types: pure.

use std::collections::HashMap;
use std::sync::Arc;

use super::query::{ColumnRow, TableRow, TypeRow};
use crate::message::RelationMessage;
use crate::relation::{Column, Relation, ReplicaIdentity, Type, TypeKind};

/// Deepest nesting of types that is followed: the server allows no cycle, this bounds a wrong one.
const DEPTH_MAX: u32 = 64;

/// A table as it is now.
pub(super) fn of_table(
    oid: u32,
    table: &TableRow,
    type_by_oid: impl Fn(u32) -> Arc<Type>,
) -> Relation {
    let identity = match table.identity {
        b'n' => ReplicaIdentity::Nothing,
        b'f' => ReplicaIdentity::Full,
        b'i' => ReplicaIdentity::Index,
        _ => ReplicaIdentity::Default,
    };
    let columns: Vec<Column> = table
        .columns
        .iter()
        .map(|column| Column {
            name: column.name.clone(),
            ty: type_by_oid(column.type_oid),
            typmod: column.typmod,
            nullable: !column.not_null,
            default: column.default.clone(),
            identity: column.identity || identity == ReplicaIdentity::Full,
        })
        .collect();
    let key = key(&table.key, &columns).unwrap_or_default();
    Relation { oid, schema: table.schema.clone(), name: table.name.clone(), identity, columns, key }
}

/// A table as the message shows it, with what the catalogs add; `None` if they know it no more.
pub(super) fn of_message(
    message: &RelationMessage,
    table: Option<&TableRow>,
    type_by_oid: impl Fn(u32) -> Arc<Type>,
) -> Relation {
    let known: HashMap<&str, &ColumnRow> = table
        .iter()
        .flat_map(|table| &table.columns)
        .map(|column| (column.name.as_str(), column))
        .collect();
    let columns: Vec<Column> = message
        .columns
        .iter()
        .map(|column| {
            let now = known.get(column.name.as_str());
            Column {
                name: column.name.clone(),
                ty: type_by_oid(column.type_oid),
                typmod: column.typmod,
                // A column that is gone may have held NULL.
                nullable: now.is_none_or(|now| !now.not_null),
                default: now.and_then(|now| now.default.clone()),
                identity: column.identity,
            }
        })
        .collect();
    // A key that has since moved to columns which the message does not have is not the key of these rows; the
    // identity's columns are the best that is left. With FULL they are all columns, which says nothing.
    let key = table.and_then(|table| key(&table.key, &columns)).unwrap_or_else(|| {
        if message.identity == ReplicaIdentity::Full {
            return Vec::new();
        }
        (0..columns.len()).filter(|i| columns.get(*i).is_some_and(|c| c.identity)).collect()
    });
    Relation {
        oid: message.oid,
        schema: message.schema.clone(),
        name: message.name.clone(),
        identity: message.identity,
        columns,
        key,
    }
}

/// Where the key's columns stand; `None` if one is not there.
fn key(names: &[String], columns: &[Column]) -> Option<Vec<usize>> {
    names.iter().map(|name| columns.iter().position(|column| column.name == *name)).collect()
}

/// The types of the rows, each with those that it is made of.
pub(super) fn types(rows: &[TypeRow]) -> Vec<Arc<Type>> {
    let by_oid: HashMap<u32, &TypeRow> = rows.iter().map(|row| (row.oid, row)).collect();
    rows.iter().map(|row| build(row, &by_oid, 0)).collect()
}

fn build(row: &TypeRow, rows: &HashMap<u32, &TypeRow>, depth: u32) -> Arc<Type> {
    let part = || match rows.get(&row.of) {
        Some(part) if depth < DEPTH_MAX => build(part, rows, depth + 1),
        _ => unknown_type(row.of),
    };
    let kind = match row.kind {
        b'a' => TypeKind::Array(part()),
        b'e' => TypeKind::Enum(row.labels.clone()),
        b'd' => TypeKind::Domain { base: part(), typmod: row.typmod, not_null: row.not_null },
        b'c' => TypeKind::Composite,
        b'r' => TypeKind::Range(part()),
        b'm' => TypeKind::Multirange,
        b'p' => TypeKind::Pseudo,
        _ => TypeKind::Base,
    };
    Arc::new(Type { oid: row.oid, schema: row.schema.clone(), name: row.name.clone(), kind })
}

/// A type that was dropped after the row was written: without a name, so that nothing takes it for a known one.
pub(super) fn unknown_type(oid: u32) -> Arc<Type> {
    Arc::new(Type { oid, schema: String::new(), name: String::new(), kind: TypeKind::Base })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::RelationColumn;

    fn table(columns: &[&str], key: &[&str]) -> TableRow {
        TableRow {
            schema: "public".to_owned(),
            name: "t".to_owned(),
            identity: b'd',
            columns: columns
                .iter()
                .map(|name| ColumnRow {
                    name: (*name).to_owned(),
                    type_oid: 23,
                    typmod: -1,
                    not_null: true,
                    default: Some(format!("of {name}")),
                    identity: key.contains(name),
                })
                .collect(),
            key: key.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    fn message(identity: ReplicaIdentity, columns: &[(&str, bool)]) -> RelationMessage {
        RelationMessage {
            oid: 1,
            schema: "public".to_owned(),
            name: "t".to_owned(),
            identity,
            columns: columns
                .iter()
                .map(|(name, identity)| RelationColumn {
                    name: (*name).to_owned(),
                    type_oid: 23,
                    typmod: -1,
                    identity: *identity,
                })
                .collect(),
        }
    }

    #[test]
    fn key_keeps_the_order_of_its_index() {
        let relation = of_table(1, &table(&["a", "b", "c"], &["c", "a"]), unknown_type);
        assert_eq!(relation.key, [2, 0]);
        assert_eq!(
            relation.columns.iter().map(|c| c.identity).collect::<Vec<_>>(),
            [true, false, true]
        );
    }

    #[test]
    fn message_decides_which_columns_there_are() {
        let message = message(ReplicaIdentity::Default, &[("gone", false), ("b", true)]);
        let relation = of_message(&message, Some(&table(&["a", "b"], &["b"])), unknown_type);
        assert_eq!(relation.key, [1]);
        let [gone, b] = relation.columns.as_slice() else { panic!("two columns") };
        assert!(gone.nullable && gone.default.is_none());
        assert!(!b.nullable && b.default.as_deref() == Some("of b"));
    }

    #[test]
    fn dropped_table_has_the_key_of_its_identity() {
        let columns = [("a", true), ("b", false), ("c", true)];
        let of = |identity| of_message(&message(identity, &columns), None, unknown_type).key;
        assert_eq!(of(ReplicaIdentity::Default), [0, 2]);
        assert_eq!(of(ReplicaIdentity::Full), [0; 0]);
    }

    #[test]
    fn key_on_columns_that_the_message_lacks_is_not_taken() {
        let message = message(ReplicaIdentity::Default, &[("a", true)]);
        let relation = of_message(&message, Some(&table(&["a", "new"], &["new"])), unknown_type);
        assert_eq!(relation.key, [0]);
    }

    #[test]
    fn array_of_a_domain_over_an_enum_holds_all_three() {
        let row = |oid, kind, of, labels: &[&str]| TypeRow {
            oid,
            schema: "public".to_owned(),
            name: format!("t{oid}"),
            kind,
            of,
            typmod: -1,
            not_null: false,
            labels: labels.iter().map(|l| (*l).to_owned()).collect(),
        };
        let rows = [row(3, b'a', 2, &[]), row(1, b'e', 0, &["x", "a"]), row(2, b'd', 1, &[])];
        let types = types(&rows);
        let TypeKind::Array(domain) = &types[0].kind else { panic!("an array") };
        let TypeKind::Domain { base, .. } = &domain.kind else { panic!("a domain") };
        assert_eq!(base.kind, TypeKind::Enum(vec!["x".to_owned(), "a".to_owned()]));
    }
}
