//! `stack`: the services of `docker-compose.yml` without Docker, as far as they exist as packages.

use clap::Args;

use crate::error::Result;
use crate::package::{self, Need};
use crate::services::prometheus;
use crate::services::stack::{Plan, Stack};
use crate::worker::Worker;
use crate::{course, product, say};

const NAME: &str = "stack";

/// Start the services of docker-compose.yml without Docker: Postgres, three brokers, walbridge, Prometheus.
#[derive(Debug, Args)]
pub(crate) struct Compose {
    /// Stop them instead.
    #[arg(long)]
    down: bool,
    /// With --down: remove their data too.
    #[arg(long, requires = "down")]
    delete: bool,
    /// Major version of Postgres, 14 to 18.
    #[arg(long, default_value_t = 17)]
    postgres: u8,
}

impl Compose {
    /// Does what was asked. What was started stays, until `--down`.
    pub(crate) fn run(self) -> Result<()> {
        if self.down {
            return match Stack::find(NAME)? {
                Some(mut stack) => stack.down(self.delete),
                None => Ok(()),
            };
        }
        package::require(&[Need::Prometheus])?;
        let walbridge = product::binary()?;
        // One slot and one sender, as compose's Postgres.
        let plan = Plan {
            postgres: self.postgres,
            slots: 1,
            brokers: 3,
            postgres_port: Some(5432),
            broker_port: Some(9094),
        };
        let mut stack = Stack::up(NAME, &plan)?;
        course::create(&stack.postgres)?;
        // A second call is how one tries a new build.
        stack.stop_guests()?;
        let worker = Worker::start(&mut stack, &walbridge, NAME)?;
        let prometheus = prometheus::start(&mut stack, &worker.metrics)?;
        describe(&stack, &worker, &prometheus);
        Ok(())
    }
}

fn describe(stack: &Stack, worker: &Worker, prometheus: &str) {
    let Worker { rest, metrics, .. } = worker;
    say::result(format!(
        "postgres         {}   database {}, user postgres-user, password postgres-pw\n\
         kafka-0, 1, 2    {}\n\
         kafka-connect    http://{rest}   metrics http://{metrics}/metrics\n\
         prometheus       http://{prometheus}   alerts http://{prometheus}/alerts\n\
         schema-registry  absent: not on Maven Central, and no package of Debian\n\
         ui               absent: an image only; cargo xtask topics --stack {NAME} lists and prints topics\n\
         grafana          absent: no package of Debian; its dashboards are in grafana/dashboards\n\
         \n\
         The tables:     cargo xtask psql --stack {NAME}\n\
         The connector:  curl -X PUT -H 'Content-Type: application/json' \\\n    \
             --data \"$(sed 's/\"postgres\"/\"127.0.0.1\"/; s/\"5432\"/\"{port}\"/' connector.json)\" \\\n    \
             http://{rest}/connectors/pg-connector/config\n\
         The end:        cargo xtask stack --down",
        stack.postgres.address(),
        course::DATABASE,
        stack.bootstrap(),
        port = stack.postgres.port,
    ));
}
