//! Options about columns: which are captured, what becomes of their text, which make a table's key.

use std::sync::Arc;

use connect::Properties;
use fancy_regex::Regex;
use pgoutput::{Column, Relation};
use sink::config::ColumnRule;
use sink::java_regex;
use sink::mask::{Algorithm, Hash, Mask};

use super::settings::{Problem, split_list};

/// Which columns values show, and how.
#[derive(Debug, Default)]
pub(super) struct Columns {
    /// `None`: all.
    include: Option<Vec<Regex>>,
    exclude: Vec<Regex>,
    /// In Debezium's order; the first that matches a column is the one.
    masks: Vec<(Vec<Regex>, Mask)>,
}

/// `message.key.columns`: for each table its columns, in the order of the option.
#[derive(Debug, Default)]
pub(super) struct Keys(Vec<Regex>);

fn matches(regex: &Regex, name: &str) -> bool {
    // A pattern that gives up (too much backtracking) has not matched.
    regex.is_match(name).unwrap_or(false)
}

fn patterns(option: &str, list: &str) -> Result<Vec<Regex>, Problem> {
    let compile = |pattern: &String| java_regex::whole(pattern);
    let compiled: Result<_, _> = split_list(list).iter().map(compile).collect();
    compiled.map_err(|error: java_regex::SyntaxError| Problem {
        option: option.to_owned(),
        message: error.to_string(),
    })
}

impl Columns {
    pub(super) fn parse(config: &Properties) -> Result<Self, Problem> {
        let list = |name: &str| {
            let given = config.get(name).filter(|list| !list.trim().is_empty());
            given.map(|list| patterns(name, list)).transpose()
        };
        let mut masks = Vec::new();
        for rank in [Rank::Truncate, Rank::Stars, Rank::Hash, Rank::HashV2] {
            for (name, list) in config {
                if let Some(mask) = rank.mask(name)? {
                    masks.push((patterns(name, list)?, mask));
                }
            }
        }
        let exclude = list("column.exclude.list")?.unwrap_or_default();
        Ok(Self { include: list("column.include.list")?, exclude, masks })
    }

    /// Whether there is no such option at all.
    pub(super) fn is_trivial(&self) -> bool {
        self.include.is_none() && self.exclude.is_empty() && self.masks.is_empty()
    }

    pub(super) fn rule(&self, relation: &Relation, column: &Column) -> ColumnRule {
        let name = format!("{}.{}.{}", relation.schema, relation.name, column.name);
        let listed = |patterns: &[Regex]| patterns.iter().any(|regex| matches(regex, &name));
        let excluded = match &self.include {
            Some(include) => !listed(include),
            None => listed(&self.exclude),
        };
        let mask = self.masks.iter().find(|(patterns, _)| listed(patterns));
        ColumnRule { excluded, mask: mask.map(|(_, mask)| mask.clone()) }
    }
}

/// The kinds of masks, in the order in which Debezium looks for the first that matches a column.
#[derive(Clone, Copy)]
enum Rank {
    Truncate,
    Stars,
    Hash,
    HashV2,
}

impl Rank {
    /// The mask that an option's name asks for; `None` for another option, and for a number that is none, which
    /// Debezium does not take for such an option either.
    fn mask(self, name: &str) -> Result<Option<Mask>, Problem> {
        let number = |prefix: &str| {
            let digits = name.strip_prefix(prefix)?.strip_suffix(".chars")?;
            digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
        };
        match self {
            Self::Truncate => Ok(number("column.truncate.to.").map(Mask::Truncate)),
            Self::Stars => Ok(number("column.mask.with.").map(Mask::Stars)),
            Self::Hash => hash(name, "column.mask.hash.", true),
            Self::HashV2 => hash(name, "column.mask.hash.v2.", false),
        }
    }
}

fn hash(name: &str, prefix: &str, serialized: bool) -> Result<Option<Mask>, Problem> {
    let Some((algorithm, salt)) =
        name.strip_prefix(prefix).and_then(|rest| rest.split_once(".with.salt."))
    else {
        return Ok(None);
    };
    if algorithm.is_empty() || algorithm.contains('.') || salt.is_empty() {
        return Ok(None);
    }
    let algorithm = Algorithm::parse(algorithm).ok_or_else(|| Problem {
        option: prefix.trim_end_matches('.').to_owned(),
        message: format!("{algorithm} is not a digest that is known here"),
    })?;
    let salt = salt.as_bytes().into();
    Ok(Some(Mask::Hash(Arc::new(Hash { algorithm, salt, serialized }))))
}

impl Keys {
    pub(super) fn parse(text: &str) -> Result<Self, Problem> {
        let mut patterns = Vec::new();
        for entry in text.split(';') {
            let Some((table, columns)) = entry.split_once(':') else { continue };
            for column in columns.split(',') {
                // The dot between is one of the pattern, as in Debezium.
                let pattern = format!("{}.{}", table.trim(), column.trim());
                patterns.push(java_regex::whole(&pattern).map_err(|error| Problem {
                    option: "message.key.columns".to_owned(),
                    message: error.to_string(),
                })?);
            }
        }
        Ok(Self(patterns))
    }

    /// Whether the option is not given.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The table's key; `None` for its own.
    pub(super) fn of(&self, relation: &Relation) -> Option<Vec<usize>> {
        let mut key = Vec::new();
        for regex in &self.0 {
            for (index, column) in relation.columns.iter().enumerate() {
                let name = format!("{}.{}.{}", relation.schema, relation.name, column.name);
                if !key.contains(&index) && matches(regex, &name) {
                    key.push(index);
                }
            }
        }
        (!key.is_empty()).then_some(key)
    }
}

#[cfg(test)]
mod tests {
    use pgoutput::{ReplicaIdentity, Type, TypeKind};

    use super::*;

    fn relation(columns: &[&str]) -> Relation {
        let column = |name: &&str| Column {
            name: (*name).to_owned(),
            ty: Arc::new(Type {
                oid: 25,
                schema: "pg_catalog".to_owned(),
                name: "text".to_owned(),
                kind: TypeKind::Base,
            }),
            typmod: -1,
            nullable: true,
            default: None,
            identity: false,
        };
        Relation {
            oid: 1,
            schema: "public".to_owned(),
            name: "T".to_owned(),
            identity: ReplicaIdentity::Default,
            columns: columns.iter().map(column).collect(),
            key: vec![0],
        }
    }

    fn columns(options: &[(&str, &str)]) -> Columns {
        let config = options.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Columns::parse(&config).unwrap()
    }

    fn shown(columns: &Columns) -> Vec<bool> {
        let relation = relation(&["id", "first", "ssn"]);
        relation.columns.iter().map(|c| !columns.rule(&relation, c).excluded).collect()
    }

    #[test]
    fn lists_are_over_whole_names_in_any_case() {
        assert_eq!(shown(&columns(&[])), [true, true, true]);
        let include = columns(&[("column.include.list", " public.t.(ID|first) ,x")]);
        assert_eq!(shown(&include), [true, true, false]);
        let exclude = columns(&[("column.exclude.list", "PUBLIC.T.SSN,public.t.fir")]);
        assert_eq!(shown(&exclude), [true, true, false]);
    }

    #[test]
    fn truncation_goes_before_masks_and_those_before_hashes() {
        let columns = columns(&[
            ("column.mask.hash.v2.MD5.with.salt.s.a.l.t", "public.t.*"),
            ("column.mask.with.12.chars", "public.t.(first|ssn)"),
            ("column.mask.with.x.chars", "public.t.id"),
            ("column.truncate.to.3.chars", "public.t.ssn"),
        ]);
        let relation = relation(&["id", "first", "ssn"]);
        let masks: Vec<_> =
            relation.columns.iter().map(|c| columns.rule(&relation, c).mask.unwrap()).collect();
        assert!(matches!(&masks[0], Mask::Hash(hash) if &*hash.salt == b"s.a.l.t"), "{masks:?}");
        assert_eq!(masks[1..], [Mask::Stars(12), Mask::Truncate(3)]);
    }

    #[test]
    fn a_digest_that_is_not_known_is_a_problem() {
        let config = [("column.mask.hash.MD4.with.salt.x".to_owned(), "a".to_owned())];
        let problem = Columns::parse(&config.into_iter().collect()).unwrap_err();
        assert_eq!(problem.option, "column.mask.hash", "the salt is not shown");
    }

    #[test]
    fn keys_are_in_the_order_of_the_option() {
        let keys = Keys::parse("other:x;public.t:ssn , first").unwrap();
        assert_eq!(keys.of(&relation(&["id", "first", "ssn"])), Some(vec![2, 1]));
        assert_eq!(keys.of(&relation(&["id"])), None);
    }
}
