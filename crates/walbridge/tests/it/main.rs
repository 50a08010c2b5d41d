//! The built worker from outside: a process, its REST port, SQL and Kafka, nothing of its insides.
//!
//! `cargo xtask test` raises the services and sets the variables that [`lab`] reads. Without them each test
//! prints that it did not run; with `REQUIRE_POSTGRES` or `REQUIRE_KAFKA` set it fails instead.

#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod connector;
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
mod parity;
#[cfg(test)]
mod random;
#[cfg(test)]
#[expect(clippy::string_slice, reason = "positions come from the text's own characters")]
mod script;
#[cfg(test)]
mod service;
#[cfg(test)]
mod worker;
