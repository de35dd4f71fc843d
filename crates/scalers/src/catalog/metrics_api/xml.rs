//! XML as the values of JSON: an element with only text is that text; any other one is an object of its children, with
//! attributes as `-name` and its own text as `#text`; children of one name become a list. Prefixes of names are left out.
//! Document types are refused: what they define is nobody's measurement.

use serde_json::{Map, Value};

/// The key of an element's own text beside its attributes or children.
pub(super) const TEXT: &str = "#text";
/// Deeper documents hold no measurements.
const DEEPEST: usize = 64;

/// Understands a document; an object whose only key is the outermost element.
///
/// # Errors
/// What is wrong, and where.
pub(super) fn parse(text: &str) -> Result<Value, String> {
    let mut parser = Parser { text, at: 0 };
    parser.between()?;
    if !parser.rest().starts_with('<') {
        return Err(parser.wrong("expected an element"));
    }
    let (name, value) = parser.element(0)?;
    parser.between()?;
    if parser.at < text.len() {
        return Err(parser.wrong("expected the end"));
    }
    Ok(Value::Object(Map::from_iter([(name, value)])))
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn wrong(&self, what: &str) -> String {
        format!("{what} at byte {}", self.at)
    }

    fn take(&mut self, sign: &str) -> bool {
        let found = self.rest().starts_with(sign);
        self.at += if found { sign.len() } else { 0 };
        found
    }

    /// Up to `end`, which is passed.
    fn until(&mut self, end: &str) -> Result<&'a str, String> {
        let rest = self.rest();
        let length = rest.find(end).ok_or_else(|| self.wrong(&format!("expected {end}")))?;
        self.at += length + end.len();
        Ok(rest.get(..length).unwrap_or_default())
    }

    fn blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    /// What may stand before and after the outermost element.
    fn between(&mut self) -> Result<(), String> {
        self.take("\u{feff}");
        loop {
            self.blanks();
            if self.take("<?") {
                self.until("?>")?;
            } else if self.take("<!--") {
                self.until("-->")?;
            } else if self.rest().starts_with("<!") {
                return Err(self.wrong("document types are not read"));
            } else {
                return Ok(());
            }
        }
    }

    /// A name without its prefix.
    fn name(&mut self) -> Result<&'a str, String> {
        let rest = self.rest();
        let end = rest.find(|c: char| c.is_whitespace() || "/>=<\"'&".contains(c)).unwrap_or(rest.len());
        if end == 0 {
            return Err(self.wrong("expected a name"));
        }
        self.at += end;
        let name = rest.get(..end).unwrap_or_default();
        Ok(name.rsplit(':').next().unwrap_or(name))
    }

    fn element(&mut self, depth: usize) -> Result<(String, Value), String> {
        if depth > DEEPEST {
            return Err(self.wrong(&format!("more than {DEEPEST} levels")));
        }
        self.take("<");
        let name = self.name()?;
        let mut object = Map::new();
        if !self.attributes(&mut object)? {
            return Ok((name.to_owned(), finish(object, String::new())));
        }
        let mut text = String::new();
        loop {
            let rest = self.rest();
            let length = rest.find('<').ok_or_else(|| self.wrong(&format!("expected </{name}>")))?;
            text.push_str(&self.unescaped(rest.get(..length).unwrap_or_default())?);
            self.at += length;
            if self.take("</") {
                let closed = self.name()?;
                self.blanks();
                if closed != name || !self.take(">") {
                    return Err(self.wrong(&format!("expected </{name}>")));
                }
                return Ok((name.to_owned(), finish(object, text)));
            } else if self.take("<!--") {
                self.until("-->")?;
            } else if self.take("<![CDATA[") {
                text.push_str(self.until("]]>")?);
            } else if self.take("<?") {
                self.until("?>")?;
            } else {
                let (child, value) = self.element(depth + 1)?;
                add(&mut object, child, value);
            }
        }
    }

    /// The attributes of an element; whether it has content.
    fn attributes(&mut self, object: &mut Map<String, Value>) -> Result<bool, String> {
        loop {
            self.blanks();
            if self.take("/>") {
                return Ok(false);
            }
            if self.take(">") {
                return Ok(true);
            }
            let name = self.name()?;
            self.blanks();
            if !self.take("=") {
                return Err(self.wrong("expected ="));
            }
            self.blanks();
            let quote = if self.take("\"") {
                "\""
            } else if self.take("'") {
                "'"
            } else {
                return Err(self.wrong("expected a value in quotes"));
            };
            let value = self.until(quote)?;
            let value = self.unescaped(value)?;
            object.insert(format!("-{name}"), Value::from(value));
        }
    }

    fn unescaped(&self, text: &str) -> Result<String, String> {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(place) = rest.find('&') {
            let (before, after) = rest.split_at(place);
            out.push_str(before);
            let end = after.find(';').ok_or_else(|| self.wrong("expected ; after &"))?;
            let entity = after.get(1..end).unwrap_or_default();
            out.push(character(entity).ok_or_else(|| self.wrong("an entity that XML does not define"))?);
            rest = after.get(end + 1..).unwrap_or_default();
        }
        out.push_str(rest);
        Ok(out)
    }
}

fn character(entity: &str) -> Option<char> {
    Some(match entity {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => {
            let number = entity.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)?
        }
    })
}

/// A second child of the same name makes a list of them.
fn add(object: &mut Map<String, Value>, name: String, value: Value) {
    match object.get_mut(&name) {
        None => {
            object.insert(name, value);
        }
        Some(Value::Array(list)) => list.push(value),
        Some(first) => *first = Value::Array(vec![first.take(), value]),
    }
}

fn finish(mut object: Map<String, Value>, text: String) -> Value {
    let text = text.trim();
    if object.is_empty() {
        return Value::from(text);
    }
    if !text.is_empty() {
        object.insert(TEXT.to_owned(), Value::from(text));
    }
    Value::Object(object)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::parse;

    #[test]
    fn elements_become_values() {
        for (text, expected) in [
            ("<a/>", json!({"a": ""})),
            ("<a>1</a>", json!({"a": "1"})),
            ("<a> <!-- no --> 1 </a>", json!({"a": "1"})),
            ("<a><b>1</b><b>2</b></a>", json!({"a": {"b": ["1", "2"]}})),
            ("<a x='1' y=\"&lt;2&#62;\">3</a>", json!({"a": {"-x": "1", "-y": "<2>", "#text": "3"}})),
            ("<n:a xmlns:n=\"u\"><n:b>1</n:b></n:a>", json!({"a": {"-n": "u", "b": "1"}})),
            ("<a><![CDATA[<&>]]></a>", json!({"a": "<&>"})),
            ("<?xml version=\"1.0\"?>\n<!-- x --><a>1</a>\n", json!({"a": "1"})),
        ] {
            assert_eq!(parse(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn broken_documents_are_refused() {
        let deep = format!("{}{}", "<a>".repeat(100), "</a>".repeat(100));
        for (text, part) in [
            ("", "expected an element"),
            ("text", "expected an element"),
            ("<a>", "expected </a>"),
            ("<a></b>", "expected </a>"),
            ("<a x></a>", "expected ="),
            ("<a x=1></a>", "in quotes"),
            ("<a/><b/>", "expected the end"),
            ("<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>", "document types"),
            ("<a>&x;</a>", "an entity"),
            ("<a>&amp</a>", "expected ;"),
            (deep.as_str(), "64 levels"),
        ] {
            let said = parse(text).unwrap_err();
            assert!(said.contains(part), "{text}: {said}");
        }
    }
}
