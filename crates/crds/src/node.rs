//! A YAML value that remembers where each part of it was written.

use serde_json::{Map, Number, Value};

use crate::path::{Segment, segments};

/// A value with its place in the text.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// From 1.
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
    /// What it is.
    pub kind: NodeKind,
}

/// What a [`Node`] holds.
#[derive(Clone, Debug, PartialEq)]
pub enum NodeKind {
    /// A single value.
    Scalar {
        /// As written, without quotes.
        text: String,
        /// What it means.
        scalar: Scalar,
    },
    /// A list.
    Sequence(Vec<Node>),
    /// A map, in the order as written, keys unique.
    Mapping(Vec<(Key, Node)>),
}

/// A key of a mapping with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The key.
    pub text: String,
    /// From 1.
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
}

/// The meaning of a scalar.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    /// Nothing, `~` or `null`.
    Null,
    /// A boolean, also in the words that Kubernetes accepts (`yes`, `on`).
    Bool(bool),
    /// A number.
    Number(Number),
    /// Text.
    Text,
}

impl Node {
    /// The value of `key`, if this is a mapping that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|(_, value)| value)
    }

    /// The key and value of `key`.
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<(&Key, &Node)> {
        self.entries().iter().find(|(k, _)| k.text == key).map(|(k, v)| (k, v))
    }

    /// The entries of a mapping; empty for anything else.
    #[must_use]
    pub fn entries(&self) -> &[(Key, Node)] {
        match &self.kind {
            NodeKind::Mapping(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a sequence; empty for anything else.
    #[must_use]
    pub fn items(&self) -> &[Node] {
        match &self.kind {
            NodeKind::Sequence(items) => items,
            _ => &[],
        }
    }

    /// The text of a scalar that is text.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match &self.kind {
            NodeKind::Scalar { text, scalar: Scalar::Text } => Some(text),
            _ => None,
        }
    }

    /// Whether this is null, or nothing was written.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self.kind, NodeKind::Scalar { scalar: Scalar::Null, .. })
    }

    /// A value that was written nowhere: its line and column are 0.
    #[must_use]
    pub fn from_json(value: &Value) -> Node {
        let scalar = |text: String, scalar| NodeKind::Scalar { text, scalar };
        let kind = match value {
            Value::Null => scalar(String::new(), Scalar::Null),
            Value::Bool(value) => scalar(value.to_string(), Scalar::Bool(*value)),
            Value::Number(number) => scalar(number.to_string(), Scalar::Number(number.clone())),
            Value::String(text) => scalar(text.clone(), Scalar::Text),
            Value::Array(items) => NodeKind::Sequence(items.iter().map(Node::from_json).collect()),
            Value::Object(entries) => NodeKind::Mapping(
                entries
                    .iter()
                    .map(|(key, value)| (Key { text: key.clone(), line: 0, column: 0 }, Node::from_json(value)))
                    .collect(),
            ),
        };
        Node { line: 0, column: 0, kind }
    }

    /// The same value without places.
    #[must_use]
    pub fn to_json(&self) -> Value {
        match &self.kind {
            NodeKind::Scalar { scalar: Scalar::Null, .. } => Value::Null,
            NodeKind::Scalar { scalar: Scalar::Bool(value), .. } => Value::Bool(*value),
            NodeKind::Scalar { scalar: Scalar::Number(value), .. } => Value::Number(value.clone()),
            NodeKind::Scalar { text, scalar: Scalar::Text } => Value::String(text.clone()),
            NodeKind::Sequence(items) => Value::Array(items.iter().map(Node::to_json).collect()),
            NodeKind::Mapping(entries) => Value::Object(
                entries.iter().map(|(key, value)| (key.text.clone(), value.to_json())).collect::<Map<_, _>>(),
            ),
        }
    }

    /// What this is, in words for a message: `"two"`, `5`, `a list`, `a map`, `nothing`.
    #[must_use]
    pub fn describe(&self) -> String {
        match &self.kind {
            NodeKind::Scalar { scalar: Scalar::Null, .. } => "nothing".into(),
            NodeKind::Scalar { text, scalar: Scalar::Text } => format!("{:?}", shorten(text)),
            NodeKind::Scalar { text, .. } => shorten(text),
            NodeKind::Sequence(_) => "a list".into(),
            NodeKind::Mapping(_) => "a map".into(),
        }
    }

    /// Line and column of the part at `path` (`spec.triggers[0].type`): of its key where it is a map's entry, of the
    /// value otherwise. When the path goes further than what was written, the deepest part that was.
    #[must_use]
    pub fn position(&self, path: &str) -> (u32, u32) {
        let mut node = self;
        let mut position = (self.line, self.column);
        for segment in segments(path) {
            match segment {
                Segment::Key(key) => match node.entry(&key) {
                    Some((key, value)) => {
                        position = (key.line, key.column);
                        node = value;
                    }
                    None => return position,
                },
                Segment::Index(index) => match node.items().get(index) {
                    Some(item) => {
                        position = (item.line, item.column);
                        node = item;
                    }
                    None => return position,
                },
            }
        }
        position
    }

    /// The part at `path`, if it was written.
    #[must_use]
    pub fn at(&self, path: &str) -> Option<&Node> {
        segments(path).into_iter().try_fold(self, |node, segment| match segment {
            Segment::Key(key) => node.get(&key),
            Segment::Index(index) => node.items().get(index),
        })
    }
}

/// At most 60 characters of `text`, on one line.
pub(crate) fn shorten(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    if line.chars().count() > 60 || line.len() < text.trim_end().len() {
        line.chars().take(57).collect::<String>() + "..."
    } else {
        line.to_owned()
    }
}
