//! The filter language of every list: words, fields, comparisons, `!`, `or`, brackets.
//!
//! Text → [`Filter`], or an error with the place to put the caret. It knows fields by name only;
//! the values come from whoever asks.

use super::table::Value;

/// A filter that can be asked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Filter {
    root: Node,
}

/// What is wrong with a filter text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FilterError {
    /// Where, in characters from the start.
    pub(crate) at: usize,
    /// How many characters it concerns, at least 1.
    pub(crate) length: usize,
    /// What was expected.
    pub(crate) message: String,
}

#[derive(Debug, Clone, PartialEq)]
enum Node {
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
    Word(String),
    Is(String, Vec<String>),
    Compare(String, Compare, f64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compare {
    Less,
    AtMost,
    Equal,
    AtLeast,
    More,
}

impl Compare {
    const SIGNS: [(&'static str, Self); 5] = [
        ("<=", Self::AtMost),
        (">=", Self::AtLeast),
        ("<", Self::Less),
        (">", Self::More),
        ("=", Self::Equal),
    ];

    fn holds(self, value: f64, limit: f64) -> bool {
        match self {
            Self::Less => value < limit,
            Self::AtMost => value <= limit,
            Self::Equal => (value - limit).abs() < 1e-9,
            Self::AtLeast => value >= limit,
            Self::More => value > limit,
        }
    }
}

impl Filter {
    /// Reads a filter over the given fields. An empty text is no filter.
    pub(crate) fn read(text: &str, fields: &[&str]) -> Result<Option<Self>, FilterError> {
        let tokens = split(text)?;
        if tokens.is_empty() {
            return Ok(None);
        }
        let mut parser = Parser {
            tokens,
            next: 0,
            end: text.chars().count(),
            fields,
            depth: 0,
        };
        let root = parser.any()?;
        if let Some(token) = parser.peek() {
            return Err(token.error("nothing is open here to be closed"));
        }
        Ok(Some(Self { root }))
    }

    /// Whether a row passes. `value` gives its fields, `haystack` all its words in lower case.
    pub(crate) fn matches<'a>(
        &self,
        haystack: &str,
        value: &dyn Fn(&str) -> Option<Value<'a>>,
    ) -> bool {
        self.root.holds(haystack, value)
    }
}

impl Node {
    fn holds<'a>(&self, haystack: &str, value: &dyn Fn(&str) -> Option<Value<'a>>) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds(haystack, value)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(haystack, value)),
            Self::Not(part) => !part.holds(haystack, value),
            Self::Word(word) => haystack.contains(word.as_str()),
            Self::Is(field, words) => match value(field) {
                Some(Value::Text(text)) => {
                    let text = text.to_lowercase();
                    words.iter().any(|word| text.contains(word.as_str()))
                },
                Some(Value::Number(number)) => words
                    .iter()
                    .filter_map(|word| quantity(word))
                    .any(|limit| Compare::Equal.holds(number, limit)),
                Some(Value::Missing) => words.iter().any(|word| word == "?" || word == "-"),
                None => false,
            },
            Self::Compare(field, compare, limit) => match value(field) {
                Some(Value::Number(number)) => compare.holds(number, *limit),
                Some(Value::Text(text)) => quantity(text.split(' ').next().unwrap_or(""))
                    .is_some_and(|number| compare.holds(number, *limit)),
                _ => false,
            },
        }
    }
}

/// Units of a number, and what they multiply it by.
const UNITS: [(&str, f64); 8] = [
    ("ms", 1.0),
    ("s", 1_000.0),
    ("min", 60_000.0),
    ("m", 60_000.0),
    ("h", 3_600_000.0),
    ("d", 86_400_000.0),
    ("k", 1_000.0),
    ("%", 1.0),
];

/// A number with a unit: `1.5s` is 1500, `2m` 120000, `3k` 3000, `$0.05` and `5%` as they stand.
fn quantity(text: &str) -> Option<f64> {
    let text = text.strip_prefix('$').unwrap_or(text);
    if let Some(millions) = text.strip_suffix('M') {
        return number(millions).map(|value| value * 1e6);
    }
    let lower = text.to_lowercase();
    let found = UNITS.iter().find_map(|(unit, factor)| {
        let rest = lower.strip_suffix(unit)?;
        number(rest).map(|value| value * factor)
    });
    found.or_else(|| number(text))
}

fn number(text: &str) -> Option<f64> {
    let plain = !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.');
    plain.then(|| text.parse().ok()).flatten()
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Token {
    at: usize,
    text: String,
    quoted: bool,
}

impl Token {
    fn error(&self, message: impl Into<String>) -> FilterError {
        FilterError {
            at: self.at,
            length: self.text.chars().count().max(1),
            message: message.into(),
        }
    }
}

/// Splits at spaces and around brackets; quotes keep spaces together.
fn split(text: &str) -> Result<Vec<Token>, FilterError> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut current: Option<Token> = None;
    let mut quote: Option<usize> = None;
    for (at, symbol) in text.chars().enumerate() {
        let fresh = || Token {
            at,
            text: String::new(),
            quoted: false,
        };
        match symbol {
            '"' => {
                quote = if quote.is_some() { None } else { Some(at) };
                current.get_or_insert_with(fresh).quoted = true;
            },
            _ if quote.is_some() => current.get_or_insert_with(fresh).text.push(symbol),
            symbol if symbol.is_whitespace() => tokens.extend(current.take()),
            '(' | ')' => {
                tokens.extend(current.take());
                tokens.push(Token {
                    text: symbol.to_string(),
                    ..fresh()
                });
            },
            '!' if current.is_none() => tokens.push(Token {
                text: "!".to_owned(),
                ..fresh()
            }),
            symbol => current.get_or_insert_with(fresh).text.push(symbol),
        }
    }
    tokens.extend(current);
    match quote {
        Some(at) => Err(FilterError {
            at,
            length: 1,
            message: "this quote is never closed".to_owned(),
        }),
        None => Ok(tokens),
    }
}

/// How deep brackets and `!` may nest.
const NESTING: usize = 32;

struct Parser<'a> {
    tokens: Vec<Token>,
    next: usize,
    end: usize,
    fields: &'a [&'a str],
    depth: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next)
    }

    fn is_next(&self, word: &str) -> bool {
        self.peek()
            .is_some_and(|token| !token.quoted && token.text == word)
    }

    fn any(&mut self) -> Result<Node, FilterError> {
        let mut parts = vec![self.all()?];
        while self.is_next("or") {
            self.next += 1;
            parts.push(self.all()?);
        }
        Ok(if parts.len() == 1 {
            parts.swap_remove(0)
        } else {
            Node::Any(parts)
        })
    }

    fn all(&mut self) -> Result<Node, FilterError> {
        let mut parts = vec![self.one()?];
        while self.peek().is_some() && !self.is_next("or") && !self.is_next(")") {
            if self.is_next("and") {
                self.next += 1;
            }
            parts.push(self.one()?);
        }
        Ok(if parts.len() == 1 {
            parts.swap_remove(0)
        } else {
            Node::All(parts)
        })
    }

    fn one(&mut self) -> Result<Node, FilterError> {
        let Some(token) = self.peek().cloned() else {
            let message = "something is missing here: a word, or field:value".to_owned();
            return Err(FilterError {
                at: self.end,
                length: 1,
                message,
            });
        };
        if self.depth >= NESTING {
            return Err(token.error("too deeply nested"));
        }
        self.next += 1;
        match token.text.as_str() {
            "!" if !token.quoted => {
                self.depth += 1;
                let inner = self.one()?;
                self.depth -= 1;
                Ok(Node::Not(Box::new(inner)))
            },
            "(" if !token.quoted => {
                self.depth += 1;
                let inner = self.any()?;
                self.depth -= 1;
                if !self.is_next(")") {
                    return Err(token.error("this bracket is never closed"));
                }
                self.next += 1;
                Ok(inner)
            },
            ")" | "or" | "and" if !token.quoted => {
                Err(token.error("something is missing before this: a word, or field:value"))
            },
            _ => self.term(&token),
        }
    }

    /// `field:a,b`, `field>=3`, or a word.
    fn term(&self, token: &Token) -> Result<Node, FilterError> {
        let sign = token.text.find([':', '<', '>', '=']);
        let Some((name, rest)) = sign.and_then(|at| token.text.split_at_checked(at)) else {
            return Ok(Node::Word(token.text.to_lowercase()));
        };
        // An address or a clock time is a word, not a field.
        let address = rest.starts_with("://")
            || !name.starts_with(|symbol: char| symbol.is_ascii_lowercase());
        if address
            || !name
                .chars()
                .all(|symbol| symbol.is_ascii_lowercase() || symbol.is_ascii_digit())
        {
            return Ok(Node::Word(token.text.to_lowercase()));
        }
        let width = name.chars().count();
        let value_at = |skip: usize, message: String| FilterError {
            at: token.at + width + skip,
            length: rest.chars().count().saturating_sub(skip).max(1),
            message,
        };
        if name == "since" {
            let limit = rest.strip_prefix(':').and_then(quantity);
            let known = self.fields.contains(&"age");
            return match limit {
                Some(limit) if known => Ok(Node::Compare("age".to_owned(), Compare::AtMost, limit)),
                Some(_) => Err(token.error("rows of this list have no time")),
                None => Err(value_at(
                    1,
                    "expected a duration such as 30s, 10m or 2h".to_owned(),
                )),
            };
        }
        if !self.fields.contains(&name) {
            let known = self.fields.join(" ");
            return Err(FilterError {
                at: token.at,
                length: width,
                message: format!("no field `{name}`; there are: {known}"),
            });
        }
        if let Some(words) = rest.strip_prefix(':') {
            let words: Vec<String> = words
                .split(',')
                .filter(|word| !word.is_empty())
                .map(str::to_lowercase)
                .collect();
            if words.is_empty() {
                return Err(value_at(1, format!("expected a value after `{name}:`")));
            }
            return Ok(Node::Is(name.to_owned(), words));
        }
        let (sign, compare) = Compare::SIGNS
            .into_iter()
            .find(|(sign, _)| rest.starts_with(sign))
            .unwrap_or(("=", Compare::Equal));
        let text = rest.strip_prefix(sign).unwrap_or("");
        match quantity(text) {
            Some(limit) => Ok(Node::Compare(name.to_owned(), compare, limit)),
            None => Err(value_at(
                sign.len(),
                "expected a number such as 3, 1.5s, 20ms, 2k, 5% or $0.05".to_owned(),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FIELDS: &[&str] = &["state", "model", "p95", "cost", "err", "age"];

    fn passes(filter: &str) -> bool {
        let filter = Filter::read(filter, FIELDS)
            .expect(filter)
            .expect("not empty");
        filter.matches("openai/gpt-4o\ncooling\n", &|field| {
            Some(match field {
                "state" => Value::text("cooling"),
                "model" => Value::text("GPT-4o"),
                "p95" => Value::Number(1_200.0),
                "cost" => Value::Number(0.051),
                "err" => Value::Missing,
                "age" => Value::Number(59_000.0),
                _ => return None,
            })
        })
    }

    #[test]
    fn the_grammar() {
        for yes in [
            "gpt",
            "GPT",
            "!claude",
            "state:cooling",
            "state:down,cool",
            "!state:up",
            "model:gpt-4o p95>1s",
            "p95>=1.2s",
            "p95=1200ms",
            "p95=1200",
            "cost>0.05",
            "cost>$0.05",
            "cost<5k",
            "since:1m",
            "err:?",
            "claude or gpt",
            "(claude or gpt) state:cooling",
            "gpt and cooling",
            "!(claude or mistral)",
            "!!gpt",
            "\"gpt-4o\"",
            "model:\"gpt\"",
        ] {
            assert!(passes(yes), "{yes}");
        }
        for no in [
            "claude",
            "!gpt",
            "state:up",
            "p95<1s",
            "cost>0.06",
            "since:30s",
            "gpt state:up",
            "\"or\"",
            "err>0",
            "http://x",
            "14:02",
        ] {
            assert!(!passes(no), "{no}");
        }
        assert_eq!(Filter::read("  ", FIELDS), Ok(None));
    }

    #[test]
    fn errors_point_at_their_place() {
        let cases = [
            ("stat:up", 0, 4, "no field `stat`"),
            ("gpt p95>fast", 8, 4, "expected a number"),
            ("p95>", 4, 1, "expected a number"),
            ("state:", 6, 1, "expected a value"),
            ("(a or b", 0, 1, "never closed"),
            ("a )", 2, 1, "nothing is open"),
            ("a or", 4, 1, "something is missing"),
            ("or a", 0, 2, "missing before"),
            ("!", 1, 1, "something is missing"),
            ("a \"b", 2, 1, "quote"),
            ("since:soon", 6, 4, "duration"),
        ];
        for (text, at, length, message) in cases {
            let error = Filter::read(text, FIELDS).expect_err(text);
            assert_eq!((error.at, error.length), (at, length), "{text}: {error:?}");
            assert!(error.message.contains(message), "{text}: {error:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn no_text_makes_it_panic(text in "[ -~äλ日]{0,40}|[!()]{0,80}") {
            match Filter::read(&text, FIELDS) {
                Ok(Some(filter)) => {
                    filter.matches("x", &|_| Some(Value::Missing));
                }
                Ok(None) => {}
                Err(error) => prop_assert!(error.at <= text.chars().count()),
            }
        }
    }
}
