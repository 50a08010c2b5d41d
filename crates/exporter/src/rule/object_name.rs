//! Lists of object names that are taken or left out: `kafka.connect:type=*-task-metrics,*`.

/// Which beans, and which of their attributes, are taken.
#[derive(Debug, Default)]
pub(super) struct ObjectNames {
    /// Empty: all.
    pub(super) include: Vec<ObjectName>,
    pub(super) exclude: Vec<ObjectName>,
    /// `includeObjectNameAttributes`: where a name matches, only these attributes.
    pub(super) include_attributes: Vec<(ObjectName, Vec<String>)>,
    /// `excludeObjectNameAttributes`.
    pub(super) exclude_attributes: Vec<(ObjectName, Vec<String>)>,
}

impl ObjectNames {
    pub(super) fn take(&self, name: &str) -> bool {
        (self.include.is_empty() || self.include.iter().any(|pattern| pattern.matches(name)))
            && !self.exclude.iter().any(|pattern| pattern.matches(name))
    }

    pub(super) fn take_attribute(&self, name: &str, attribute: &str) -> bool {
        let listed = |lists: &[(ObjectName, Vec<String>)]| {
            let mut known = lists.iter().filter(|(pattern, _)| pattern.matches(name)).peekable();
            known.peek()?;
            Some(known.any(|(_, attributes)| attributes.iter().any(|a| a == attribute)))
        };
        listed(&self.include_attributes).unwrap_or(true)
            && !listed(&self.exclude_attributes).unwrap_or(false)
    }
}

/// A pattern of object names.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ObjectName {
    domain: String,
    properties: Vec<(String, String)>,
    /// Further properties are allowed.
    open: bool,
}

impl ObjectName {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (domain, list) =
            text.split_once(':').ok_or("is no object name: no domain before a colon")?;
        let mut name = Self { domain: domain.to_owned(), properties: Vec::new(), open: false };
        for part in split(list) {
            match part.split_once('=') {
                _ if part == "*" => name.open = true,
                Some((key, value)) => name.properties.push((key.to_owned(), value.to_owned())),
                None => return Err(format!("is no object name: {part:?} is not key=value")),
            }
        }
        Ok(name)
    }

    fn matches(&self, name: &str) -> bool {
        let Some((domain, list)) = name.split_once(':') else { return false };
        let own: Vec<(&str, &str)> = split(list).filter_map(|part| part.split_once('=')).collect();
        glob(&self.domain, domain)
            && (self.open || own.len() == self.properties.len())
            && self.properties.iter().all(|(key, value)| {
                own.iter().any(|(name, found)| name == key && glob(value, found))
            })
    }
}

/// Splits at commas outside quotes.
fn split(list: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let mut escaped = false;
    list.split(move |c: char| {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
        c == ',' && !quoted
    })
}

/// `*` and `?`.
fn glob(pattern: &str, text: &str) -> bool {
    let mut letters = pattern.chars();
    match letters.next() {
        None => text.is_empty(),
        Some('*') => {
            let rest = letters.as_str();
            let mut tail = text.chars();
            loop {
                if glob(rest, tail.as_str()) {
                    return true;
                }
                if tail.next().is_none() {
                    return false;
                }
            }
        }
        Some(letter) => {
            let mut tail = text.chars();
            tail.next().is_some_and(|found| letter == '?' || letter == found)
                && glob(letters.as_str(), tail.as_str())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pattern_of_names_matches_as_java_does() {
        let matches = |pattern, name| ObjectName::parse(pattern).unwrap().matches(name);
        let task = "kafka.connect:type=source-task-metrics,connector=c,task=0";
        assert!(matches("kafka.connect:type=*-task-metrics,*", task));
        assert!(matches("kafka.*:*", task));
        assert!(matches("kafka.connect:task=?,connector=c,type=source-task-metrics", task));
        assert!(!matches("kafka.connect:type=source-task-metrics", task));
        assert!(!matches("kafka.connect:type=*-task-metrics,id=*,*", task));
        assert!(!matches("kafka.consumer:*", task));
        assert!(matches("k:a=*,b=2", "k:a=\"x,b=1\",b=2"));
        assert!(ObjectName::parse("kafka.connect").is_err());
    }
}
