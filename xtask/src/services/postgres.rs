//! One Postgres cluster of a stack.

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::error::{Context, Error, Result};
use crate::{layout, maven, process, say};

/// Seconds that `pg_ctl` waits.
const WAIT_S: &str = "120";

/// A cluster and the programs that serve it.
#[derive(Debug)]
pub(crate) struct Postgres {
    pub(crate) major: u8,
    pub(crate) port: u16,
    /// Holds `data` and `postgres.log`; belongs to the user that runs the server.
    dir: PathBuf,
}

impl Postgres {
    /// A cluster that does not exist yet, in `stack` where the server's user may come there.
    pub(crate) fn new(name: &str, stack: &Path, major: u8, port: u16) -> Result<Self> {
        let inside = stack.join("postgres");
        let dir = if !layout::is_root()? || layout::is_reachable(&inside) {
            inside
        } else {
            // A clone in root's home: Postgres refuses to run as root, and nobody else may enter.
            let mut hasher = DefaultHasher::new();
            stack.hash(&mut hasher);
            PathBuf::from(format!("/var/tmp/walbridge-{name}-{:016x}", hasher.finish()))
        };
        let postgres = Self { major, port, dir };
        postgres.delete()?;
        Ok(postgres)
    }

    /// Makes the cluster where there is none, and starts it where it does not run. Returns when it accepts connections.
    pub(crate) fn start(&self, slots: u16) -> Result<()> {
        let bin = self.bin()?;
        if !self.data().join("PG_VERSION").is_file() {
            self.init(&bin)?;
        }
        if self.is_running(&bin)? {
            return Ok(());
        }
        self.configure(slots)?;
        self.launch(&bin)
    }

    /// Starts a stopped cluster as it was configured.
    pub(crate) fn resume(&self) -> Result<()> {
        let bin = self.bin()?;
        if self.is_running(&bin)? { Ok(()) } else { self.launch(&bin) }
    }

    /// Stops it by `pg_ctl`'s `mode`; one that does not run is stopped already.
    pub(crate) fn stop(&self, mode: &str) -> Result<()> {
        if !self.data().join("PG_VERSION").is_file() {
            return Ok(());
        }
        let bin = self.bin()?;
        if !self.is_running(&bin)? {
            return Ok(());
        }
        let mut stop = self.pg_ctl(&bin)?;
        stop.args(["-m", mode, "-w", "-t", WAIT_S, "stop"]);
        process::run(&mut stop, "stop postgres")
    }

    /// Removes its data.
    pub(crate) fn delete(&self) -> Result<()> {
        if self.dir.exists() {
            fs::remove_dir_all(&self.dir).context(self.dir.display())
        } else {
            Ok(())
        }
    }

    /// `host:port`.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// What `services up` prints.
    pub(crate) fn describe(&self) -> Value {
        let bin = self.bin().ok();
        json!({ "host": "127.0.0.1", "port": self.port, "user": "postgres", "bin": bin })
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({ "major": self.major, "port": self.port, "dir": self.dir })
    }

    pub(crate) fn from_json(value: &Value) -> Option<Self> {
        Some(Self {
            major: value.get("major")?.as_u64()?.try_into().ok()?,
            port: value.get("port")?.as_u64()?.try_into().ok()?,
            dir: value.get("dir")?.as_str()?.into(),
        })
    }

    /// Runs a shell script from its text, as the server's user and with the server's programs in its path. The text
    /// and not the file, which that user may not be able to read.
    pub(crate) fn run_script(&self, script: &str, arguments: &[&str]) -> Result<()> {
        let mut shell = self.command(Path::new("/bin/sh"))?;
        let path = std::env::var("PATH").unwrap_or_default();
        shell.env("PATH", format!("{}:{path}", self.bin()?.display()));
        shell.arg("-s").arg("--").args(arguments);
        shell.stdin(Stdio::piped()).stdout(Stdio::null());
        let mut running = shell.spawn().context("sh")?;
        if let Some(mut input) = running.stdin.take() {
            input.write_all(script.as_bytes()).context("sh")?;
        }
        let status = running.wait().context("sh")?;
        if status.success() { Ok(()) } else { Err(Error::new(format!("script: {status}"))) }
    }

    fn bin(&self) -> Result<PathBuf> {
        Ok(maven::postgres(self.major)?.join("bin"))
    }

    fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    fn init(&self, bin: &Path) -> Result<()> {
        say::progress(format!("initialising postgres {}", self.major));
        self.delete()?;
        layout::make(&self.dir)?;
        if let Some(account) = Account::of_server()? {
            chown(&self.dir, Some(account.uid), Some(account.gid)).context(self.dir.display())?;
        }
        let mut initdb = self.command(&bin.join("initdb"))?;
        initdb.arg("-D").arg(self.data());
        initdb.args([
            "-A",
            "trust",
            "-U",
            "postgres",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
        ]);
        process::run(&mut initdb, "initdb")?;
        let file = self.data().join("postgresql.conf");
        let mut text = fs::read_to_string(&file).context(file.display())?;
        text.push_str("\ninclude 'stack.conf'\n");
        fs::write(&file, text).context(file.display())
    }

    /// The settings of the stack, written anew at each start.
    fn configure(&self, slots: u16) -> Result<()> {
        let port = self.port;
        // No Unix socket: the path of a deep folder would be too long for one.
        let settings = format!(
            "port = {port}\n\
             listen_addresses = '127.0.0.1'\n\
             unix_socket_directories = ''\n\
             wal_level = logical\n\
             max_wal_senders = {slots}\n\
             max_replication_slots = {slots}\n\
             max_prepared_transactions = 10\n\
             max_connections = 100\n\
             shared_buffers = 256MB\n\
             max_wal_size = 4GB\n\
             logical_decoding_work_mem = 64MB\n\
             timezone = 'UTC'\n\
             log_timezone = 'UTC'\n"
        );
        let file = self.data().join("stack.conf");
        fs::write(&file, settings).context(file.display())?;
        let owner = fs::metadata(&self.dir).context(self.dir.display())?;
        chown(&file, Some(owner.uid()), Some(owner.gid())).context(file.display())
    }

    fn launch(&self, bin: &Path) -> Result<()> {
        let log = self.dir.join("postgres.log");
        let mut start = self.pg_ctl(bin)?;
        start.arg("-l").arg(&log).args(["-w", "-t", WAIT_S, "start"]);
        // Not `run`: the server inherits the descriptors of `pg_ctl`, and a pipe would never end.
        start.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        let status = start.status().context("start postgres")?;
        if status.success() {
            return Ok(());
        }
        Err(Error::new(format!(
            "start postgres {}: see {}\n{}",
            self.major,
            log.display(),
            process::log_tail(&log)
        )))
    }

    fn is_running(&self, bin: &Path) -> Result<bool> {
        let mut status = self.pg_ctl(bin)?;
        status.arg("status").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(status.status().context("pg_ctl status")?.success())
    }

    fn pg_ctl(&self, bin: &Path) -> Result<Command> {
        let mut command = self.command(&bin.join("pg_ctl"))?;
        command.arg("-D").arg(self.data());
        Ok(command)
    }

    /// A program of Postgres, as the user that may run it, with nothing of our environment that it would heed.
    fn command(&self, program: &Path) -> Result<Command> {
        let mut command = Command::new(program);
        command.current_dir("/");
        for (name, _) in
            std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"PG"))
        {
            command.env_remove(name);
        }
        if layout::is_root()? {
            // The cluster's owner, even where `postgres` was added to the machine after it was made.
            let owner = fs::metadata(&self.dir).context(self.dir.display())?;
            command.uid(owner.uid()).gid(owner.gid());
        }
        Ok(command)
    }
}

/// An entry of `/etc/passwd`.
#[derive(Debug, Clone, Copy)]
struct Account {
    uid: u32,
    gid: u32,
}

impl Account {
    /// Who runs the server when we are root, which it refuses to run as: `postgres` where there is one, else `nobody`.
    fn of_server() -> Result<Option<Self>> {
        if !layout::is_root()? {
            return Ok(None);
        }
        let passwd = fs::read_to_string("/etc/passwd").context("/etc/passwd")?;
        let found = Self::find(&passwd, "postgres").or_else(|| Self::find(&passwd, "nobody"));
        found.map(Some).ok_or_else(|| Error::new("/etc/passwd: neither postgres nor nobody"))
    }

    fn find(passwd: &str, name: &str) -> Option<Self> {
        passwd.lines().find_map(|line| {
            let mut fields = line.split(':');
            let is_it = fields.next()? == name;
            let uid = fields.nth(1)?.parse().ok()?;
            let gid = fields.next()?.parse().ok()?;
            is_it.then_some(Self { uid, gid })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Account;

    const PASSWD: &str =
        "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65533:nobody:/:/bin/false\n";

    #[test]
    fn account_is_found_by_its_whole_name() {
        let nobody = Account::find(PASSWD, "nobody").unwrap();
        assert_eq!((nobody.uid, nobody.gid), (65534, 65533));
        assert!(Account::find(PASSWD, "nob").is_none());
    }
}
