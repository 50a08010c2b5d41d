//! The exporter from outside: what a scrape holds, against captures of the real agents and the known dashboards.

#[cfg(test)]
mod golden;
#[cfg(test)]
mod server;
#[cfg(test)]
mod superset;
