//! SQL scripts as `psql -f` runs them: each statement by itself, `COPY … FROM STDIN` with the data that follows it.

use bytes::Bytes;
use futures_util::SinkExt;
use tokio_postgres::Client;

use crate::lab::Outcome;

/// A statement, with the lines that follow when it copies from the script.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Statement {
    pub(crate) text: String,
    pub(crate) copy_data: Option<String>,
}

/// Runs a script; the first statement that fails ends it, as with `ON_ERROR_STOP`.
pub(crate) async fn run(client: &Client, script: &str) -> Outcome<()> {
    for statement in split(script)? {
        let failed = |error| explain(&statement.text, &error);
        match &statement.copy_data {
            None => drop(client.simple_query(&statement.text).await.map_err(failed)?),
            Some(data) => {
                let sink = client.copy_in::<_, Bytes>(&statement.text).await.map_err(failed)?;
                let mut sink = std::pin::pin!(sink);
                sink.send(Bytes::from(data.clone())).await.map_err(failed)?;
                sink.finish().await.map_err(failed)?;
            }
        }
    }
    Ok(())
}

/// The statement and what Postgres said: the driver's own text says `db error` only.
pub(crate) fn explain(statement: &str, error: &tokio_postgres::Error) -> String {
    let said = error.as_db_error().map_or_else(|| error.to_string(), ToString::to_string);
    format!("{statement}: {said}")
}

/// Splits at the semicolons that stand outside of quotes, comments and parentheses.
pub(crate) fn split(script: &str) -> Outcome<Vec<Statement>> {
    let mut statements = Vec::new();
    let (mut at, mut begin, mut depth, mut blank) = (0, 0, 0_u32, true);
    while let Some(c) = rest(script, at).chars().next() {
        let length = token(script, at)?;
        let comment = rest(script, at).starts_with("--") || rest(script, at).starts_with("/*");
        depth = match c {
            '(' if length == 1 => depth + 1,
            ')' if length == 1 => depth.saturating_sub(1),
            _ => depth,
        };
        let ends = c == ';' && depth == 0;
        if blank && (comment || c.is_whitespace() || ends) {
            begin = at + length;
        } else if ends {
            let text = script[begin..at].to_owned();
            at += length;
            let copy_data = copies(&text).then(|| copy_lines(script, &mut at)).transpose()?;
            statements.push(Statement { text, copy_data });
            (begin, blank) = (at, true);
            continue;
        } else {
            blank = false;
        }
        at += length;
    }
    if !blank {
        statements.push(Statement { text: script[begin..].trim_end().to_owned(), copy_data: None });
    }
    Ok(statements)
}

fn rest(script: &str, at: usize) -> &str {
    &script[at..]
}

/// Bytes of the quoted text, comment or single character that starts here.
fn token(script: &str, at: usize) -> Outcome<usize> {
    let text = rest(script, at);
    let end = |closed: Option<usize>, what: &str| {
        closed.ok_or_else(|| format!("script: {what} at byte {at} is not closed").into())
    };
    if text.starts_with("--") {
        return Ok(text.find('\n').unwrap_or(text.len()));
    }
    if text.starts_with("/*") {
        return end(nested_comment(text), "comment");
    }
    if text.starts_with('"') {
        return end(quoted(text, '"', false), "identifier");
    }
    if text.starts_with('\'') {
        let word = script[..at].trim_end_matches(['e', 'E']);
        let prefixed = at - word.len() == 1 && !word.ends_with(|c: char| c.is_alphanumeric());
        return end(quoted(text, '\'', prefixed), "string");
    }
    let inside_word = script[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
    if let Some(tag) = dollar_tag(text).filter(|_| !inside_word) {
        let closing = text[tag.len()..].find(tag);
        return end(closing.map(|found| found + 2 * tag.len()), "dollar quote");
    }
    Ok(text.chars().next().map_or(0, char::len_utf8))
}

/// A doubled quote reads as its end and a new beginning, which comes to the same.
fn quoted(text: &str, quote: char, backslashes: bool) -> Option<usize> {
    let mut escaped = false;
    for (i, c) in text.char_indices().skip(1) {
        if escaped {
            escaped = false;
        } else if backslashes && c == '\\' {
            escaped = true;
        } else if c == quote {
            return Some(i + 1);
        }
    }
    None
}

fn nested_comment(text: &str) -> Option<usize> {
    let (mut depth, mut at) = (0_u32, 0);
    while at < text.len() {
        let bytes = text.as_bytes().get(at..at + 2)?;
        match bytes {
            b"/*" => (depth, at) = (depth + 1, at + 2),
            b"*/" => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

fn dollar_tag(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('$')?;
    let length = inner.find('$')?;
    let tag = &inner[..length];
    let named = tag.chars().all(|c| c.is_alphanumeric() || c == '_');
    (named && !tag.starts_with(|c: char| c.is_ascii_digit())).then(|| &text[..length + 2])
}

fn copies(statement: &str) -> bool {
    let words: Vec<_> = statement.split_whitespace().map(str::to_ascii_lowercase).collect();
    words.first().is_some_and(|word| word == "copy")
        && words.windows(2).any(|pair| pair == ["from", "stdin"])
}

/// The lines up to `\.`, leaving `at` behind it.
fn copy_lines(script: &str, at: &mut usize) -> Outcome<String> {
    let line_end = rest(script, *at).find('\n').ok_or("script: COPY without data")?;
    let begin = *at + line_end + 1;
    let mut next = begin;
    for line in rest(script, begin).split_inclusive('\n') {
        if line.trim_end() == "\\." {
            *at = next + line.len();
            return Ok(script[begin..next].to_owned());
        }
        next += line.len();
    }
    Err("script: COPY data without \\.".into())
}

#[cfg(test)]
mod tests {
    use super::{Statement, split};

    fn texts(script: &str) -> Vec<String> {
        split(script).unwrap().into_iter().map(|statement| statement.text).collect()
    }

    #[test]
    fn script_splits_outside_of_quotes_only() {
        assert_eq!(
            texts("-- a;b\nSELECT ';', \"x;y\", 'it''s;';\n/* ; /* ; */ ; */ SELECT (1;2);;"),
            ["SELECT ';', \"x;y\", 'it''s;'", "SELECT (1;2)"]
        );
        assert_eq!(texts("DO $$ BEGIN a; END $$; SELECT 1"), ["DO $$ BEGIN a; END $$", "SELECT 1"]);
        assert_eq!(texts("DO $f$ $$;$$ $f$;"), ["DO $f$ $$;$$ $f$"]);
        assert_eq!(texts("SELECT a$1;SELECT $1;"), ["SELECT a$1", "SELECT $1"]);
    }

    #[test]
    fn script_knows_backslashes_of_escape_strings_only() {
        assert_eq!(
            texts(r"SELECT E'\';'; SELECT '\'; SELECT 2"),
            [r"SELECT E'\';'", r"SELECT '\'", "SELECT 2"]
        );
    }

    #[test]
    fn script_hands_copy_its_lines() {
        let statements = split("COPY t FROM stdin;\n1\ta;\n2\t\\N\n\\.\nSELECT 1;").unwrap();
        let copy = Statement {
            text: "COPY t FROM stdin".to_owned(),
            copy_data: Some("1\ta;\n2\t\\N\n".to_owned()),
        };
        let select = Statement { text: "SELECT 1".to_owned(), copy_data: None };
        assert_eq!(statements, [copy, select]);
    }

    #[test]
    fn script_with_an_open_quote_is_refused() {
        for script in ["SELECT 'a", "SELECT $$a", "/* a", "COPY t FROM STDIN;\n1\n"] {
            assert!(split(script).is_err(), "{script}");
        }
    }
}
