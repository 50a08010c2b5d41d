//! JSON as it was written: the order of fields, repeated fields and the digits of numbers are kept.

/// A value, numbers as their text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    Array(Vec<Self>),
    Object(Vec<(String, Self)>),
}

impl Json {
    /// `None` when the text is not one JSON value.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut cursor = Cursor { rest: text };
        let value = cursor.value()?;
        cursor.blank();
        cursor.rest.is_empty().then_some(value)
    }

    /// The kind, as a masked value shows it.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "<bool>",
            Self::Number(digits) if digits.contains(['.', 'e', 'E']) => "<float>",
            Self::Number(_) => "<int>",
            Self::Text(_) => "<text>",
            Self::Array(_) => "<array>",
            Self::Object(_) => "<object>",
        }
    }
}

struct Cursor<'a> {
    rest: &'a str,
}

impl Cursor<'_> {
    fn blank(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
    }

    fn take(&mut self, token: &str) -> Option<()> {
        self.blank();
        self.rest = self.rest.strip_prefix(token)?;
        Some(())
    }

    fn value(&mut self) -> Option<Json> {
        self.blank();
        match self.rest.chars().next()? {
            'n' => self.take("null").map(|()| Json::Null),
            't' => self.take("true").map(|()| Json::Bool(true)),
            'f' => self.take("false").map(|()| Json::Bool(false)),
            '"' => self.text().map(Json::Text),
            '[' => self.array(),
            '{' => self.object(),
            _ => self.number(),
        }
    }

    fn number(&mut self) -> Option<Json> {
        let digits = |c: char| !(c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | 'e' | 'E'));
        let end = self.rest.find(digits).unwrap_or(self.rest.len());
        let (token, rest) = self.rest.split_at(end);
        token.parse::<f64>().ok()?;
        self.rest = rest;
        Some(Json::Number(token.to_owned()))
    }

    /// The string's own unescaping is serde_json's; here only its end is found.
    fn text(&mut self) -> Option<String> {
        self.blank();
        let mut escaped = false;
        let end = self.rest.char_indices().skip(1).find(|&(_, c)| {
            let closes = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            closes
        })?;
        let (token, rest) = self.rest.split_at(end.0 + 1);
        self.rest = rest;
        serde_json::from_str(token).ok()
    }

    fn array(&mut self) -> Option<Json> {
        self.take("[")?;
        let mut items = Vec::new();
        if self.take("]").is_some() {
            return Some(Json::Array(items));
        }
        loop {
            items.push(self.value()?);
            if self.take(",").is_none() {
                return self.take("]").map(|()| Json::Array(items));
            }
        }
    }

    fn object(&mut self) -> Option<Json> {
        self.take("{")?;
        let mut fields = Vec::new();
        if self.take("}").is_some() {
            return Some(Json::Object(fields));
        }
        loop {
            let name = self.text()?;
            self.take(":")?;
            fields.push((name, self.value()?));
            if self.take(",").is_none() {
                return self.take("}").map(|()| Json::Object(fields));
            }
        }
    }
}

#[test]
fn json_keeps_order_repeats_and_digits() {
    let text = r#"{"b":1.50,"a":"x\"\\","b":[-1e3,null,true,{}]}"#;
    let Some(Json::Object(fields)) = Json::parse(text) else { panic!("not an object") };
    let names: Vec<_> = fields.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["b", "a", "b"]);
    assert_eq!(fields[0].1, Json::Number("1.50".to_owned()));
    assert_eq!(fields[1].1, Json::Text("x\"\\".to_owned()));
    assert_ne!(Json::parse("1.0"), Json::parse("1.00"));
}

#[test]
fn json_refuses_what_is_not_one_value() {
    for text in ["", "plain", "{\"a\":1", "1 2", "[1,]", "{\"a\" 1}", "--"] {
        assert_eq!(Json::parse(text), None, "{text:?}");
    }
}
