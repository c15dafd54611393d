//! From parser events to the tree: a stack of open lists and mappings, no recursion on the input.

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span, Tag};

use super::explain::explain;
use super::{Body, Entry, MAX_DEPTH, MAX_NODES, Node, Scalar, Spot, YamlError};

/// Reads one YAML document. Returns the tree when there is one, and every error found; a duplicate key
/// leaves a tree (its first value stays) beside the error, a syntax error leaves none.
pub fn parse(text: &str, file: usize) -> (Option<Node>, Vec<YamlError>) {
    let mut builder = Builder::new(text, file);
    let mut parser = Parser::new_from_str(text);
    while let Some(step) = parser.next_event() {
        let done = match step {
            Ok((event, span)) => builder.event(event, span),
            Err(error) => Err(builder.syntax(&error, text)),
        };
        if let Err(error) = done {
            builder.errors.push(error);
            return (None, builder.errors);
        }
    }
    (builder.root, builder.errors)
}

/// An open list or mapping.
struct Frame {
    at: Spot,
    anchor: usize,
    kind: FrameKind,
}

enum FrameKind {
    List(Vec<Node>),
    Map(OpenMap),
}

#[derive(Default)]
struct OpenMap {
    entries: Vec<Entry>,
    seen: HashMap<String, Spot>,
    merges: Vec<Node>,
    key: Option<(String, Spot)>,
}

struct Builder {
    file: usize,
    /// Characters in each line.
    widths: Vec<usize>,
    stack: Vec<Frame>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    documents: usize,
    root: Option<Node>,
    errors: Vec<YamlError>,
}

impl Builder {
    fn new(text: &str, file: usize) -> Self {
        Self {
            file,
            widths: text.lines().map(|line| line.chars().count()).collect(),
            stack: Vec::new(),
            anchors: HashMap::new(),
            nodes: 0,
            documents: 0,
            root: None,
            errors: Vec::new(),
        }
    }

    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), YamlError> {
        let at = self.spot(span);
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(fail(
                        at,
                        "a second document begins here",
                        "keep one document in the file; put others into files and list them under `include:`",
                    ));
                }
                Ok(())
            },
            Event::Alias(id) => {
                let Some(node) = self.anchors.get(&id).cloned() else {
                    return Err(fail(
                        at,
                        "this alias stands inside the value it names",
                        "write the value out",
                    ));
                };
                self.count(node.size(), at)?;
                self.add(node, at)
            },
            Event::Scalar(text, style, anchor, tag) => {
                self.count(1, at)?;
                let plain = plain_after_tag(style, tag.as_deref()).map_err(|tag| {
                    fail(
                        at,
                        format!("the tag `{tag}` means nothing here"),
                        "write the value itself; for a variable of the environment `os.environ/NAME`",
                    )
                })?;
                let scalar = Scalar {
                    text: text.into_owned(),
                    plain,
                };
                let node = Node {
                    at,
                    body: Body::Scalar(scalar),
                };
                self.finish(node, anchor)
            },
            Event::SequenceStart(anchor, tag) => {
                self.open(at, anchor, tag.as_deref(), FrameKind::List(Vec::new()))
            },
            Event::MappingStart(anchor, tag) => {
                let kind = FrameKind::Map(OpenMap::default());
                self.open(at, anchor, tag.as_deref(), kind)
            },
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
        }
    }

    fn open(
        &mut self,
        at: Spot,
        anchor: usize,
        tag: Option<&Tag>,
        kind: FrameKind,
    ) -> Result<(), YamlError> {
        self.count(1, at)?;
        if let Some(tag) = tag.filter(|tag| !tag.is_yaml_core_schema()) {
            let message = format!("the tag `{tag}` means nothing here");
            return Err(fail(at, message, "write the values themselves"));
        }
        if self.stack.len() >= MAX_DEPTH {
            let message = format!("nested deeper than {MAX_DEPTH} levels");
            return Err(fail(
                at,
                message,
                "no key of this file needs such a depth; check the brackets",
            ));
        }
        self.stack.push(Frame { at, anchor, kind });
        Ok(())
    }

    fn close(&mut self) -> Result<(), YamlError> {
        let Some(frame) = self.stack.pop() else {
            return Ok(());
        };
        let body = match frame.kind {
            FrameKind::List(items) => Body::List(items),
            FrameKind::Map(map) => Body::Map(self.merged(map)?),
        };
        self.finish(Node { at: frame.at, body }, frame.anchor)
    }

    /// Keeps a finished value under its anchor and hands it to what it stands in.
    fn finish(&mut self, node: Node, anchor: usize) -> Result<(), YamlError> {
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let at = node.at;
        self.add(node, at)
    }

    fn add(&mut self, mut node: Node, at: Spot) -> Result<(), YamlError> {
        let Some(frame) = self.stack.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        let map = match &mut frame.kind {
            FrameKind::List(items) => {
                items.push(node);
                return Ok(());
            },
            FrameKind::Map(map) => map,
        };
        let Some((key, key_at)) = map.key.take() else {
            let Some(scalar) = node.scalar() else {
                let message = format!("{} stands where a key is expected", node.kind());
                return Err(fail(
                    at,
                    message,
                    "a key is a single word, followed by `: `",
                ));
            };
            map.key = Some((scalar.text.clone(), at));
            return Ok(());
        };
        if node.is_null() && node.scalar().is_some_and(|scalar| scalar.text.is_empty()) {
            node.at = key_at;
        }
        if key == "<<" {
            map.merges.push(node);
            return Ok(());
        }
        if let Some(first) = map.seen.get(&key) {
            self.errors.push(fail(
                key_at,
                format!(
                    "`{key}` stands twice in the same mapping, first in line {}",
                    first.line
                ),
                "keep one of the two; the values are not merged",
            ));
            return Ok(());
        }
        map.seen.insert(key.clone(), key_at);
        map.entries.push(Entry {
            key,
            key_at,
            value: node,
        });
        Ok(())
    }

    /// The entries of a mapping with its `<<` mixed in: what stands in the mapping itself wins, then
    /// the earlier of several merged ones.
    fn merged(&mut self, map: OpenMap) -> Result<Vec<Entry>, YamlError> {
        let OpenMap {
            mut entries,
            mut seen,
            merges,
            ..
        } = map;
        let sources = merges.into_iter().flat_map(|node| match node.body {
            Body::List(items) => items,
            body => vec![Node { at: node.at, body }],
        });
        for source in sources {
            let (at, kind) = (source.at, source.kind());
            let Body::Map(more) = source.body else {
                let message = format!("`<<` takes a mapping or a list of mappings, found {kind}");
                return Err(fail(at, message, "name an anchored mapping: `<<: *name`"));
            };
            for entry in more {
                if !seen.contains_key(&entry.key) {
                    self.count(entry.value.size(), entry.key_at)?;
                    seen.insert(entry.key.clone(), entry.key_at);
                    entries.push(entry);
                }
            }
        }
        Ok(entries)
    }

    fn count(&mut self, more: usize, at: Spot) -> Result<(), YamlError> {
        self.nodes = self.nodes.saturating_add(more);
        if self.nodes <= MAX_NODES {
            return Ok(());
        }
        let message = format!("more than {MAX_NODES} values, aliases expanded");
        Err(fail(at, message, "aliases of aliases multiply; write less"))
    }

    /// The parser's complaint, moved to what a person would look at.
    fn syntax(&self, error: &ScanError, text: &str) -> YamlError {
        let mut at = self.point(*error.marker());
        let (message, mut hint) = explain(error.info());
        let letter = |spot: Spot| -> Option<char> {
            text.lines()
                .nth(spot.line - 1)?
                .chars()
                .nth(spot.column - 1)
        };
        if error.info().contains("tab") {
            let line = text.lines().nth(at.line - 1).unwrap_or_default();
            if let Some(tab) = line.chars().position(|letter| letter == '\t') {
                at.column = tab + 1;
                at.end_column = tab + 2;
            }
        }
        let open = self.stack.last().map(|frame| frame.at);
        if let Some(open) = open.filter(|open| open.line < at.line)
            && let Some(bracket @ ('[' | '{')) = letter(open)
        {
            hint = format!(
                "most likely the `{bracket}` in line {} is never closed",
                open.line
            );
        }
        YamlError { at, message, hint }
    }

    /// A place that surely lies within the file.
    fn point(&self, mark: Marker) -> Spot {
        let (line, column) = self.within(mark);
        Spot {
            file: self.file,
            line,
            column,
            end_line: line,
            end_column: column + 1,
        }
    }

    fn spot(&self, span: Span) -> Spot {
        let (line, column) = self.within(span.start);
        let (end_line, end_column) = self.within(span.end);
        Spot {
            file: self.file,
            line,
            column,
            end_line,
            end_column,
        }
    }

    fn within(&self, mark: Marker) -> (usize, usize) {
        let line = mark.line().clamp(1, self.widths.len().max(1));
        let width = self.widths.get(line - 1).copied().unwrap_or(0);
        let column = if mark.line() > line {
            width + 1
        } else {
            (mark.col() + 1).min(width + 1)
        };
        (line, column)
    }
}

/// Whether a scalar with this style and tag may be a number or truth value. `Err` names a tag that has
/// no meaning in a config.
fn plain_after_tag(style: ScalarStyle, tag: Option<&Tag>) -> Result<bool, String> {
    let plain = style == ScalarStyle::Plain;
    match tag {
        None => Ok(plain),
        Some(tag) if tag.is_yaml_core_schema() => Ok(tag.suffix != "str"),
        Some(tag) if tag.handle.is_empty() && tag.suffix == "!" => Ok(false),
        Some(tag) => Err(tag.to_string()),
    }
}

fn fail(at: Spot, message: impl Into<String>, hint: &str) -> YamlError {
    YamlError {
        at,
        message: message.into(),
        hint: hint.to_owned(),
    }
}
