//! From the names of Java's Kafka clients, which users write in worker and connector configurations, to
//! librdkafka's.

pub(crate) mod definition;

use indexmap::IndexMap;

use crate::connector::Properties;

/// Which client a configuration is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Writes.
    Producer,
    /// Reads.
    Consumer,
    /// Creates and describes topics.
    Admin,
}

/// What a Java key becomes.
#[derive(Debug, Clone, Copy)]
enum Rule {
    /// The same key and value.
    Same,
    /// Another key, the same value.
    Renamed(&'static str),
    /// Bytes there, kilobytes here.
    Kilobytes(&'static str),
    /// Has no counterpart and needs none.
    Without,
    /// Depends on the value or on other keys.
    Special,
}

/// Keys of every client.
const COMMON: &[(&str, Rule)] = &[
    ("bootstrap.servers", Rule::Same),
    ("client.id", Rule::Same),
    ("client.rack", Rule::Same),
    ("client.dns.lookup", Rule::Same),
    ("connections.max.idle.ms", Rule::Same),
    ("metadata.max.age.ms", Rule::Same),
    ("reconnect.backoff.ms", Rule::Same),
    ("reconnect.backoff.max.ms", Rule::Same),
    ("retry.backoff.ms", Rule::Same),
    ("retry.backoff.max.ms", Rule::Same),
    ("send.buffer.bytes", Rule::Special),
    ("receive.buffer.bytes", Rule::Special),
    ("socket.connection.setup.timeout.ms", Rule::Same),
    ("socket.connection.setup.timeout.max.ms", Rule::Without),
    ("request.timeout.ms", Rule::Special),
    ("default.api.timeout.ms", Rule::Without),
    ("metric.reporters", Rule::Without),
    ("metrics.num.samples", Rule::Without),
    ("metrics.recording.level", Rule::Without),
    ("metrics.sample.window.ms", Rule::Without),
    ("auto.include.jmx.reporter", Rule::Without),
    ("enable.metrics.push", Rule::Same),
    ("metadata.recovery.strategy", Rule::Same),
    ("security.protocol", Rule::Same),
    ("sasl.mechanism", Rule::Renamed("sasl.mechanisms")),
    ("sasl.jaas.config", Rule::Special),
    ("sasl.kerberos.service.name", Rule::Same),
    ("sasl.oauthbearer.token.endpoint.url", Rule::Special),
    ("ssl.truststore.type", Rule::Without),
    ("ssl.truststore.location", Rule::Special),
    ("ssl.truststore.password", Rule::Without),
    ("ssl.truststore.certificates", Rule::Renamed("ssl.ca.pem")),
    ("ssl.keystore.type", Rule::Without),
    ("ssl.keystore.location", Rule::Special),
    ("ssl.keystore.password", Rule::Special),
    ("ssl.keystore.certificate.chain", Rule::Renamed("ssl.certificate.pem")),
    ("ssl.keystore.key", Rule::Renamed("ssl.key.pem")),
    ("ssl.key.password", Rule::Same),
    ("ssl.cipher.suites", Rule::Same),
    ("ssl.endpoint.identification.algorithm", Rule::Special),
    ("ssl.protocol", Rule::Without),
    ("ssl.enabled.protocols", Rule::Without),
];

const PRODUCER: &[(&str, Rule)] = &[
    ("acks", Rule::Same),
    ("batch.size", Rule::Special),
    ("linger.ms", Rule::Same),
    ("compression.type", Rule::Same),
    ("compression.gzip.level", Rule::Renamed("compression.level")),
    ("compression.lz4.level", Rule::Renamed("compression.level")),
    ("compression.zstd.level", Rule::Renamed("compression.level")),
    ("retries", Rule::Same),
    ("delivery.timeout.ms", Rule::Renamed("message.timeout.ms")),
    ("enable.idempotence", Rule::Same),
    ("transactional.id", Rule::Same),
    ("transaction.timeout.ms", Rule::Same),
    ("max.in.flight.requests.per.connection", Rule::Same),
    ("max.request.size", Rule::Renamed("message.max.bytes")),
    ("buffer.memory", Rule::Kilobytes("queue.buffering.max.kbytes")),
    ("partitioner.class", Rule::Special),
    ("max.block.ms", Rule::Without),
    ("key.serializer", Rule::Without),
    ("value.serializer", Rule::Without),
    ("partitioner.availability.timeout.ms", Rule::Without),
    ("partitioner.adaptive.partitioning.enable", Rule::Without),
    ("metadata.max.idle.ms", Rule::Without),
];

const CONSUMER: &[(&str, Rule)] = &[
    ("isolation.level", Rule::Same),
    ("fetch.min.bytes", Rule::Same),
    ("fetch.max.bytes", Rule::Same),
    ("max.partition.fetch.bytes", Rule::Same),
    ("fetch.max.wait.ms", Rule::Renamed("fetch.wait.max.ms")),
    ("check.crcs", Rule::Same),
    ("max.poll.records", Rule::Without),
    ("max.poll.interval.ms", Rule::Without),
    ("auto.offset.reset", Rule::Without),
    ("enable.auto.commit", Rule::Without),
    ("key.deserializer", Rule::Without),
    ("value.deserializer", Rule::Without),
];

/// A client's configuration in librdkafka's words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Translated {
    /// For `ClientConfig::set`.
    pub properties: IndexMap<String, String>,
    /// What could not be said, a sentence each that begins with the Java key. Never holds a value.
    pub warnings: Vec<String>,
}

fn rule(role: Role, key: &str) -> Option<Rule> {
    let own = match role {
        Role::Producer => PRODUCER,
        Role::Consumer => CONSUMER,
        Role::Admin => &[],
    };
    COMMON.iter().chain(own).find(|(name, _)| *name == key).map(|(_, rule)| *rule)
}

/// Translates a client's configuration.
#[must_use]
pub fn translate(role: Role, java: &Properties) -> Translated {
    let mut out = Translated::default();
    for (key, value) in java {
        let value = value.trim();
        match rule(role, key) {
            Some(Rule::Same) => out.set(key, value),
            Some(Rule::Renamed(name)) => out.set(name, value),
            Some(Rule::Kilobytes(name)) => match value.parse::<u64>() {
                Ok(bytes) => out.set(name, &bytes.div_ceil(1024).max(1).to_string()),
                Err(_not) => out.warn(key, "is not a number and is ignored"),
            },
            Some(Rule::Without) => {}
            Some(Rule::Special) => special(role, java, (key, value), &mut out),
            None => out.warn(key, "has no counterpart here and is ignored"),
        }
    }
    out
}

/// What the worker's own clients use: the unprefixed keys of its properties. Keys that mean something else to
/// the worker are left out without a warning.
#[must_use]
pub fn internal(role: Role, worker: &Properties) -> Translated {
    let known = worker.iter().filter(|(key, _)| rule(role, key).is_some());
    translate(role, &known.map(|(key, value)| (key.clone(), value.clone())).collect())
}

/// What a connector's client uses: the worker's brokers and its keys under `producer.`, `consumer.` or `admin.`,
/// then the connector's under `producer.override.` and so on. Admin clients inherit the unprefixed keys too.
#[must_use]
pub fn connector(role: Role, worker: &Properties, connector: &Properties) -> Translated {
    let prefix = match role {
        Role::Producer => "producer.",
        Role::Consumer => "consumer.",
        Role::Admin => "admin.",
    };
    let mut java = Properties::new();
    let inherited =
        |key: &str| key == "bootstrap.servers" || role == Role::Admin && rule(role, key).is_some();
    let unprefixed = worker.iter().filter(|(key, _)| inherited(key));
    java.extend(unprefixed.map(|(key, value)| (key.clone(), value.clone())));
    java.extend(below(worker, prefix));
    java.extend(below(connector, &format!("{prefix}override.")));
    translate(role, &java)
}

/// Endings of options whose values are never shown: those that Debezium masks in its logs
/// (`custom.sanitize.pattern`).
const SECRETS: &[&str] = &[
    "secret",
    "password",
    "sasl.jaas.config",
    "basic.auth.user.info",
    "registry.auth.client-secret",
    "credentials.json",
    "connectionstring",
    "connection.string",
];

/// Whether the option of that name holds a secret.
#[must_use]
pub fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    SECRETS.iter().any(|ending| key.ends_with(ending))
}

fn below<'a>(
    properties: &'a Properties,
    prefix: &'a str,
) -> impl Iterator<Item = (String, String)> + 'a {
    let strip = move |(key, value): (&'a String, &'a String)| {
        key.strip_prefix(prefix).map(|key| (key.to_owned(), value.clone()))
    };
    properties.iter().filter_map(strip)
}

fn special(role: Role, java: &Properties, (key, value): (&str, &str), out: &mut Translated) {
    let store_type =
        |key: &str| java.get(key).map_or("JKS", String::as_str).trim().to_ascii_uppercase();
    match key {
        "request.timeout.ms" if role == Role::Producer => out.set(key, value),
        "request.timeout.ms" => out.set("socket.timeout.ms", value),
        "batch.size" => out.set(key, if value == "0" { "1" } else { value }),
        "send.buffer.bytes" | "receive.buffer.bytes" => {
            let size = if value == "-1" { "0" } else { value };
            out.set(&format!("socket.{key}"), size);
        }
        "partitioner.class" if value.is_empty() || value.ends_with(".DefaultPartitioner") => {}
        "partitioner.class" => {
            out.warn(key, "is ignored: records go where Java's default partitioner sends them");
        }
        "sasl.jaas.config" => jaas(value, out),
        "sasl.oauthbearer.token.endpoint.url" => {
            out.set("sasl.oauthbearer.method", "oidc");
            out.set(key, value);
        }
        "ssl.endpoint.identification.algorithm" => {
            out.set(key, if value.is_empty() { "none" } else { value });
        }
        "ssl.truststore.location" if store_type("ssl.truststore.type") == "PEM" => {
            out.set("ssl.ca.location", value);
        }
        "ssl.truststore.location" => {
            out.warn(key, "is ignored: only PEM trust stores can be read; export it and set ssl.truststore.type=PEM");
        }
        "ssl.keystore.location" => match store_type("ssl.keystore.type").as_str() {
            "PEM" => {
                out.set("ssl.certificate.location", value);
                out.set("ssl.key.location", value);
            }
            "PKCS12" => out.set(key, value),
            _ => out.warn(
                key,
                "is ignored: only PEM and PKCS12 key stores can be read; set ssl.keystore.type",
            ),
        },
        "ssl.keystore.password" if store_type("ssl.keystore.type") == "PKCS12" => {
            out.set(key, value);
        }
        _ => {}
    }
}

/// Reads `<class> required name="value" …;`.
fn jaas(text: &str, out: &mut Translated) {
    let key = "sasl.jaas.config";
    let class = text.split_whitespace().next().unwrap_or_default();
    let class = class.rsplit('.').next().unwrap_or_default();
    let options = jaas_options(text);
    let mut take = |option: &str, name: &str| {
        if let Some(value) = options.get(option) {
            out.set(name, value);
        }
    };
    match class {
        "PlainLoginModule" | "ScramLoginModule" => {
            take("username", "sasl.username");
            take("password", "sasl.password");
        }
        "OAuthBearerLoginModule" => {
            take("clientId", "sasl.oauthbearer.client.id");
            take("clientSecret", "sasl.oauthbearer.client.secret");
            take("scope", "sasl.oauthbearer.scope");
        }
        "Krb5LoginModule" => {
            take("principal", "sasl.kerberos.principal");
            take("keyTab", "sasl.kerberos.keytab");
        }
        _ => out.warn(key, "names a login module that is not known and is ignored"),
    }
}

/// The options of a JAAS entry, quotes removed.
fn jaas_options(text: &str) -> IndexMap<String, String> {
    let mut options = IndexMap::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('=') {
        let name = before.split_whitespace().next_back().unwrap_or_default().to_owned();
        let after = after.trim_start();
        let mut value = String::new();
        let behind = match after.strip_prefix('"') {
            Some(quoted) => {
                let mut letters = quoted.chars();
                while let Some(letter) = letters.next() {
                    match letter {
                        '\\' => value.extend(letters.next()),
                        '"' => break,
                        letter => value.push(letter),
                    }
                }
                letters.as_str()
            }
            None => {
                let end = after.find(|letter: char| letter.is_whitespace() || letter == ';');
                let (plain, behind) = after.split_at(end.unwrap_or(after.len()));
                value.push_str(plain);
                behind
            }
        };
        options.insert(name, value);
        rest = behind;
    }
    options
}

impl Translated {
    fn set(&mut self, key: &str, value: &str) {
        self.properties.insert(key.to_owned(), value.to_owned());
    }

    fn warn(&mut self, key: &str, text: &str) {
        self.warnings.push(format!("{key} {text}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn properties(entries: &[(&str, &str)]) -> Properties {
        entries.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect()
    }

    fn translated(role: Role, entries: &[(&str, &str)]) -> Translated {
        translate(role, &properties(entries))
    }

    #[test]
    fn keys_and_values_are_translated() {
        let cases: &[(&str, &str, &str, &str)] = &[
            ("acks", "all", "acks", "all"),
            ("max.request.size", "1000", "message.max.bytes", "1000"),
            ("buffer.memory", "33554432", "queue.buffering.max.kbytes", "32768"),
            ("buffer.memory", "1", "queue.buffering.max.kbytes", "1"),
            ("batch.size", "0", "batch.size", "1"),
            ("delivery.timeout.ms", "5", "message.timeout.ms", "5"),
            ("sasl.mechanism", "PLAIN", "sasl.mechanisms", "PLAIN"),
            (
                "ssl.endpoint.identification.algorithm",
                "",
                "ssl.endpoint.identification.algorithm",
                "none",
            ),
            ("send.buffer.bytes", "-1", "socket.send.buffer.bytes", "0"),
        ];
        for (java, value, key, expected) in cases {
            let out = translated(Role::Producer, &[(java, value)]);
            assert_eq!(out.properties.get(*key).map(String::as_str), Some(*expected), "{java}");
            assert!(out.warnings.is_empty(), "{java}");
        }
    }

    #[test]
    fn jaas_gives_user_and_password() {
        let text = r#"org.apache.kafka.common.security.plain.PlainLoginModule required username="a" password="b\"=; c";"#;
        let out = translated(Role::Admin, &[("sasl.jaas.config", text)]);
        assert_eq!(out.properties.get("sasl.username").unwrap(), "a");
        assert_eq!(out.properties.get("sasl.password").unwrap(), "b\"=; c");
    }

    #[test]
    fn what_cannot_be_said_is_named_and_its_value_is_not_shown() {
        for (key, value) in [
            ("ssl.truststore.location", "/x/secret.jks"),
            ("ssl.keystore.location", "/x/secret.jks"),
            ("interceptor.classes", "secret.Class"),
            ("partitioner.class", "secret.Class"),
            ("sasl.jaas.config", "secret.Module required;"),
        ] {
            let out = translated(Role::Producer, &[(key, value)]);
            assert_eq!(out.warnings.len(), 1, "{key}");
            assert!(
                out.warnings[0].starts_with(key) && !out.warnings[0].contains("secret"),
                "{key}"
            );
        }
    }

    #[test]
    fn stores_are_read_by_their_type() {
        let out = translated(
            Role::Consumer,
            &[
                ("ssl.truststore.type", "PEM"),
                ("ssl.truststore.location", "/ca"),
                ("ssl.keystore.type", "PKCS12"),
                ("ssl.keystore.location", "/ks"),
                ("ssl.keystore.password", "p"),
            ],
        );
        assert_eq!(
            out.properties,
            properties(&[
                ("ssl.ca.location", "/ca"),
                ("ssl.keystore.location", "/ks"),
                ("ssl.keystore.password", "p"),
            ])
        );
    }

    #[test]
    fn a_connectors_producer_takes_only_prefixed_keys() {
        let worker = properties(&[
            ("bootstrap.servers", "b"),
            ("security.protocol", "SSL"),
            ("producer.linger.ms", "1"),
            ("producer.acks", "1"),
        ]);
        let connector_config = properties(&[("producer.override.linger.ms", "7")]);
        let out = connector(Role::Producer, &worker, &connector_config);
        assert_eq!(
            out.properties,
            properties(&[("bootstrap.servers", "b"), ("linger.ms", "7"), ("acks", "1")])
        );
    }

    #[test]
    fn the_workers_own_clients_take_unprefixed_keys() {
        let worker = properties(&[
            ("bootstrap.servers", "b"),
            ("security.protocol", "SSL"),
            ("group.id", "g"),
            ("producer.acks", "1"),
        ]);
        let out = internal(Role::Producer, &worker);
        assert_eq!(
            out.properties,
            properties(&[("bootstrap.servers", "b"), ("security.protocol", "SSL")])
        );
        assert!(out.warnings.is_empty());
    }
}
