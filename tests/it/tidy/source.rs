//! Reads a Rust file as far as tidiness goes: the paths it names and its import blocks.
//!
//! A small lexer drops comments, strings, characters and lifetimes; what is left are words and
//! signs with line numbers. It knows nothing of floors.

use std::collections::BTreeSet;

/// One word or sign.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Token {
    text: String,
    line: usize,
}

/// A path as far as it matters: where it starts and the next name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Named {
    /// 1-based.
    pub line: usize,
    /// A module of ours (after `crate::`), or the first name of a foreign path.
    pub name: String,
    /// The second name of a foreign path: `fs` in `std::fs`.
    pub then: Option<String>,
    /// Below the crate's own root?
    pub ours: bool,
    /// In code that only tests compile?
    pub in_test: bool,
}

/// The kind of an import block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Block {
    /// `std`, `core`, `alloc`.
    Std,
    /// Another crate.
    Crates,
    /// `crate`, `super`, `self` or a module of this file.
    Own,
}

/// All paths named in a file. `depth` is how many modules lie above the file's own items: 0 for
/// `lib.rs`, 1 for `src/foo.rs`, 2 for `src/foo/bar.rs`.
pub fn paths(source: &str, depth: usize) -> Vec<Named> {
    let tokens = lex(source);
    let local = local_names(&tokens);
    let mut found = Vec::new();
    let mut modules: Vec<(usize, bool)> = Vec::new();
    let mut braces = 0;
    let mut in_use = false;
    for (i, token) in tokens.iter().enumerate() {
        match token.text.as_str() {
            // The first name of an import decides; `impl A + use<'a>` is none.
            "use" => in_use = tokens.get(i + 1).is_none_or(|next| next.text != "<"),
            ";" => in_use = false,
            _ if in_use && tokens[i - 1].text != "use" => {},
            "{" => {
                braces += 1;
                if let Some(test) = opens_module(&tokens, i) {
                    modules.push((braces, test));
                }
            },
            "}" => {
                if modules.last().is_some_and(|(at, _)| *at == braces) {
                    modules.pop();
                }
                braces -= 1;
            },
            word if starts_path(&tokens, i) && is_word(word) => {
                let in_test = modules.iter().any(|(_, test)| *test);
                let levels = depth + modules.len();
                found.extend(named(&tokens, i, levels, &local).into_iter().map(
                    |(line, name, then, ours)| Named {
                        line,
                        name,
                        then,
                        ours,
                        in_test,
                    },
                ));
            },
            _ => {},
        }
    }
    found
}

/// The top-level `use` lines in order: line number, kind, whether a blank line stands before.
/// Re-exports are left out.
pub fn imports(source: &str) -> Vec<(usize, Block, bool)> {
    let mut children = BTreeSet::new();
    for line in source.lines() {
        let words: Vec<&str> = line.trim_end_matches(';').split(' ').collect();
        if let Some(at) = words.iter().position(|word| *word == "mod") {
            children.extend(words.get(at + 1).copied());
        }
    }
    let mut found = Vec::new();
    let mut blank = true;
    for (i, line) in source.lines().enumerate() {
        if let Some(path) = line.strip_prefix("use ") {
            let first = path.split([':', ';', ' ']).next().unwrap_or_default();
            let block = match first {
                "std" | "core" | "alloc" => Block::Std,
                "crate" | "super" | "self" => Block::Own,
                // A child module, an imported type, or a macro of this file.
                name if children.contains(name) => Block::Own,
                name if name.starts_with(char::is_uppercase) || !path.contains("::") => Block::Own,
                _ => Block::Crates,
            };
            found.push((i + 1, block, blank));
        }
        blank = line.trim().is_empty();
    }
    found
}

type Found = (usize, String, Option<String>, bool);

/// The path or tree of paths that starts at token `i`.
fn named(tokens: &[Token], i: usize, levels: usize, local: &BTreeSet<String>) -> Vec<Found> {
    let word = |at: usize| tokens.get(at).map_or("", |token| token.text.as_str());
    let line = tokens[i].line;
    let mut at = i;
    let mut root = word(i) == "crate";
    if word(i) == "super" || word(i) == "self" {
        let mut climbed = 0;
        while (word(at) == "super" || word(at) == "self") && word(at + 1) == "::" {
            climbed += usize::from(word(at) == "super");
            at += 2;
        }
        if climbed < levels || climbed == 0 {
            return Vec::new();
        }
        root = true;
    } else if root {
        at += 2;
    }
    if root {
        return tree_heads(tokens, at)
            .into_iter()
            .map(|head| (tokens[head].line, word(head).to_owned(), None, true))
            .collect();
    }
    if local.contains(word(i)) {
        return Vec::new();
    }
    let heads = if word(i + 1) == "::" {
        tree_heads(tokens, i + 2)
    } else {
        Vec::new()
    };
    if heads.is_empty() {
        return vec![(line, word(i).to_owned(), None, false)];
    }
    heads
        .into_iter()
        .map(|head| {
            (
                tokens[head].line,
                word(i).to_owned(),
                Some(word(head).to_owned()),
                false,
            )
        })
        .collect()
}

/// The first names of `a::b` or of each branch of `{a::b, c}`, as token numbers.
fn tree_heads(tokens: &[Token], at: usize) -> Vec<usize> {
    if tokens.get(at).is_none_or(|token| token.text != "{") {
        return vec![at]
            .into_iter()
            .filter(|at| *at < tokens.len())
            .collect();
    }
    let mut heads = Vec::new();
    let (mut depth, mut expects) = (0, false);
    for (i, token) in tokens.iter().enumerate().skip(at) {
        match token.text.as_str() {
            "{" => {
                depth += 1;
                expects = depth == 1;
            },
            "}" => depth -= 1,
            "," if depth == 1 => expects = true,
            word if expects && is_word(word) => {
                heads.push(i);
                expects = false;
            },
            _ => {},
        }
        if depth == 0 {
            break;
        }
    }
    heads
}

/// Does a path start here: a word before `::`, or the single name of a `use`?
fn starts_path(tokens: &[Token], i: usize) -> bool {
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text.as_str());
    let before = if i == 0 { "" } else { text(i - 1) };
    if before == "::" || before == "." {
        return false;
    }
    text(i + 1) == "::" || (before == "use" && matches!(text(i + 1), ";" | "as"))
}

/// Is this brace the body of `mod name {`, and is that for tests only?
fn opens_module(tokens: &[Token], brace: usize) -> Option<bool> {
    let text = |back: usize| {
        brace
            .checked_sub(back)
            .map_or("", |at| tokens[at].text.as_str())
    };
    if text(2) != "mod" || !is_word(text(1)) {
        return None;
    }
    let attribute: Vec<&str> = (3..=9).rev().map(text).collect();
    let test = attribute
        .windows(3)
        .any(|window| window == ["cfg", "(", "test"]);
    Some(test)
}

/// Names that this file itself brings in: its child modules and the leaves of its imports.
fn local_names(tokens: &[Token]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut i = 0;
    while i < tokens.len() {
        if tokens[i].text == "mod" {
            names.extend(tokens.get(i + 1).map(|token| token.text.clone()));
        }
        if tokens[i].text == "use" {
            let mut steps = 0;
            while i + 1 < tokens.len() && tokens[i].text != ";" {
                let leaf = matches!(tokens[i + 1].text.as_str(), "," | ";" | "}");
                // `use http;` brings in the crate itself: that one is no local name.
                if leaf && steps > 1 && is_word(&tokens[i].text) {
                    names.insert(tokens[i].text.clone());
                }
                steps += 1;
                i += 1;
            }
        }
        i += 1;
    }
    names
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Words and signs; `::` is one sign.
fn lex(source: &str) -> Vec<Token> {
    let mut lexer = Lexer {
        rest: source.chars().collect(),
        at: 0,
        line: 1,
        tokens: Vec::new(),
    };
    while lexer.step() {}
    lexer.tokens
}

struct Lexer {
    rest: Vec<char>,
    at: usize,
    line: usize,
    tokens: Vec<Token>,
}

impl Lexer {
    fn peek(&self, ahead: usize) -> char {
        self.rest.get(self.at + ahead).copied().unwrap_or('\0')
    }

    fn next(&mut self) -> char {
        let c = self.peek(0);
        self.at += 1;
        self.line += usize::from(c == '\n');
        c
    }

    fn step(&mut self) -> bool {
        if self.at >= self.rest.len() {
            return false;
        }
        let line = self.line;
        match (self.peek(0), self.peek(1)) {
            ('/', '/') => while self.at < self.rest.len() && self.next() != '\n' {},
            ('/', '*') => self.block_comment(),
            ('"', _) => self.string(),
            ('r', '"' | '#') | ('b' | 'c', 'r') if self.raw_string() => {},
            ('\'', _) => self.quote(),
            (':', ':') => {
                self.at += 2;
                self.tokens.push(Token {
                    text: "::".to_owned(),
                    line,
                });
            },
            (c, _) if c.is_alphanumeric() || c == '_' => {
                let mut text = String::new();
                while self.peek(0).is_alphanumeric() || self.peek(0) == '_' {
                    text.push(self.next());
                }
                self.tokens.push(Token { text, line });
            },
            _ => {
                let c = self.next();
                if !c.is_whitespace() {
                    self.tokens.push(Token {
                        text: c.to_string(),
                        line,
                    });
                }
            },
        }
        true
    }

    fn block_comment(&mut self) {
        let mut depth = 0;
        while self.at < self.rest.len() {
            match (self.peek(0), self.peek(1)) {
                ('/', '*') => depth += 1,
                ('*', '/') => depth -= 1,
                _ => {
                    self.next();
                    continue;
                },
            }
            self.at += 2;
            if depth == 0 {
                return;
            }
        }
    }

    fn string(&mut self) {
        self.next();
        while self.at < self.rest.len() {
            match self.next() {
                '\\' => {
                    self.next();
                },
                '"' => return,
                _ => {},
            }
        }
    }

    /// `r"…"`, `r#"…"#`, `br"…"`; false, with nothing taken, when it is something else.
    fn raw_string(&mut self) -> bool {
        let prefix = usize::from(self.peek(0) != 'r') + 1;
        let hashes = (0..256)
            .take_while(|n| self.peek(prefix + n) == '#')
            .count();
        if self.peek(prefix + hashes) != '"' {
            return false;
        }
        for _ in 0..=prefix + hashes {
            self.next();
        }
        while self.at < self.rest.len() {
            let closes = self.next() == '"' && (0..hashes).all(|n| self.peek(n) == '#');
            if closes {
                self.at += hashes;
                return true;
            }
        }
        true
    }

    /// A character or a lifetime.
    fn quote(&mut self) {
        self.next();
        if self.peek(0) == '\\' {
            self.at += 2;
            while self.at < self.rest.len() && self.next() != '\'' {}
        } else if self.peek(1) == '\'' {
            self.at += 2;
        } else {
            while self.peek(0).is_alphanumeric() || self.peek(0) == '_' {
                self.next();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Block, imports, paths};

    fn ours(source: &str, depth: usize) -> Vec<String> {
        paths(source, depth)
            .into_iter()
            .filter(|p| p.ours)
            .map(|p| p.name)
            .collect()
    }

    fn foreign(source: &str) -> Vec<String> {
        let paths = paths(source, 1).into_iter().filter(|p| !p.ours);
        paths
            .map(|p| [p.name, p.then.unwrap_or_default()].join("::"))
            .collect()
    }

    #[test]
    fn own_paths_are_found_in_every_spelling() {
        let cases = [
            ("use crate::base::Fault;", 1, vec!["base"]),
            (
                "use crate::{base::{Fault, Usage}, wire, net as n};",
                1,
                vec!["base", "wire", "net"],
            ),
            ("fn f(x: crate::route::Walk<'_>) {}", 1, vec!["route"]),
            ("use super::wire::x;", 1, vec!["wire"]),
            ("use super::wire::x;", 2, vec![]),
            ("use super::super::wire::x;", 2, vec!["wire"]),
            (
                "mod tests { use super::super::wire::x; use super::y; }",
                1,
                vec!["wire"],
            ),
            (
                "// crate::a\n/* crate::b /* x */ crate::c */ let s = \"crate::d\";",
                1,
                vec![],
            ),
            (
                "let s = r#\"crate::a \" b\"#; let c = '\"'; crate::e::f();",
                1,
                vec!["e"],
            ),
            ("pub(crate) fn f<'a>(x: &'a str) -> self::X {}", 1, vec![]),
        ];
        for (source, depth, wanted) in cases {
            assert_eq!(ours(source, depth), wanted, "{source}");
        }
    }

    #[test]
    fn foreign_paths_are_found_and_local_names_are_not() {
        let cases = [
            (
                "use std::{fs, io::{self, Read}};",
                vec!["std::fs", "std::io"],
            ),
            (
                "#[tokio::test]\nfn f() { serde_json::json!({}) }",
                vec!["tokio::test", "serde_json::json"],
            ),
            ("use http;", vec!["http::"]),
            ("use crate::x::http;\nfn f() { http::y(); }", vec![]),
            ("mod http;\nuse http::Z;", vec![]),
            ("a.tokio::<u8>();", vec![]),
        ];
        for (source, wanted) in cases {
            assert_eq!(foreign(source), wanted, "{source}");
        }
    }

    #[test]
    fn test_code_is_marked() {
        let source = "tokio::a();\n#[cfg(test)]\nmod tests { fn f() { tokio::b(); } }\ntokio::c();";
        let marks: Vec<bool> = paths(source, 1).iter().map(|p| p.in_test).collect();
        assert_eq!(marks, [false, true, false]);
    }

    #[test]
    fn import_blocks_are_told_apart() {
        let source = "mod x;\n\nuse std::a;\n\nuse b::c;\nuse d::D;\n\nuse crate::e;\nuse x::f;\n";
        let blocks: Vec<(Block, bool)> = imports(source).iter().map(|(_, b, n)| (*b, *n)).collect();
        let wanted = [
            (Block::Std, true),
            (Block::Crates, true),
            (Block::Crates, false),
            (Block::Own, true),
            (Block::Own, false),
        ];
        assert_eq!(blocks, wanted);
    }
}
