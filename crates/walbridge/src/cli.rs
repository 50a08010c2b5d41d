//! The command line.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::PossibleValue;
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use walbridge::telemetry::{self, Format, Logging};
use walbridge::{CheckOptions, Given, Operation, Pattern, TailFormat, TailOptions};

const EXAMPLES: &str = "\
Examples:
  walbridge worker connect-distributed.properties     run a worker as Kafka Connect would
  CONNECT_BOOTSTRAP_SERVERS=… walbridge worker        the same from the images' environment
  walbridge check connector.json --worker connect-distributed.properties
                                                      would this connector run? what is missing?
  walbridge tail connector.json --table orders        see changes without Kafka
  walbridge completions bash > /etc/bash_completion.d/walbridge
  WALBRIDGE_LOG=info,pgoutput=debug walbridge worker  levels by module";

const CHECK_EXAMPLES: &str = "\
Examples:
  walbridge check connector.json                                   Postgres alone
  walbridge check connector.json --worker worker.properties        Kafka too
  walbridge check connector.json --json | jq '.checks[] | select(.verdict == \"fail\")'
  walbridge check connector.json --strict                          for CI: warnings count

The file holds what one sends to PUT /connectors/NAME/config, or to POST /connectors. Nothing is changed anywhere;
below each finding stands what to run to mend it.

Exit code: 0 ready (warnings are allowed without --strict), 1 not ready, 2 the files or the command line are unusable.";

const TAIL_EXAMPLES: &str = "\
Examples:
  walbridge tail connector.json
  walbridge tail connector.json --table '^public\\.orders$' --op u,d
  walbridge tail connector.json | jq .after                        JSON lines: the values that Kafka would get
  walbridge tail connector.json --format records --limit 10

Shows changes from now on with a temporary slot, which goes with the connection; the connector's own slot is not touched.";

/// Change data capture from Postgres to Kafka, in the place of Kafka Connect with Debezium.
#[derive(Debug, Parser)]
#[command(name = "walbridge", version = walbridge::version(), arg_required_else_help = true, after_help = EXAMPLES)]
pub(crate) struct Cli {
    /// Log levels by module, such as info,pgoutput=debug; wins over WALBRIDGE_LOG.
    #[arg(long, global = true, value_name = "LEVELS")]
    log: Option<String>,
    /// Form of the log; wins over WALBRIDGE_LOG_FORMAT.
    #[arg(long, global = true, value_name = "FORMAT")]
    log_format: Option<LogFormat>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a worker, as Kafka Connect's `connect-distributed` does.
    Worker {
        /// The worker's properties; without it the CONNECT_* environment is read.
        file: Option<PathBuf>,
    },
    /// Check whether a connector would run: configuration, Postgres, Kafka.
    #[command(after_help = CHECK_EXAMPLES)]
    Check(Check),
    /// Show a connector's changes in the terminal, without Kafka.
    #[command(after_help = TAIL_EXAMPLES)]
    Tail(Tail),
    /// Ask a worker whether it is well; the exit code tells.
    Health {
        /// Where its REST is.
        #[arg(default_value = "127.0.0.1:8083")]
        address: String,
    },
    /// Print a shell's completions.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Args)]
struct Files {
    /// The connector's configuration as JSON; - for standard input.
    connector: PathBuf,
    /// The worker's properties; without it the CONNECT_* environment, where that names brokers.
    #[arg(long, value_name = "FILE")]
    worker: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Check {
    #[command(flatten)]
    files: Files,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    /// Let warnings fail.
    #[arg(long)]
    strict: bool,
}

#[derive(Debug, Args)]
struct Tail {
    #[command(flatten)]
    files: Files,
    /// Only tables in whose schema.table this regular expression is found.
    #[arg(long, value_name = "REGEX")]
    table: Option<Pattern>,
    /// Only these operations: c (insert), u (update), d (delete), t (truncate).
    #[arg(long, value_name = "OPS", value_delimiter = ',')]
    op: Vec<OperationName>,
    /// How to write a record: text in a terminal, values otherwise.
    #[arg(long)]
    format: Option<FormatName>,
    /// End after so many records.
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// Make the publication, as the connector would, if there is none. It stays.
    #[arg(long)]
    create_publication: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FormatName {
    /// A line for people.
    Text,
    /// The value as Kafka would get it, a line each.
    Values,
    /// Topic, key and value as a JSON object.
    Records,
}

#[derive(Debug, Clone, Copy)]
struct OperationName(Operation);

impl ValueEnum for OperationName {
    fn value_variants<'a>() -> &'a [Self] {
        use Operation::{Create, Delete, Truncate, Update};
        &[Self(Create), Self(Update), Self(Delete), Self(Truncate)]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self.0 {
            Operation::Create => PossibleValue::new("c").alias("insert"),
            Operation::Update => PossibleValue::new("u").alias("update"),
            Operation::Delete => PossibleValue::new("d").alias("delete"),
            Operation::Truncate => PossibleValue::new("t").alias("truncate"),
        })
    }
}

impl Cli {
    /// Does what was asked.
    pub(crate) fn run(self) -> ExitCode {
        let logging = match self.logging() {
            Ok(logging) => logging,
            Err(complaint) => return unusable(&complaint),
        };
        let levels = match telemetry::init(&logging) {
            Ok(levels) => levels,
            Err(error) => return unusable(&error),
        };
        match self.command {
            Command::Worker { file } => match walbridge::run(file.as_deref(), levels) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => {
                    tracing::error!(%error, "worker stopped");
                    ExitCode::FAILURE
                }
            },
            Command::Check(check) => check.run(),
            Command::Tail(tail) => tail.run(),
            Command::Health { address } => match walbridge::health::check(&address) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => {
                    complain(&error);
                    ExitCode::FAILURE
                }
            },
            Command::Completions { shell } => completions(shell),
        }
    }

    /// A worker logs to standard output, as containers expect; of the others that is the result's.
    fn logging(&self) -> Result<Logging, String> {
        let is_worker = matches!(self.command, Command::Worker { .. });
        let variable = |name: &str| std::env::var(name).ok().filter(|text| !text.trim().is_empty());
        let format = match (self.log_format, variable("WALBRIDGE_LOG_FORMAT")) {
            (Some(LogFormat::Json), _) => Format::Json,
            (Some(LogFormat::Text), _) | (None, None) => Format::Text,
            (None, Some(text)) => match text.trim().to_ascii_lowercase().as_str() {
                "text" => Format::Text,
                "json" => Format::Json,
                _ => return Err(format!("WALBRIDGE_LOG_FORMAT: {text} is neither text nor json")),
            },
        };
        Ok(Logging {
            levels: self.log.clone().or_else(|| variable("WALBRIDGE_LOG")),
            default_level: if is_worker { "info" } else { "warn" },
            format,
            to_stderr: !is_worker,
        })
    }
}

impl From<Files> for Given {
    fn from(files: Files) -> Self {
        Self { connector: files.connector, worker: files.worker }
    }
}

/// Whether a stream takes colours: <https://no-color.org>.
fn colors(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

impl Check {
    fn run(self) -> ExitCode {
        let Self { files, json, strict } = self;
        let mut out = io::stdout().lock();
        let options = CheckOptions { json, strict, color: colors(&out) };
        match walbridge::check(&files.into(), &options, &mut out) {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => unusable(&error),
        }
    }
}

impl Tail {
    fn run(self) -> ExitCode {
        let mut out = io::stdout().lock();
        let format = match self.format {
            Some(FormatName::Values) => TailFormat::Values,
            Some(FormatName::Records) => TailFormat::Records,
            None if !out.is_terminal() => TailFormat::Values,
            Some(FormatName::Text) | None => TailFormat::Text { color: colors(&out) },
        };
        let options = TailOptions {
            table: self.table.map(Pattern::into_regex),
            operations: self.op.into_iter().map(|name| name.0).collect(),
            format,
            limit: self.limit,
            create_publication: self.create_publication,
        };
        match walbridge::tail(&self.files.into(), &options, &mut out) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) if error.is_broken_pipe() => ExitCode::SUCCESS,
            Err(error) => {
                complain(&error);
                ExitCode::FAILURE
            }
        }
    }
}

fn completions(shell: clap_complete::Shell) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "walbridge", &mut script);
    match io::stdout().lock().write_all(&script) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => unusable(&error),
    }
}

/// Says why on standard error, whatever the log's levels.
fn complain(error: &impl std::fmt::Display) {
    // Without standard error there is nobody to tell.
    drop(writeln!(io::stderr(), "error: {error}"));
}

/// Clap's code for a command line that cannot be used.
fn unusable(error: &impl std::fmt::Display) -> ExitCode {
    complain(error);
    ExitCode::from(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_line_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn operations_are_split_at_commas() {
        let cli = Cli::try_parse_from(["walbridge", "tail", "c.json", "--op", "u,delete"]).unwrap();
        let Command::Tail(tail) = cli.command else { panic!("not tail") };
        let operations: Vec<_> = tail.op.iter().map(|name| name.0).collect();
        assert_eq!(operations, [Operation::Update, Operation::Delete]);
        Cli::try_parse_from(["walbridge", "tail", "c.json", "--op", "x"]).unwrap_err();
        Cli::try_parse_from(["walbridge", "tail", "c.json", "--table", "("]).unwrap_err();
    }
}
