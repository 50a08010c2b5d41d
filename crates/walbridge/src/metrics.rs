//! Metrics: what is configured, who is asked, and the listener.
//!
//! | worker property | what it says |
//! |---|---|
//! | `metrics.listeners` | where to listen: `http://:9876` unless set; empty: nowhere |
//! | `metrics.profile` | built-in rules, several separated by commas: `superset` unless set |
//! | `metrics.rules` | a JMX exporter rule file of the user's own, in the place of a profile |
//! | `metrics.max.tables` | tables and topics that are counted by name: 100 unless set |
//!
//! `-javaagent:…jmx_prometheus_javaagent-VERSION.jar=[HOST:]PORT:FILE` in `KAFKA_OPTS` sets listener and rule file where
//! the properties do not.

pub(crate) mod meter;
mod own;
mod slot;
mod statistics;

use std::sync::Arc;

use connect::{ClientWatch, Monitor, Properties};
use exporter::rule::Agent;
use exporter::server::{ListenError, Server};
use exporter::worker::{Connector, Starts, State, View};
use exporter::{Exporter, Rules};
use tokio_util::sync::CancellationToken;

use crate::live::Live;
use own::Own;

/// Where metrics are served unless something else is said, as in the course.
const PORT: u16 = 9876;
/// Tables that are counted by name.
const MAX_TABLES: usize = 100;

/// Metrics cannot be set up as configured.
#[derive(Debug, thiserror::Error)]
pub enum MetricsError {
    /// A property does not mean anything.
    #[error("worker property {0}")]
    Setting(String),
    /// A listener that was asked for cannot be opened.
    #[error(transparent)]
    Listen(#[from] ListenError),
}

/// A rule file of the user's own.
#[derive(Debug, Clone, PartialEq, Eq)]
struct RuleFile {
    path: String,
    agent: Agent,
}

/// What the properties say.
#[derive(Debug, PartialEq, Eq)]
struct Settings {
    listeners: Vec<(String, u16)>,
    /// Whether they were asked for, or are the default.
    explicit: bool,
    profiles: Vec<String>,
    rules: Option<RuleFile>,
    max_tables: usize,
}

impl Settings {
    fn parse(properties: &Properties, kafka_opts: Option<&str>) -> Result<Self, MetricsError> {
        let agent = kafka_opts.and_then(JavaAgent::parse);
        let get = |key: &str| properties.get(key).map(|value| value.trim());
        let (listeners, explicit) = match (get("metrics.listeners"), &agent) {
            (Some(text), _) => (listeners(text)?, true),
            (None, Some(agent)) => (vec![(agent.host.clone(), agent.port)], true),
            (None, None) => (vec![(String::new(), PORT)], false),
        };
        let profiles = get("metrics.profile").unwrap_or("superset");
        let profiles = profiles.split(',').map(|name| name.trim().to_owned()).collect();
        let own = get("metrics.rules").filter(|path| !path.is_empty());
        let own = own.map(|path| RuleFile { path: path.to_owned(), agent: Agent::Zero });
        // A profile that is named is meant, whatever an old environment says.
        let of_agent = agent.filter(|_| get("metrics.profile").is_none());
        let rules = own.or_else(|| of_agent.and_then(|agent| agent.rules));
        let max_tables = match get("metrics.max.tables") {
            None => MAX_TABLES,
            Some(text) => text.parse().map_err(|_not| {
                MetricsError::Setting(format!("metrics.max.tables: {text} is not a number"))
            })?,
        };
        Ok(Self { listeners, explicit, profiles, rules, max_tables })
    }

    /// The user's rules; the profile where there are none or they cannot be used.
    fn rules(&self) -> Result<Rules, MetricsError> {
        if let Some(file) = &self.rules {
            let RuleFile { path, agent } = file;
            let text = std::fs::read_to_string(path).map_err(|error| error.to_string());
            let rules =
                text.and_then(|yaml| Rules::file(&yaml, *agent).map_err(|error| error.to_string()));
            match rules {
                Ok(rules) => return Ok(rules),
                Err(error) => {
                    tracing::error!(
                        path,
                        error,
                        profile = self.profiles.join(","),
                        "rule file cannot be used; the built-in profile is"
                    );
                }
            }
        }
        let names: Vec<&str> = self.profiles.iter().map(String::as_str).collect();
        Rules::profiles(&names).map_err(|name| {
            MetricsError::Setting(format!("metrics.profile: there is no profile {name}"))
        })
    }
}

/// Of `http://host:port`, separated by commas.
fn listeners(text: &str) -> Result<Vec<(String, u16)>, MetricsError> {
    let invalid = |listener: &str| {
        MetricsError::Setting(format!("metrics.listeners: {listener} is not http://<host>:<port>"))
    };
    let list = text.split(',').map(str::trim).filter(|listener| !listener.is_empty());
    list.map(|listener| {
        let address = listener.strip_prefix("http://").ok_or_else(|| invalid(listener))?;
        let (host, port) = address.rsplit_once(':').ok_or_else(|| invalid(listener))?;
        let port = port.trim_end_matches('/').parse().map_err(|_not| invalid(listener))?;
        Ok((host.trim_matches(['[', ']']).to_owned(), port))
    })
    .collect()
}

/// What `-javaagent` says of JMX exporter.
#[derive(Debug, PartialEq, Eq)]
struct JavaAgent {
    host: String,
    port: u16,
    rules: Option<RuleFile>,
}

impl JavaAgent {
    /// The first agent in `KAFKA_OPTS` that is JMX exporter's: `JAR=[HOST:]PORT:FILE`.
    fn parse(options: &str) -> Option<Self> {
        options.split_whitespace().find_map(|option| {
            let (jar, arguments) = option.strip_prefix("-javaagent:")?.split_once('=')?;
            let name = jar.rsplit('/').next().filter(|name| name.contains("jmx"))?;
            let (address, path) = match arguments.rsplit_once(':') {
                Some((address, path)) if !path.is_empty() => (address, path),
                _ => return None,
            };
            let (host, port) = address.rsplit_once(':').unwrap_or(("", address));
            let version = name.trim_end_matches(".jar").rsplit('-').next().unwrap_or_default();
            let old = version.starts_with("0.");
            // A jar without a version is a new one or an old one: the course's is old.
            let numbered = version.starts_with(|c: char| c.is_ascii_digit());
            let agent = if numbered && !old { Agent::One } else { Agent::Zero };
            Some(Self {
                host: host.to_owned(),
                port: port.parse().ok()?,
                rules: Some(RuleFile { path: path.to_owned(), agent }),
            })
        })
    }
}

/// The exporter of a worker.
#[derive(Debug)]
pub(crate) struct Metrics {
    pub(crate) exporter: Arc<Exporter>,
    pub(crate) max_tables: usize,
    server: Server,
    client_id: Option<String>,
    own: Arc<Own>,
    end: CancellationToken,
}

impl Metrics {
    /// Reads the properties and opens the listeners. A port that is only the default and taken by somebody else is told
    /// and left; one that was asked for is an error.
    pub(crate) async fn open(properties: &Properties) -> Result<Self, MetricsError> {
        let options = std::env::var("KAFKA_OPTS").ok();
        let settings = Settings::parse(properties, options.as_deref())?;
        let exporter = Exporter::new(settings.rules()?, crate::CONNECT_VERSION, crate::COMMIT);
        let mut server = match Server::bind(&settings.listeners).await {
            Ok(server) => server,
            Err(error) if settings.explicit => return Err(error.into()),
            Err(error) => {
                tracing::warn!(%error, "metrics are not served");
                Server::bind(&[]).await?
            }
        };
        if !server.addresses().is_empty() {
            tracing::info!(addresses = ?server.addresses(), "metrics are served");
        }
        let (exporter, end) = (Arc::new(exporter), CancellationToken::new());
        // Who scrapes while the storage topics are read is told of the process.
        server.serve(&exporter, &end);
        let client_id = properties.get("client.id").cloned().filter(|id| !id.is_empty());
        let (own, max_tables) = (Arc::default(), settings.max_tables);
        Ok(Self { exporter, max_tables, server, client_id, own, end })
    }

    /// Who is told of the worker's own Kafka clients.
    pub(crate) fn clients(&self) -> ClientWatch {
        self.own.watch(&self.exporter)
    }

    /// The worker has started: from now on scrapes are of it.
    pub(crate) fn follow(&self, monitor: Monitor, live: &Arc<Live>) {
        let default_id = || format!("connect-{}", monitor.worker_id());
        let client_id = self.client_id.clone().unwrap_or_else(default_id);
        self.exporter.follow_worker(self.own.member(&client_id), move || view(&monitor));
        tokio::spawn(slot::watch(Arc::clone(live), self.end.clone()));
    }

    /// Stops, and waits a moment for scrapes that are being answered.
    pub(crate) async fn stop(self) {
        self.end.cancel();
        self.server.stop().await;
    }
}

/// The worker as the exporter sees it.
fn view(monitor: &Monitor) -> View {
    let starts = |(successes, failures)| Starts { successes, failures };
    let connectors = monitor.connectors().into_iter().map(|hosted| Connector {
        name: hosted.name,
        class: hosted.class,
        kind: hosted.kind,
        version: hosted.version.to_owned(),
        state: state(hosted.state),
        tasks: hosted.tasks.into_iter().map(|(task, word)| (task, state(word))).collect(),
    });
    View {
        connectors: connectors.collect(),
        connector_starts: starts(monitor.connector_starts()),
        task_starts: starts(monitor.task_starts()),
        epoch: monitor.generation(),
        rebalances: 0,
        leader: format!("http://{}/", monitor.worker_id()),
        worker_id: monitor.worker_id().to_owned(),
    }
}

/// A state by its name in `/status`.
fn state(word: &str) -> State {
    let known = State::ALL.into_iter().find(|state| state.name().eq_ignore_ascii_case(word));
    known.unwrap_or(State::Unassigned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(pairs: &[(&str, &str)], options: Option<&str>) -> Result<Settings, MetricsError> {
        let pairs = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        Settings::parse(&pairs.collect(), options)
    }

    #[test]
    fn port_of_the_course_is_the_default_and_an_empty_list_is_none() {
        let settings = parse(&[], None).unwrap();
        assert_eq!(settings.listeners, [(String::new(), 9876)]);
        assert!(!settings.explicit);
        assert_eq!(settings.profiles, ["superset"]);
        assert_eq!(parse(&[("metrics.listeners", "")], None).unwrap().listeners, []);
    }

    #[test]
    fn agent_in_the_environment_is_honoured_unless_a_property_says_otherwise() {
        let options =
            "-Xmx1g -javaagent:/opt/jmx_prometheus_javaagent-0.15.0.jar=9877:/opt/connect.yml";
        let settings = parse(&[], Some(options)).unwrap();
        assert_eq!(settings.listeners, [(String::new(), 9877)]);
        let file = RuleFile { path: "/opt/connect.yml".to_owned(), agent: Agent::Zero };
        assert_eq!(settings.rules, Some(file));
        let named = [("metrics.profile", "debezium"), ("metrics.listeners", "http://h:1")];
        let settings = parse(&named, Some(options)).unwrap();
        assert_eq!((settings.rules, settings.listeners), (None, vec![("h".to_owned(), 1)]));
        let newer =
            JavaAgent::parse("-javaagent:x/jmx_prometheus_javaagent-1.0.1.jar=h:1:/f").unwrap();
        assert_eq!(newer.rules.map(|rules| rules.agent), Some(Agent::One));
        assert_eq!((newer.host.as_str(), newer.port), ("h", 1));
        assert_eq!(JavaAgent::parse("-javaagent:/opt/other.jar=1:/f"), None);
    }

    #[test]
    fn property_that_means_nothing_is_named() {
        for (key, value) in [("metrics.listeners", "9876"), ("metrics.max.tables", "many")] {
            let error = parse(&[(key, value)], None).unwrap_err().to_string();
            assert!(error.contains(key), "{error}");
        }
        let settings = parse(&[("metrics.profile", "nosuch")], None).unwrap();
        assert!(settings.rules().unwrap_err().to_string().contains("nosuch"));
    }

    #[test]
    fn rule_file_with_a_mistake_leaves_the_profile() {
        let path = std::env::temp_dir().join(format!("walbridge-rules-{}", std::process::id()));
        std::fs::write(&path, "rules:\n- pattern: '('\n").unwrap();
        let settings = parse(&[("metrics.rules", path.to_str().unwrap())], None).unwrap();
        assert!(settings.rules.is_some() && settings.rules().is_ok());
        std::fs::remove_file(path).unwrap();
    }
}
