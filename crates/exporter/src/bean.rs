//! Virtual MBeans: what Kafka Connect, its clients and Debezium register with JMX, shaped once.
//!
//! A [`Table`] says what a kind of bean is: domain, type, and one line an attribute. A metric more is one line more
//! there. What the numbers become for Prometheus is the rules' business ([`crate::rule`]).

use std::fmt::Write as _;

/// An attribute's value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// A Java double.
    Number(f64),
    /// A Java long or int.
    Integer(i64),
    /// 1 or 0.
    Boolean(bool),
    /// Dropped unless a rule gives a number for it.
    Text(String),
    /// A tabular attribute: a value by key. The key becomes a property of the bean, as JMX exporter shows it.
    Map(Vec<(String, f64)>),
    /// Java's null: not shown at all.
    Null,
}

impl Value {
    /// The number that is exported, if it is one.
    pub(crate) const fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            #[expect(clippy::cast_precision_loss, reason = "Prometheus knows doubles only")]
            Self::Integer(number) => Some(*number as f64),
            Self::Boolean(true) => Some(1.0),
            Self::Boolean(false) => Some(0.0),
            Self::Text(_) | Self::Map(_) | Self::Null => None,
        }
    }

    /// As Java's `toString` writes it: what a pattern sees behind the attribute's name.
    pub(crate) fn java(&self, out: &mut String) {
        out.clear();
        match self {
            Self::Number(number) => java_double(*number, out),
            Self::Integer(number) => out.push_str(&number.to_string()),
            Self::Boolean(yes) => out.push_str(if *yes { "true" } else { "false" }),
            Self::Text(text) => out.push_str(text),
            Self::Map(_) | Self::Null => {}
        }
    }
}

/// Counters and gauges of ours as Java doubles.
#[expect(clippy::cast_precision_loss, reason = "JMX shows doubles; beyond 2^53 nobody counts")]
pub(crate) const fn count(value: u64) -> Value {
    Value::Number(value as f64)
}

/// `Double.toString`, less its last digit's subtleties.
fn java_double(number: f64, out: &mut String) {
    if number.is_nan() {
        out.push_str("NaN");
    } else if number.is_infinite() {
        out.push_str(if number > 0.0 { "Infinity" } else { "-Infinity" });
    } else if number == 0.0 || (1e-3..1e7).contains(&number.abs()) {
        let _ok = write!(out, "{number:?}");
    } else {
        let text = format!("{number:e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let point = if mantissa.contains('.') { "" } else { ".0" };
        let _ok = write!(out, "{mantissa}{point}E{exponent}");
    }
}

/// One attribute of a kind of bean: its name, and where its value comes from.
pub(crate) type Attribute<T> = (&'static str, fn(&T) -> Value);

/// A kind of bean.
#[derive(Debug)]
pub(crate) struct Table<T: 'static> {
    /// `kafka.connect` and the like.
    pub(crate) domain: &'static str,
    /// The `type` property.
    pub(crate) kind: &'static str,
    /// Its attributes; several lists, since some are shared among kinds.
    pub(crate) attributes: &'static [&'static [Attribute<T>]],
}

impl<T> Table<T> {
    /// The bean of `source`, whose further properties are `keys`, in Kafka's order.
    pub(crate) fn bean(&self, keys: &[(&'static str, &str)], source: &T) -> Bean {
        let mut properties = vec![("type", self.kind.to_owned())];
        properties.extend(keys.iter().map(|(key, value)| (*key, quote(value))));
        let attributes = self.attributes.iter().copied().flatten();
        let attributes = attributes.map(|(name, value)| (*name, value(source))).collect();
        Bean { domain: self.domain, properties, attributes }
    }
}

/// A bean at one moment.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Bean {
    pub(crate) domain: &'static str,
    /// In order; values quoted where JMX quotes them.
    pub(crate) properties: Vec<(&'static str, String)>,
    pub(crate) attributes: Vec<(&'static str, Value)>,
}

impl Bean {
    /// `domain:key=value,key=value`: what include and exclude lists are compared with.
    pub(crate) fn object_name(&self) -> String {
        let mut name = format!("{}:", self.domain);
        for (index, (key, value)) in self.properties.iter().enumerate() {
            let _ok = write!(name, "{}{key}={value}", if index > 0 { "," } else { "" });
        }
        name
    }
}

/// Quotes a property value as Kafka does (`org.apache.kafka.common.utils.Sanitizer.jmxSanitize`): one with other
/// characters than word characters, `-`, `%`, `.`, blank and tab is written as `ObjectName.quote` writes it.
fn quote(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-%. \t".contains(c);
    if value.chars().all(plain) {
        return value.to_owned();
    }
    let mut quoted = String::with_capacity(value.len() + 2);
    quoted.push('"');
    for c in value.chars() {
        match c {
            '\n' => quoted.push_str("\\n"),
            '"' | '*' | '?' | '\\' => {
                quoted.push('\\');
                quoted.push(c);
            }
            _ => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_quoted_as_kafka_quotes_them() {
        assert_eq!(quote("connector-producer-pg_1.x%y-0"), "connector-producer-pg_1.x%y-0");
        assert_eq!(quote("connect-host:8083"), "\"connect-host:8083\"");
        assert_eq!(quote("a\"b*"), "\"a\\\"b\\*\"");
    }

    #[test]
    fn doubles_are_written_as_java_writes_them() {
        let java = |number| {
            let mut out = String::new();
            Value::Number(number).java(&mut out);
            out
        };
        assert_eq!(java(1.0), "1.0");
        assert_eq!(java(33_554_432.0), "3.3554432E7");
        assert_eq!(java(1e10), "1.0E10");
        assert_eq!(java(0.0001), "1.0E-4");
        assert_eq!(java(f64::NAN), "NaN");
        assert_eq!(java(f64::INFINITY), "Infinity");
    }
}
