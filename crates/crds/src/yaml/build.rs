//! One document's events to a [`Node`].

use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle, Span};

use super::{TextProblem, hint, resolve};
use crate::node::{Key, Node, NodeKind, Scalar};
use crate::path;

/// Most values that a document may hold, aliases written out; keeps a malicious file from filling the memory.
const MOST_NODES: usize = 250_000;

/// Most levels of nesting.
const DEEPEST: usize = 200;

/// The one document in `chunk`, which starts after `lines_before` lines of its file.
pub(super) fn document(
    chunk: &str,
    lines_before: u32,
    problems: &mut Vec<TextProblem>,
) -> Result<Option<Node>, TextProblem> {
    let mut builder = Builder {
        parser: Parser::new_from_str(chunk),
        lines_before,
        anchors: HashMap::new(),
        nodes: 0,
        problems,
        chunk,
    };
    builder.document()
}

struct Builder<'a, 'p> {
    parser: Parser<'a, granit_parser::StrInput<'a>>,
    lines_before: u32,
    anchors: HashMap<usize, (Node, usize)>,
    nodes: usize,
    problems: &'p mut Vec<TextProblem>,
    chunk: &'a str,
}

impl<'a> Builder<'a, '_> {
    fn document(&mut self) -> Result<Option<Node>, TextProblem> {
        let mut found = None;
        while let Some((event, span)) = self.next()? {
            match event {
                Event::StreamEnd => break,
                Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
                event if found.is_none() => found = Some(self.node(event, span, "", 0)?),
                _ => {
                    return Err(self.problem(
                        span,
                        "",
                        "more text after the end of the document; separate documents with ---",
                    ));
                }
            }
        }
        Ok(found)
    }

    fn next(&mut self) -> Result<Option<(Event<'a>, Span)>, TextProblem> {
        loop {
            match self.parser.next_event() {
                None => return Ok(None),
                Some(Ok((Event::Comment(..) | Event::Anchor(..), _))) => {}
                Some(Ok(pair)) => return Ok(Some(pair)),
                Some(Err(error)) => {
                    let (line, column, message) = hint::explain(&error, self.chunk);
                    let line = line + self.lines_before;
                    return Err(TextProblem { line, column, field: String::new(), message });
                }
            }
        }
    }

    fn place(&self, span: Span) -> (u32, u32) {
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        (number(span.start.line()) + self.lines_before, number(span.start.col()) + 1)
    }

    fn problem(&self, span: Span, field: &str, message: impl Into<String>) -> TextProblem {
        let (line, column) = self.place(span);
        TextProblem { line, column, field: field.to_owned(), message: message.into() }
    }

    fn node(&mut self, event: Event<'a>, span: Span, field: &str, depth: usize) -> Result<Node, TextProblem> {
        self.count(1, span, field)?;
        if depth > DEEPEST {
            return Err(self.problem(span, "", format!("nested more than {DEEPEST} levels deep")));
        }
        let before = self.nodes;
        let (line, column) = self.place(span);
        let (anchor, kind) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let core = tag.as_ref().and_then(|tag| tag.core_suffix().map(str::to_owned));
                let plain = style == ScalarStyle::Plain && core.as_deref() != Some("str");
                let scalar = if plain { resolve(&text) } else { Scalar::Text };
                (anchor, NodeKind::Scalar { text: text.into_owned(), scalar })
            }
            Event::SequenceStart(_, anchor, _) => (anchor, self.sequence(span, field, depth)?),
            Event::MappingStart(_, anchor, _) => (anchor, self.mapping(span, field, depth)?),
            Event::Alias(id) => {
                let Some((node, size)) = self.anchors.get(&id) else {
                    return Err(self.problem(span, field, "an alias cannot stand inside the value that it repeats"));
                };
                let (kind, size) = (node.kind.clone(), *size);
                self.count(size, span, field)?;
                return Ok(Node { line, column, kind });
            }
            other => return Err(self.problem(span, field, format!("a value is missing here ({other:?})"))),
        };
        let node = Node { line, column, kind };
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), self.nodes - before + 1));
        }
        Ok(node)
    }

    fn count(&mut self, more: usize, span: Span, field: &str) -> Result<(), TextProblem> {
        self.nodes += more;
        if self.nodes > MOST_NODES {
            return Err(self.problem(span, field, format!("the document holds more than {MOST_NODES} values")));
        }
        Ok(())
    }

    fn unfinished(&self, span: Span, field: &str) -> TextProblem {
        self.problem(span, field, "this list or map is not finished at the end of the text")
    }

    fn sequence(&mut self, span: Span, field: &str, depth: usize) -> Result<NodeKind, TextProblem> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                None => return Err(self.unfinished(span, field)),
                Some((Event::SequenceEnd, _)) => return Ok(NodeKind::Sequence(items)),
                Some((event, span)) => {
                    let field = path::index(field, items.len());
                    items.push(self.node(event, span, &field, depth + 1)?);
                }
            }
        }
    }

    fn mapping(&mut self, span: Span, field: &str, depth: usize) -> Result<NodeKind, TextProblem> {
        let mut entries: Vec<(Key, Node)> = Vec::new();
        let mut merged = Vec::new();
        let mut seen: HashMap<String, u32> = HashMap::new();
        loop {
            let (event, key_span) = match self.next()? {
                None => return Err(self.unfinished(span, field)),
                Some((Event::MappingEnd, _)) => break,
                Some(pair) => pair,
            };
            let key_node = self.node(event, key_span, field, depth + 1)?;
            let NodeKind::Scalar { text, .. } = key_node.kind else {
                let line = key_span.start.line().checked_sub(1).and_then(|index| self.chunk.lines().nth(index));
                let template = line.is_some_and(|line| line.contains("{{"));
                let message = if template { hint::TEMPLATE } else { "a list or map cannot be a key; put it in quotes" };
                return Err(self.problem(key_span, "", message));
            };
            let key = Key { text, line: key_node.line, column: key_node.column };
            let field_of_key = path::join(field, &key.text);
            let Some((event, value_span)) = self.next()? else { return Err(self.unfinished(span, field)) };
            let value = self.node(event, value_span, &field_of_key, depth + 1)?;
            if key.text == "<<" {
                merged.push((value, value_span));
            } else if let Some(first) = seen.get(&key.text) {
                let message = format!("given a second time; the first is in line {first}");
                self.problems.push(self.problem(key_span, &field_of_key, message));
            } else {
                seen.insert(key.text.clone(), key.line);
                entries.push((key, value));
            }
        }
        for (value, span) in merged {
            self.merge(&mut entries, value, span, field)?;
        }
        Ok(NodeKind::Mapping(entries))
    }

    /// `<<: *base`: entries of `base` that are not given here.
    fn merge(
        &mut self,
        entries: &mut Vec<(Key, Node)>,
        value: Node,
        span: Span,
        field: &str,
    ) -> Result<(), TextProblem> {
        match value.kind {
            NodeKind::Mapping(base) => {
                for (key, value) in base {
                    if !entries.iter().any(|(own, _)| own.text == key.text) {
                        entries.push((key, value));
                    }
                }
                Ok(())
            }
            NodeKind::Sequence(bases) => bases.into_iter().try_for_each(|base| self.merge(entries, base, span, field)),
            NodeKind::Scalar { .. } => Err(self.problem(span, field, "<< takes a map or a list of maps")),
        }
    }
}
