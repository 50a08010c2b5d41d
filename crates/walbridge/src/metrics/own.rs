//! The worker's own Kafka clients: a bean each, and all of them together as the member of the group that there is not.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use connect::ClientWatch;
use connect::client_config::Role as Kind;
use exporter::Exporter;
use exporter::kafka::{Client, Reading, Role};

use super::statistics;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Own {
    readings: Mutex<BTreeMap<(Role, String), Reading>>,
    member: OnceLock<Arc<Client>>,
}

impl Own {
    /// Who enters the clients with the exporter as they are made.
    pub(super) fn watch(self: &Arc<Self>, exporter: &Arc<Exporter>) -> ClientWatch {
        let (own, exporter) = (Arc::clone(self), Arc::clone(exporter));
        Arc::new(move |kind, id| {
            let role = match kind {
                Kind::Producer => Role::Producer,
                Kind::Consumer => Role::Consumer,
                Kind::Admin => Role::Admin,
            };
            let client = Arc::new(Client::new(role, id, TOPICS));
            exporter.add_client(Arc::clone(&client));
            let own = Arc::clone(&own);
            Arc::new(move |told| {
                let reading = statistics::reading(told);
                client.update(reading.clone());
                own.update(&client, reading);
            })
        })
    }

    /// The member, which is told of all of them from now on.
    pub(super) fn member(&self, id: &str) -> Arc<Client> {
        Arc::clone(self.member.get_or_init(|| Arc::new(Client::new(Role::Member, id, 0))))
    }

    fn update(&self, client: &Client, reading: Reading) {
        let mut readings = self.readings.lock().unwrap_or_else(PoisonError::into_inner);
        readings.insert((client.role(), client.id().to_owned()), reading);
        if let Some(member) = self.member.get() {
            member.update(together(readings.values()));
        }
    }
}

/// The storage topics are three.
const TOPICS: usize = 3;

/// What several clients do, as if they were one. What only a producer or a consumer does is left out.
fn together<'a>(readings: impl Iterator<Item = &'a Reading>) -> Reading {
    let mut all = Reading::default();
    for reading in readings {
        all.connections += reading.connections;
        all.creations += reading.creations;
        all.closes += reading.closes;
        all.wakeups += reading.wakeups;
        all.in_flight += reading.in_flight;
        all.throttle_ms = statistics::joined(all.throttle_ms, reading.throttle_ms);
        all.metadata_age_s = all.metadata_age_s.max(reading.metadata_age_s);
        for (name, node) in &reading.nodes {
            let sum = all.nodes.entry(name.clone()).or_default();
            sum.requests += node.requests;
            sum.responses += node.responses;
            sum.bytes_out += node.bytes_out;
            sum.bytes_in += node.bytes_in;
            sum.retries += node.retries;
            sum.latency_ms = statistics::joined(sum.latency_ms, node.latency_ms);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use exporter::kafka::Node;

    use super::*;

    #[test]
    fn member_shows_the_traffic_of_all_clients() {
        let reading = |connections, bytes_in| Reading {
            connections,
            nodes: [("node-1".to_owned(), Node { bytes_in, ..Node::default() })].into(),
            ..Reading::default()
        };
        let all = together([reading(1.0, 10.0), reading(2.0, 5.0)].iter());
        assert_eq!((all.connections, all.nodes["node-1"].bytes_in), (3.0, 15.0));
    }
}
