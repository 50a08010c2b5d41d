//! `tidy`: rules of this repository that no compiler checks.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use clap::Args;
use serde_json::Value;

use crate::error::{Context, Error, Result};
use crate::{layout, product, say};

/// Which crate of ours may depend on which.
const ARROWS: [(&str, &str); 6] = [
    ("walbridge", "connect"),
    ("walbridge", "exporter"),
    ("walbridge", "sink"),
    ("walbridge", "pgoutput"),
    ("connect", "sink"),
    ("sink", "pgoutput"),
];

const CRATES: [&str; 6] = ["connect", "exporter", "pgoutput", "sink", "walbridge", "xtask"];

/// Lines of a source file without its tests.
const LINES_MAX: usize = 800;

/// Beginnings of paths that exist on one machine only. In two parts each, or this file would find itself.
const MACHINE_PATHS: [(&str, &str); 4] =
    [("/ro", "ot/"), ("/ho", "me/"), ("/Us", "ers/"), ("/wo", "rk/")];

/// The document whose map names every module.
const CODE_MAP: &str = "docs/architecture.md";

/// The heading of that map.
const CODE_MAP_HEADING: &str = "Map of the code";

/// Check the arrows between crates, headings and budgets of source files, the documents, and for machine paths.
#[derive(Debug, Args)]
pub(crate) struct Tidy {}

impl Tidy {
    /// Does what was asked.
    pub(crate) fn run(self) -> Result<()> {
        check()
    }
}

/// Every rule; the error counts what was found, and each finding is told as a line.
pub(crate) fn check() -> Result<()> {
    let mut findings = Vec::new();
    arrows(&metadata()?, &mut findings)?;
    let files = files()?;
    let root = layout::root()?;
    for file in &files {
        let Ok(bytes) = fs::read(root.join(file)) else { continue };
        // What is not text is data.
        let Ok(text) = String::from_utf8(bytes) else { continue };
        machine_paths(file, &text, &mut findings);
        if file.ends_with(".rs") {
            source(file, &text, &mut findings);
        }
        if file.starts_with("docs/") && Path::new(file).extension().is_some_and(|is| is == "md") {
            title(file, &text, &mut findings);
        }
        if file == CODE_MAP {
            code_map(&text, &files, &mut findings);
        }
    }
    findings.iter().for_each(say::progress);
    match findings.len() {
        0 => {
            say::progress(format!("{} files are tidy", files.len()));
            Ok(())
        }
        n => Err(Error::new(format!("tidy: {n} findings"))),
    }
}

/// What cargo knows about our manifests.
fn metadata() -> Result<Value> {
    let mut cargo = product::cargo()?;
    cargo.args(["metadata", "--no-deps", "--format-version", "1"]);
    let output = cargo.output().context("cargo metadata")?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        return Err(Error::new(format!("cargo metadata: {text}")));
    }
    serde_json::from_slice(&output.stdout).context("cargo metadata")
}

fn arrows(metadata: &Value, findings: &mut Vec<String>) -> Result<()> {
    let malformed = || Error::new("cargo metadata: not as expected");
    let packages = metadata.get("packages").and_then(Value::as_array).ok_or_else(malformed)?;
    let name = |value: &Value| value.get("name").and_then(Value::as_str).map(str::to_owned);
    let ours: BTreeSet<String> = packages.iter().filter_map(name).collect();
    for crate_name in ours.iter().filter(|found| !CRATES.contains(&found.as_str())) {
        findings.push(format!("crate {crate_name}: not one of {CRATES:?}"));
    }
    let mut found = BTreeSet::new();
    for package in packages {
        let from = name(package).ok_or_else(malformed)?;
        let to = package.get("dependencies").and_then(Value::as_array).ok_or_else(malformed)?;
        let to = to
            .iter()
            .filter_map(name)
            .filter(|to| ours.contains(to) || CRATES.contains(&to.as_str()));
        found.extend(to.map(|to| (from.clone(), to)));
    }
    let expected: BTreeSet<_> =
        ARROWS.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect();
    for (from, to) in found.difference(&expected) {
        findings.push(format!("arrow {from} → {to}: not allowed"));
    }
    for (from, to) in expected.difference(&found) {
        findings.push(format!("arrow {from} → {to}: allowed, and not there"));
    }
    Ok(())
}

/// The files that git tracks, or would.
fn files() -> Result<Vec<String>> {
    let mut git = Command::new("git");
    git.current_dir(layout::root()?);
    git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let output = git.output().context("git ls-files")?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        return Err(Error::new(format!("git ls-files: {text}")));
    }
    let names = String::from_utf8(output.stdout).context("git ls-files")?;
    Ok(names.split_terminator('\0').map(str::to_owned).collect())
}

fn source(file: &str, text: &str, findings: &mut Vec<String>) {
    if !text.starts_with("//!") {
        findings.push(format!("{file}: does not open with //!"));
    }
    if Path::new(file).ends_with("mod.rs") {
        findings.push(format!("{file}: name it after its folder, beside it"));
    }
    let is_test = file.contains("/tests/") || file.ends_with("/tests.rs");
    let n_lines = text.split("\n#[cfg(test)]\nmod ").next().unwrap_or_default().lines().count();
    if !is_test && n_lines > LINES_MAX {
        findings.push(format!("{file}: {n_lines} lines without tests, more than {LINES_MAX}"));
    }
}

/// A document has one title.
fn title(file: &str, text: &str, findings: &mut Vec<String>) {
    let mut fenced = false;
    let titles = text.lines().filter(|line| {
        fenced ^= line.starts_with("```");
        !fenced && line.starts_with("# ")
    });
    let n_titles = titles.count();
    if n_titles != 1 {
        findings.push(format!("{file}: {n_titles} titles (lines that begin with \"# \"), not 1"));
    }
}

/// The tables of the code map, each below its crate's name in bold, name the modules that exist.
fn code_map(text: &str, files: &[String], findings: &mut Vec<String>) {
    let mut named = BTreeSet::new();
    let (mut in_map, mut owner) = (false, "");
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            in_map = heading == CODE_MAP_HEADING;
        } else if let Some((name, _)) = line.strip_prefix("**`").and_then(|l| l.split_once('`')) {
            owner = name;
        } else if in_map && let Some(row) = line.strip_prefix("| `") {
            let (cell, _) = row.split_once(" |").unwrap_or((row, ""));
            let modules = cell.split(',').map(|name| name.trim().trim_matches('`').to_owned());
            named.extend(modules.map(|module| (owner.to_owned(), module)));
        }
    }
    // xtask is listed by `cargo xtask --help`.
    let existing: BTreeSet<_> = files.iter().filter_map(|file| module(file)).collect();
    for (owner, module) in existing.difference(&named) {
        findings.push(format!("{CODE_MAP}: module {module} of {owner} is not in the map"));
    }
    for (owner, module) in named.difference(&existing) {
        findings.push(format!("{CODE_MAP}: {owner} has no module {module}"));
    }
}

/// The crate and the module whose file this is, if it is one at the top of a crate.
fn module(file: &str) -> Option<(String, String)> {
    let (owner, name) = file.strip_prefix("crates/")?.split_once("/src/")?;
    let name = name.strip_suffix(".rs").filter(|name| !name.contains('/'))?;
    (!matches!(name, "lib" | "main")).then(|| (owner.to_owned(), name.to_owned()))
}

fn machine_paths(file: &str, text: &str, findings: &mut Vec<String>) {
    // A capture is kept as it was taken.
    if file.contains("/golden/") {
        return;
    }
    for (first, second) in MACHINE_PATHS {
        let path = format!("{first}{second}");
        for (number, line) in text.lines().enumerate() {
            let starts_there = |(at, _): (usize, &str)| {
                let before = line.get(..at).and_then(|before| before.chars().next_back());
                before.is_none_or(|c| !c.is_ascii_alphanumeric() && !"_.-~}/".contains(c))
            };
            if line.match_indices(&path).any(starts_there) {
                findings.push(format!("{file}:{}: a path of one machine ({path})", number + 1));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{LINES_MAX, MACHINE_PATHS, arrows, code_map, machine_paths, source, title};

    fn findings(check: impl FnOnce(&mut Vec<String>)) -> usize {
        let mut found = Vec::new();
        check(&mut found);
        found.len()
    }

    #[test]
    fn heading_and_budget_are_asked_of_a_source_file() {
        let long = format!("//! x\n{}", "\n".repeat(LINES_MAX));
        assert_eq!(findings(|found| source("a/src/b.rs", "//! x\n", found)), 0);
        assert_eq!(findings(|found| source("a/src/b.rs", "use x;\n", found)), 1);
        assert_eq!(findings(|found| source("a/src/b.rs", &long, found)), 1);
        assert_eq!(findings(|found| source("a/tests/b.rs", &long, found)), 0);
    }

    #[test]
    fn tests_of_a_file_are_not_counted() {
        let text = format!("//! x\n#[cfg(test)]\nmod tests {{\n{}}}\n", "\n".repeat(LINES_MAX));
        assert_eq!(findings(|found| source("a/src/b.rs", &text, found)), 0);
    }

    #[test]
    fn machine_path_is_found_where_it_begins_a_path_only() {
        let path = MACHINE_PATHS[0].0.to_owned() + MACHINE_PATHS[0].1;
        assert_eq!(findings(|found| machine_paths("a", &format!("in {path}x"), found)), 1);
        assert_eq!(findings(|found| machine_paths("a", &format!("in b{path}x"), found)), 0);
    }

    #[test]
    fn document_has_one_title_and_comments_of_its_shells_are_none() {
        assert_eq!(findings(|found| title("a", "# A\n## B\n```\n# c\n```\n", found)), 0);
        assert_eq!(findings(|found| title("a", "## B\n", found)), 1);
        assert_eq!(findings(|found| title("a", "# A\n# B\n", found)), 1);
    }

    #[test]
    fn code_map_and_modules_are_compared_both_ways() {
        let map =
            "## Map of the code\n**`sink`**: x\n| `ack`, `old` | x |\n## Other\n| `no` | x |\n";
        let files =
            ["crates/sink/src/ack.rs", "crates/sink/src/ack/x.rs", "crates/sink/src/lib.rs"];
        let mut files: Vec<String> = files.map(str::to_owned).into();
        let mut found = Vec::new();
        code_map(map, &files, &mut found);
        assert_eq!(found, ["docs/architecture.md: sink has no module old"]);
        files.push("crates/sink/src/new.rs".to_owned());
        assert_eq!(findings(|found| code_map(map, &files, found)), 2);
    }

    #[test]
    fn new_and_missing_arrows_are_found() {
        let metadata = json!({ "packages": [
            { "name": "pgoutput", "dependencies": [{ "name": "sink" }, { "name": "bytes" }] },
            { "name": "sink", "dependencies": [{ "name": "pgoutput" }] },
        ]});
        let mut found = Vec::new();
        arrows(&metadata, &mut found).unwrap();
        assert!(found.iter().any(|line| line.contains("pgoutput → sink: not allowed")));
        assert!(found.iter().any(|line| line.contains("connect → sink: allowed")));
        assert!(!found.iter().any(|line| line.contains("sink → pgoutput")));
    }
}
