//! Reads `.env` files: `NAME=value` lines with quotes, `export`, comments and multi-line values.
//!
//! Pure, and without expansion of `$OTHER`: a `$` in a password is a `$`. The pairs are an overlay;
//! nobody changes the environment of the process.

/// One variable of a `.env` file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// Its name.
    pub name: String,
    /// Its value, quotes and escapes resolved.
    pub value: String,
    /// The line it stands in, from 1.
    pub line: usize,
    /// The column of the name, from 1.
    pub column: usize,
}

/// A line that is no `NAME=value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DotenvError {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
    /// What is wrong; never holds the value.
    pub message: String,
}

/// Reads a whole file. A bad line is reported and left out, the others count. Of a name that stands
/// twice the last one counts, as in a shell.
pub fn parse(text: &str) -> (Vec<Pair>, Vec<DotenvError>) {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text.lines().enumerate();
    let mut pairs: Vec<Pair> = Vec::new();
    let mut errors = Vec::new();
    while let Some((index, line)) = lines.next() {
        let mut more = || lines.next().map(|(_, line)| line);
        match read_line(line, index + 1, &mut more) {
            Ok(None) => {},
            Ok(Some(pair)) => {
                pairs.retain(|known| known.name != pair.name);
                pairs.push(pair);
            },
            Err(error) => errors.push(error),
        }
    }
    (pairs, errors)
}

fn read_line<'t>(
    line: &'t str,
    number: usize,
    more: &mut dyn FnMut() -> Option<&'t str>,
) -> Result<Option<Pair>, DotenvError> {
    let body = line.trim_start();
    if body.is_empty() || body.starts_with('#') {
        return Ok(None);
    }
    let body = match body.strip_prefix("export") {
        Some(rest) if rest.starts_with([' ', '\t']) => rest.trim_start(),
        _ => body,
    };
    let column = line.chars().count() - body.chars().count() + 1;
    let fail = |column: usize, message: &str| DotenvError {
        line: number,
        column,
        message: message.to_owned(),
    };
    let Some((name, value)) = body.split_once('=') else {
        return Err(fail(column, "not `NAME=value`"));
    };
    let name = name.trim_end();
    if !is_name(name) {
        return Err(fail(
            column,
            "a name is made of letters, digits and `_`, and begins with no digit",
        ));
    }
    let value = read_value(value, more).map_err(|message| {
        let start = line.chars().count() - value.chars().count() + 1;
        fail(start, message)
    })?;
    Ok(Some(Pair {
        name: name.to_owned(),
        value,
        line: number,
        column,
    }))
}

fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    let first = bytes
        .next()
        .is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    first && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'))
}

fn read_value<'t>(
    text: &'t str,
    more: &mut dyn FnMut() -> Option<&'t str>,
) -> Result<String, &'static str> {
    let text = text.trim_start();
    let quote = match text.chars().next() {
        Some(quote @ ('"' | '\'' | '`')) => quote,
        Some('#') => return Ok(String::new()),
        _ => return Ok(unquoted(text).to_owned()),
    };
    let mut value = String::new();
    let mut line = text.get(1..).unwrap_or_default();
    loop {
        if let Some(rest) = take_quoted(line, quote, &mut value) {
            let rest = rest.trim();
            if rest.is_empty() || rest.starts_with('#') {
                return Ok(value);
            }
            return Err("something stands after the closing quote");
        }
        value.push('\n');
        line = more().ok_or("a quote is opened and never closed")?;
    }
}

/// A value without quotes: up to ` #` or the end, blanks around it removed.
fn unquoted(text: &str) -> &str {
    let end = text.match_indices('#').map(|(at, _)| at).find(|at| {
        text.get(..*at)
            .is_some_and(|head| head.ends_with([' ', '\t']))
    });
    let text = end.and_then(|end| text.get(..end)).unwrap_or(text);
    text.trim_end()
}

/// Moves the text up to the closing quote into `value`; returns what follows it, `None` when the quote
/// is not closed on this line.
fn take_quoted<'t>(line: &'t str, quote: char, value: &mut String) -> Option<&'t str> {
    let mut letters = line.char_indices();
    while let Some((at, letter)) = letters.next() {
        if letter == quote {
            return line.get(at + 1..);
        }
        if letter != '\\' || quote == '\'' {
            value.push(letter);
            continue;
        }
        match letters.next() {
            Some((_, 'n')) => value.push('\n'),
            Some((_, 'r')) => value.push('\r'),
            Some((_, 't')) => value.push('\t'),
            Some((_, escaped @ ('"' | '\\' | '$' | '`'))) => value.push(escaped),
            Some((_, other)) => value.extend(['\\', other]),
            None => value.push('\\'),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<(String, String)> {
        let (pairs, errors) = parse(text);
        assert_eq!(errors, []);
        pairs
            .into_iter()
            .map(|pair| (pair.name, pair.value))
            .collect()
    }

    #[test]
    fn the_usual_spellings_are_read() {
        let cases = [
            ("A=1", "A", "1"),
            ("  A = 1  ", "A", "1"),
            ("export A=1", "A", "1"),
            ("A=one two # three", "A", "one two"),
            ("A=one#two", "A", "one#two"),
            ("A=#", "A", ""),
            ("A=", "A", ""),
            ("A=\"a # b\" # c", "A", "a # b"),
            ("A='a \\n $b'", "A", "a \\n $b"),
            ("A=\"a\\nb\\\"c\\q\"", "A", "a\nb\"c\\q"),
            ("A=\"one\ntwo\"", "A", "one\ntwo"),
            ("A=a=b", "A", "a=b"),
            ("\u{feff}A=1\r\n", "A", "1"),
            ("export=1", "export", "1"),
        ];
        for (text, name, value) in cases {
            assert_eq!(
                values(text),
                [(name.to_owned(), value.to_owned())],
                "{text:?}"
            );
        }
    }

    #[test]
    fn the_last_of_two_counts_and_comments_do_not() {
        let pairs = values("# A=0\nA=1\n\nB=2\nA=3\n");
        assert_eq!(pairs, [("B".into(), "2".into()), ("A".into(), "3".into())]);
    }

    #[test]
    fn bad_lines_are_named_and_the_rest_counts() {
        let (pairs, errors) = parse("A=1\nnonsense\n  1B=2\nC='x' y\nD=\"open\n");
        assert_eq!(pairs.len(), 1);
        let places: Vec<(usize, usize)> = errors.iter().map(|e| (e.line, e.column)).collect();
        assert_eq!(places, [(2, 1), (3, 3), (4, 3), (5, 3)]);
    }

    #[test]
    fn every_pair_knows_its_place() {
        let (pairs, _) = parse("\n  export KEY=value\n");
        assert_eq!((pairs[0].line, pairs[0].column), (2, 10));
    }
}
