//! `${provider:path:key}`: values that a configuration takes from files, directories or the environment.

use std::fs;
use std::path::{Component, Path, PathBuf};

use fancy_regex::Regex;

use crate::connector::Properties;
use crate::java_properties;

/// Connect's file, directory and environment providers, under the names that the worker gives them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Placeholders {
    providers: Vec<(String, Provider)>,
}

#[derive(Debug, Clone)]
enum Provider {
    /// Java properties files below these directories; empty: anywhere.
    File(Vec<PathBuf>),
    /// One file a key, below these directories; empty: anywhere.
    Directory(Vec<PathBuf>),
    /// Environment variables whose whole names this pattern matches.
    Environment(Option<Regex>),
    /// A class that cannot be loaded here: an error for whoever asks it, not for the worker.
    Unavailable(String),
}

impl Placeholders {
    /// Reads `config.providers` and `config.providers.<name>.*`.
    pub(crate) fn parse(properties: &Properties) -> Result<Self, String> {
        let names = properties.get("config.providers").map_or("", String::as_str);
        let names = names.split(',').map(str::trim).filter(|name| !name.is_empty());
        let providers = names.map(|name| Ok((name.to_owned(), Provider::parse(properties, name)?)));
        Ok(Self { providers: providers.collect::<Result<_, String>>()? })
    }

    /// Every value with its placeholders replaced. What no provider knows stays as it is, as in Connect.
    ///
    /// # Errors
    /// A file is outside the allowed paths or cannot be read: the text names the provider and the path.
    pub(crate) fn resolve(&self, properties: &Properties) -> Result<Properties, String> {
        let one = |(key, value): (&String, &String)| Ok((key.clone(), self.replace(value)?));
        properties.iter().map(one).collect()
    }

    fn replace(&self, text: &str) -> Result<String, String> {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            out.push_str(before);
            let Some((inside, behind)) = after.split_once('}') else {
                out.push_str("${");
                rest = after;
                continue;
            };
            match self.lookup(inside)? {
                Some(value) => out.push_str(&value),
                None => out.extend(["${", inside, "}"]),
            }
            rest = behind;
        }
        out.push_str(rest);
        Ok(out)
    }

    fn lookup(&self, inside: &str) -> Result<Option<String>, String> {
        let Some((name, rest)) = inside.split_once(':') else { return Ok(None) };
        let (path, key) = rest.split_once(':').unwrap_or(("", rest));
        let Some((_, provider)) = self.providers.iter().find(|(known, _)| known == name) else {
            return Ok(None);
        };
        provider.get(path, key)
    }
}

impl Provider {
    fn parse(properties: &Properties, name: &str) -> Result<Self, String> {
        let key = format!("config.providers.{name}.class");
        let class = properties.get(&key).ok_or_else(|| format!("{key} is missing"))?;
        let allowed = properties.get(&format!("config.providers.{name}.param.allowed.paths"));
        let allowed = allowed.map_or("", String::as_str).split(',').map(str::trim);
        let allowed = allowed.filter(|path| !path.is_empty()).map(PathBuf::from).collect();
        match class.trim() {
            "org.apache.kafka.common.config.provider.FileConfigProvider" => Ok(Self::File(allowed)),
            "org.apache.kafka.common.config.provider.DirectoryConfigProvider" => {
                Ok(Self::Directory(allowed))
            }
            "org.apache.kafka.common.config.provider.EnvVarConfigProvider" => {
                let key = format!("config.providers.{name}.param.allowlist.pattern");
                let pattern =
                    properties.get(&key).map(|pattern| Regex::new(&format!("^(?:{pattern})$")));
                let pattern = pattern.transpose().map_err(|error| format!("{key}: {error}"))?;
                Ok(Self::Environment(pattern))
            }
            // Strimzi declares providers of its own in every worker, used or not.
            other => Ok(Self::Unavailable(other.to_owned())),
        }
    }

    fn get(&self, path: &str, key: &str) -> Result<Option<String>, String> {
        match self {
            Self::Environment(pattern) if path.is_empty() => {
                let allowed =
                    pattern.as_ref().is_none_or(|pattern| pattern.is_match(key).unwrap_or(false));
                Ok(std::env::var(key).ok().filter(|_| allowed))
            }
            Self::Environment(_) => Err(format!(
                "Path is not supported for EnvVarConfigProvider, invalid value '{path}'"
            )),
            Self::Unavailable(class) => Err(format!(
                "The config provider class {class} is not available: only the file, directory and environment \
                 providers are"
            )),
            Self::File(allowed) => {
                let unreadable = || format!("Could not read properties from file {path}");
                if !Path::new(path).exists() {
                    return Err(unreadable());
                }
                let real = permitted(Path::new(path), allowed)?;
                let text = fs::read_to_string(real).map_err(|_error| unreadable())?;
                let entries = java_properties::parse(&text)
                    .map_err(|error| format!("{}: {error}", unreadable()))?;
                Ok(entries.into_iter().find(|(name, _)| name == key).map(|(_, value)| value))
            }
            Self::Directory(allowed) => {
                let directory = permitted(Path::new(path), allowed)?;
                let plain =
                    Path::new(key).components().all(|part| matches!(part, Component::Normal(_)));
                let file = directory.join(key);
                if !plain || !file.is_file() {
                    return Ok(None);
                }
                let text = fs::read_to_string(&file);
                text.map(Some).map_err(|_error| unreadable(&file.to_string_lossy()))
            }
        }
    }
}

/// As `FileConfigProvider` says it, whose reason is in the log alone.
fn unreadable(path: &str) -> String {
    format!("Could not read properties from file {path}")
}

fn permitted(path: &Path, allowed: &[PathBuf]) -> Result<PathBuf, String> {
    let real = fs::canonicalize(path).map_err(|_error| unreadable(&path.to_string_lossy()))?;
    let within = |root: &PathBuf| fs::canonicalize(root).is_ok_and(|root| real.starts_with(root));
    if allowed.is_empty() || allowed.iter().any(within) {
        Ok(real)
    } else {
        Err(format!("{} is outside the allowed paths", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placeholders() -> Placeholders {
        let providers = vec![
            ("env".to_owned(), Provider::Environment(None)),
            ("file".to_owned(), Provider::File(Vec::new())),
        ];
        Placeholders { providers }
    }

    #[test]
    fn what_no_provider_knows_stays() {
        for text in
            ["${nope:x}", "${x}", "${", "a${env:WALBRIDGE_NO_SUCH_VARIABLE}b", "$ {env:PATH}"]
        {
            assert_eq!(placeholders().replace(text).unwrap(), text);
        }
    }

    #[test]
    fn several_placeholders_in_one_value_are_replaced() {
        let home = std::env::var("PATH").unwrap();
        assert_eq!(
            placeholders().replace("<${env:PATH}|${env:PATH}>").unwrap(),
            format!("<{home}|{home}>")
        );
    }

    #[test]
    fn a_path_for_the_environment_is_an_error() {
        let error = placeholders().replace("${env:p:KEY}").unwrap_err();
        assert!(
            error.contains("Path is not supported for EnvVarConfigProvider, invalid value 'p'"),
            "{error}"
        );
    }

    #[test]
    fn a_missing_file_is_an_error_that_names_it() {
        let error = placeholders().replace("${file:/no/such/file:key}").unwrap_err();
        assert!(error.contains("/no/such/file"), "{error}");
    }

    #[test]
    fn files_outside_the_allowed_paths_are_refused() {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let outside = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
        permitted(&manifest, &outside).unwrap_err();
        permitted(&manifest, &[]).unwrap();
    }

    #[test]
    fn a_provider_of_another_kind_is_an_error_only_for_who_asks_it() {
        let entries = [
            ("config.providers", "k8s,env"),
            ("config.providers.k8s.class", "io.strimzi.kafka.KubernetesSecretConfigProvider"),
            (
                "config.providers.env.class",
                "org.apache.kafka.common.config.provider.EnvVarConfigProvider",
            ),
            ("config.providers.env.param.allowlist.pattern", "NO.*"),
        ];
        let entries = entries.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let placeholders = Placeholders::parse(&entries.into()).unwrap();
        assert!(placeholders.replace("${k8s:a/b:c}").unwrap_err().contains("Kubernetes"));
        assert_eq!(placeholders.replace("${env:PATH}").unwrap(), "${env:PATH}");
    }
}
