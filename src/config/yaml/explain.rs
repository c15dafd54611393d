//! The parser's complaints in words for someone who writes a config, with the way out.

/// Message and hint for one of the parser's complaints.
pub(super) fn explain(info: &str) -> (String, String) {
    let found = SAYINGS.iter().find(|(part, _, _)| info.contains(part));
    match found {
        Some((_, message, hint)) => ((*message).to_owned(), (*hint).to_owned()),
        None => (
            format!("not valid YAML: {info}"),
            "check indentation, quotes and brackets around this place".to_owned(),
        ),
    }
}

/// A part of the parser's words, our message, the way out; the first that fits.
const SAYINGS: &[(&str, &str, &str)] = &[
    (
        "tab",
        "a tab where YAML wants spaces",
        "indent with spaces only; most editors can convert tabs",
    ),
    (
        "mapping values are not allowed",
        "a second `: ` on one line, or a key that is indented deeper than its neighbours",
        "put the value in quotes when it holds `: `; else line the key up with the one above",
    ),
    (
        "illegal placement of ':'",
        "a `:` where no key can end",
        "put the value in quotes when it holds `:`; else line the key up with the one above",
    ),
    (
        "mapping keys are not allowed",
        "a key where none can stand",
        "line it up with the keys above it",
    ),
    (
        "did not find expected key",
        "the indentation does not fit what stands above, or a quote or bracket is left open before",
        "line the key up with its neighbours: the same number of spaces for the same level",
    ),
    (
        "did not find expected '-' indicator",
        "the indentation does not fit the list above",
        "line up the `-` of all items of one list",
    ),
    (
        "block sequence entries are not allowed",
        "a list item `-` where none can stand",
        "start the list on a line of its own, below its key",
    ),
    (
        "'-' must be followed",
        "a `-` without a space after it",
        "write `- item`",
    ),
    (
        "':' must be followed",
        "a `:` without a space after it",
        "write `key: value`",
    ),
    (
        "simple key expect",
        "a line that is no `key: value`",
        "write `key: value` with a space after the colon",
    ),
    (
        "quoted scalar, found unexpected end of stream",
        "a quote is opened and never closed",
        "close the quote; inside double quotes write `\\\"`, inside single quotes `''`",
    ),
    (
        "invalid trailing content after double-quoted",
        "something stands after the closing quote",
        "put the whole value inside the quotes, a comment after ` #`",
    ),
    (
        "invalid indentation in quoted scalar",
        "a quoted text goes on over lines that are not indented: most likely its quote is never closed",
        "close the quote on the line where it is opened",
    ),
    (
        "unknown escape character",
        "an escape that YAML does not know",
        "use single quotes, in which `\\` is an ordinary character",
    ),
    (
        "flow mapping, did not find expected",
        "a `{ … }` is not closed, or a comma is missing in it",
        "close it with `}` and part its entries by `, `",
    ),
    (
        "flow sequence, expected",
        "a `[ … ]` is not closed, or a comma is missing in it",
        "close it with `]` and part its items by `, `",
    ),
    (
        "misplaced bracket",
        "a closing bracket that nothing opened",
        "remove it, or put the value in quotes",
    ),
    (
        "invalid indentation in flow construct",
        "a `[ … ]` or `{ … }` goes on over lines that are not indented: most likely it is never closed",
        "close it, or indent the lines that belong to it",
    ),
    (
        "invalid indentation",
        "the indentation fits nothing above",
        "use the same number of spaces for the same level",
    ),
    (
        "unexpected character",
        "a value cannot begin with this character",
        "put the value in quotes",
    ),
    (
        "unknown anchor",
        "this alias names an anchor that stands nowhere above",
        "define it with `&name` before its first use; a value that begins with `*` needs quotes",
    ),
    (
        "anchor or alias, did not find",
        "`*` or `&` begins a name here, and no name follows",
        "put the value in quotes when it begins with `*` or `&`: \"*\"",
    ),
    (
        "recursion limit",
        "brackets nested too deeply",
        "no key of this file needs such a depth; check the brackets",
    ),
    (
        "unprintable character",
        "a character that no text file holds",
        "remove it; the file may be binary, or not saved as UTF-8",
    ),
    (
        "byte order mark",
        "a byte order mark in the middle of the file",
        "remove the invisible character; it comes from joining files",
    ),
    (
        "document end marker",
        "text after the end of the document",
        "remove the `...` line",
    ),
    (
        "comment intercepting",
        "a comment in the middle of a value",
        "put the comment on a line before the value",
    ),
    (
        "did not find expected <document",
        "something stands after the end of the value above",
        "line it up with what it belongs to, or put the value in quotes",
    ),
];
