//! Tables and types as they were when a row was written. Immutable: a change makes a new one.

use std::sync::Arc;

/// Which old values the server writes to the WAL for an update or delete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplicaIdentity {
    /// The primary key.
    Default,
    /// Nothing.
    Nothing,
    /// The whole row.
    Full,
    /// The columns of an index.
    Index,
}

impl ReplicaIdentity {
    /// From the letter of `pg_class.relreplident`, which a relation message repeats; `None` for an unknown one.
    #[must_use]
    pub const fn from_letter(letter: u8) -> Option<Self> {
        match letter {
            b'd' => Some(Self::Default),
            b'n' => Some(Self::Nothing),
            b'f' => Some(Self::Full),
            b'i' => Some(Self::Index),
            _ => None,
        }
    }

    /// Its letter in `pg_class.relreplident`.
    #[must_use]
    pub const fn letter(self) -> u8 {
        match self {
            Self::Default => b'd',
            Self::Nothing => b'n',
            Self::Full => b'f',
            Self::Index => b'i',
        }
    }
}

/// What a type is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TypeKind {
    /// A base type.
    Base,
    /// A pseudo-type.
    Pseudo,
    /// Elements of another type.
    Array(Arc<Type>),
    /// Labels in `enumsortorder`.
    Enum(Vec<String>),
    /// A domain.
    Domain {
        /// The type it is over, itself perhaps a domain.
        base: Arc<Type>,
        /// The modifier it gives the base type; -1 for none.
        typmod: i32,
        /// Whether it refuses NULL.
        not_null: bool,
    },
    /// A row type.
    Composite,
    /// A range over the type.
    Range(Arc<Type>),
    /// A multirange; the range type's OID is not needed.
    Multirange,
}

/// A type of the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Type {
    /// Its OID.
    pub oid: u32,
    /// Its schema, `pg_catalog` for the built-in ones.
    pub schema: String,
    /// Its name, as in `pg_type.typname`.
    pub name: String,
    /// What it is made of.
    pub kind: TypeKind,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: Arc<Type>,
    /// Its type modifier (`atttypmod`); -1 for none.
    pub typmod: i32,
    /// Whether it may be NULL: neither declared NOT NULL nor of a domain that is.
    pub nullable: bool,
    /// Its default as `pg_get_expr` prints it; also the expression of a generated column.
    pub default: Option<String>,
    /// Whether it is part of the replica identity.
    pub identity: bool,
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    /// Its OID.
    pub oid: u32,
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Which old values are written for it.
    pub identity: ReplicaIdentity,
    /// Its columns, in the order of its rows.
    pub columns: Vec<Column>,
    /// Columns of its key, in key order: the primary key, else the unique index that is first by name and has
    /// no expression (Debezium's choice; a partial index counts); empty when there is none.
    pub key: Vec<usize>,
}
