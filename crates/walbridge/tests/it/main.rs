//! The built worker from outside: a process, its REST port, SQL and Kafka, nothing of its insides.
//!
//! `cargo xtask test` raises the services and sets the first three variables. Without them each test prints that it
//! did not run; with `REQUIRE_POSTGRES` or `REQUIRE_KAFKA` set it fails instead.
//!
//! | variable | what it says |
//! |---|---|
//! | `WALBRIDGE_TEST_BOOTSTRAP` | the brokers |
//! | `WALBRIDGE_TEST_POSTGRES` | the server in libpq's keywords, a superuser on trust |
//! | `WALBRIDGE_XTASK` | the xtask binary, for stacks that a test may break |
//! | `WALBRIDGE_TEST_PYTHON` | an interpreter with the packages of the consumer in `examples` (`REQUIRE_PYTHON`) |
//! | `WALBRIDGE_BIN` | a worker to test instead of the one that Cargo built |
//! | `WALBRIDGE_TEST_REST` | a running Connect for the parity cases, in the worker's place |
//! | `WALBRIDGE_TEST_CASES` | a pattern: the parity cases to run |
//! | `WALBRIDGE_TEST_SEED`, `WALBRIDGE_TEST_KILLS` | repeat a loss test; how often it kills |
//! | `WALBRIDGE_TEST_HANDOVERS` | how often Connect and walbridge take over from each other |
//! | `WALBRIDGE_CHROMIUM` | the browser of the console's tests; `chromium` on the path without it |
//! | `WALBRIDGE_TEST_PICTURES` | a folder: the console's tests put their pictures there |
//! | `WALBRIDGE_TEST_KEEP` | keep properties and logs of the workers that ended well, too |

#[cfg(test)]
mod apicurio;
#[cfg(test)]
mod avro;
#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod browser;
#[cfg(test)]
mod command;
#[cfg(test)]
mod connector;
#[cfg(test)]
mod console;
#[cfg(test)]
mod consumer;
#[cfg(test)]
mod convert;
#[cfg(test)]
mod dashboard;
#[cfg(test)]
mod http;
#[cfg(test)]
mod json;
#[cfg(test)]
mod kafka;
#[cfg(test)]
mod lab;
#[cfg(test)]
mod life;
#[cfg(test)]
mod loss;
#[cfg(test)]
mod metrics;
#[cfg(test)]
mod parity;
#[cfg(test)]
mod random;
#[cfg(test)]
mod registry;
#[cfg(test)]
mod rest;
#[cfg(test)]
#[expect(clippy::string_slice, reason = "positions come from the text's own characters")]
mod script;
#[cfg(test)]
mod service;
#[cfg(test)]
mod worker;
