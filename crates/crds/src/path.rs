//! Paths of fields, as `spec.triggers[0].metadata["a.b"]`.

/// One part of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Segment {
    /// An entry of a map.
    Key(String),
    /// An item of a list, from 0.
    Index(usize),
}

/// `base.key`, with the key in brackets and quotes where it is not a plain word.
pub(crate) fn join(base: &str, key: &str) -> String {
    let plain = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-' || c == '$');
    match (base.is_empty(), plain) {
        (true, true) => key.to_owned(),
        (false, true) => format!("{base}.{key}"),
        (_, false) => format!("{base}[{key:?}]"),
    }
}

/// `base[index]`.
pub(crate) fn index(base: &str, index: usize) -> String {
    format!("{base}[{index}]")
}

/// The parts of a path made by [`join`] and [`index`]. What cannot be understood is taken as a key.
pub(crate) fn segments(path: &str) -> Vec<Segment> {
    let mut parts = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        rest = rest.strip_prefix('.').unwrap_or(rest);
        if let Some(quoted) = rest.strip_prefix('[') {
            let (part, after) = bracket(quoted);
            parts.push(part);
            rest = after;
        } else {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            let (key, after) = rest.split_at(end);
            if !key.is_empty() {
                parts.push(Segment::Key(key.to_owned()));
            }
            rest = after;
        }
    }
    parts
}

/// The part up to the closing bracket, and what follows it.
fn bracket(text: &str) -> (Segment, &str) {
    if text.starts_with('"') {
        let mut stream = serde_json::Deserializer::from_str(text).into_iter::<String>();
        if let Some(Ok(key)) = stream.next() {
            let after = text.get(stream.byte_offset()..).unwrap_or_default();
            return (Segment::Key(key), after.strip_prefix(']').unwrap_or(after));
        }
    }
    let end = text.find(']').unwrap_or(text.len());
    let (inner, after) = text.split_at(end);
    let part = inner.parse().map_or_else(|_| Segment::Key(inner.to_owned()), Segment::Index);
    (part, after.strip_prefix(']').unwrap_or(after))
}
