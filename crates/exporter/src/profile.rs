//! The built-in rule sets: data files in `profiles/`, each for dashboards of one origin.

use crate::process::Spelling;
use crate::rule::{Agent, RuleError, RuleSet};

/// A rule file that comes with the crate.
#[derive(Debug)]
pub struct Profile {
    /// As in `metrics.profile`.
    pub name: &'static str,
    yaml: &'static str,
    spelling: Spelling,
    agent: Agent,
}

const ZERO: Spelling = Spelling { zero: true, one: false };
const ONE: Spelling = Spelling { zero: false, one: true };
const BOTH: Spelling = Spelling { zero: true, one: true };

macro_rules! profile {
    ($name:literal, $file:literal, $spelling:expr, $agent:expr) => {
        Profile {
            name: $name,
            yaml: include_str!(concat!("../profiles/", $file)),
            spelling: $spelling,
            agent: $agent,
        }
    };
}

/// All of them; the first is the default.
pub static PROFILES: [Profile; 13] = [
    profile!("superset", "superset.yml", BOTH, Agent::Zero),
    profile!("confluent", "confluent.yml", ONE, Agent::One),
    profile!("confluent-0x", "confluent.yml", ZERO, Agent::Zero),
    profile!("mixin", "mixin.yml", ZERO, Agent::Zero),
    profile!("jmx-example", "jmx-example.yml", ZERO, Agent::Zero),
    profile!("jmx-example-rates", "jmx-example-rates.yml", ZERO, Agent::Zero),
    profile!("strimzi", "strimzi.yml", ONE, Agent::One),
    profile!("strimzi-0x", "strimzi.yml", ZERO, Agent::Zero),
    profile!("strimzi-reporter", "strimzi-reporter.yml", ONE, Agent::One),
    profile!("debezium", "debezium.yml", ZERO, Agent::Zero),
    profile!("debezium-1x", "debezium.yml", ONE, Agent::One),
    profile!("default", "default.yml", ZERO, Agent::Zero),
    profile!("otel", "otel.yml", ONE, Agent::One),
];

impl Profile {
    /// By name.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        PROFILES.iter().find(|profile| profile.name == name)
    }

    /// Its rule sets.
    ///
    /// # Errors
    /// Never: each is parsed by a test.
    pub fn sets(&self) -> Result<Vec<RuleSet>, RuleError> {
        RuleSet::parse(self.yaml, self.agent)
    }

    pub(crate) const fn spelling(&self) -> Spelling {
        self.spelling
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_profile_can_be_read() {
        for profile in &PROFILES {
            let sets = profile.sets();
            assert!(sets.is_ok_and(|sets| !sets.is_empty()), "{}", profile.name);
        }
    }
}
