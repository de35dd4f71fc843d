//! The number at a place in an answer, whatever its format.

use serde_json::Value;

use super::Format;
use super::exposition::Series;
use super::path::Path;
use super::xml;
use crate::quantity;

/// A place that is understood.
pub(super) enum Location {
    /// In JSON, YAML or XML.
    Path(Format, Path),
    /// In Prometheus's text format.
    Series(Series),
}

impl Location {
    /// Understands `valueLocation`.
    ///
    /// # Errors
    /// What was expected instead.
    pub(super) fn parse(format: Format, text: &str) -> Result<Self, String> {
        Ok(match format {
            Format::Prometheus => Location::Series(Series::parse(text)?),
            Format::Xml => Location::Path(format, Path::parse(text)?.with_lists_of_one()),
            Format::Json | Format::Yaml => Location::Path(format, Path::parse(text)?),
        })
    }

    /// The finite number that is there.
    ///
    /// # Errors
    /// What is wrong, without quoting the answer.
    pub(super) fn value(&self, body: &[u8]) -> Result<f64, String> {
        let text = std::str::from_utf8(body).map_err(|_| "the answer is no text in UTF-8".to_owned())?;
        let number = match self {
            Location::Series(series) => series.value(text)?,
            Location::Path(Format::Xml, path) => {
                let document = xml::parse(text).map_err(|error| format!("the answer is no XML ({error})"))?;
                let whole = path.find(&document);
                let inside = || document.as_object().and_then(|root| root.values().next()).and_then(|it| path.find(it));
                number(whole.or_else(inside).as_deref())?
            }
            Location::Path(format, path) => {
                let document = if *format == Format::Yaml { yaml(text)? } else { json(text)? };
                number(path.find(&document).as_deref())?
            }
        };
        if number.is_finite() { Ok(number) } else { Err(format!("the value is {number}, expected a finite number")) }
    }
}

fn json(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        format!("the answer is no JSON (line {line}, column {column}); check url and format")
    })
}

fn yaml(text: &str) -> Result<Value, String> {
    serde_saphyr::from_str(text).map_err(|_| "the answer is no YAML of one document; check url and format".to_owned())
}

fn number(found: Option<&Value>) -> Result<f64, String> {
    let what = match found {
        None => return Err("there is nothing at valueLocation in the answer".to_owned()),
        Some(Value::Number(number)) => {
            return number.as_f64().ok_or_else(|| "the number is too large".to_owned());
        }
        Some(Value::String(text)) => {
            let text = text.trim();
            let parsed = quantity::parse(text);
            return parsed
                .ok_or_else(|| "the text at valueLocation is no number or quantity, as 10 or 10Mi".to_owned());
        }
        // An element of XML with attributes.
        Some(Value::Object(object)) if object.contains_key(xml::TEXT) => return number(object.get(xml::TEXT)),
        Some(Value::Null) => "null",
        Some(Value::Bool(_)) => "true or false",
        Some(Value::Array(_)) => "a list",
        Some(Value::Object(_)) => "an object",
    };
    Err(format!("there is {what} at valueLocation, expected a number or a quantity"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value(format: Format, location: &str, body: &str) -> Result<f64, String> {
        Location::parse(format, location).unwrap().value(body.as_bytes())
    }

    #[test]
    fn numbers_and_quantities_count_in_every_format() {
        for (format, location, body, expected) in [
            (Format::Json, "a.b", r#"{"a":{"b":3.5}}"#, 3.5),
            (Format::Json, "a", r#"{"a":"10Mi"}"#, 10_485_760.0),
            (Format::Json, "a", r#"{"a":-2}"#, -2.0),
            (Format::Json, "0", "[7]", 7.0),
            (Format::Yaml, "a.b.1", "a:\n  b:\n    - 1\n    - 2.5\n", 2.5),
            (Format::Yaml, "a", "a: 1k", 1000.0),
            (Format::Yaml, "a", "a: \"7\"", 7.0),
            (Format::Xml, "queue.waiting", "<queue><waiting> 3 </waiting></queue>", 3.0),
            (Format::Xml, "waiting", "<?xml version=\"1.0\"?><queue><waiting>3</waiting></queue>", 3.0),
            (Format::Xml, "queue.-size", "<queue size=\"12\"/>", 12.0),
            (Format::Xml, "q.w", "<q><w unit=\"x\">4</w></q>", 4.0),
            (Format::Xml, "q.job.#", "<q><job/><job/></q>", 2.0),
            (Format::Xml, "q.job.#", "<q><job/></q>", 1.0),
            (Format::Xml, "q.job.0.size", "<q><job><size>5</size></job></q>", 5.0),
            (
                Format::Xml,
                "q.job.#(-state==new).size",
                "<q><job state='old'/><job state='new'><size>5</size></job></q>",
                5.0,
            ),
            (Format::Xml, "q.job.#(size>6).size", "<q><job><size>5</size></job><job><size>7</size></job></q>", 7.0),
            (Format::Prometheus, "waiting{queue=\"a\"}", "waiting{queue=\"b\"} 1\nwaiting{queue=\"a\"} 2\n", 2.0),
        ] {
            assert_eq!(value(format, location, body), Ok(expected), "{location} in {body}");
        }
    }

    #[test]
    fn everything_else_is_an_error() {
        for (format, location, body, part) in [
            (Format::Json, "a", "{}", "nothing at valueLocation"),
            (Format::Json, "a", r#"{"a":null}"#, "null"),
            (Format::Json, "a", r#"{"a":true}"#, "true or false"),
            (Format::Json, "a", r#"{"a":[1]}"#, "a list"),
            (Format::Json, "a", r#"{"a":{}}"#, "an object"),
            (Format::Json, "a", r#"{"a":"many"}"#, "no number or quantity"),
            (Format::Json, "a", r#"{"a":"NaN"}"#, "no number or quantity"),
            (Format::Json, "a", r#"{"a":1"#, "no JSON"),
            (Format::Json, "a", "", "no JSON"),
            (Format::Json, "a", r#"{"a":1e999}"#, "no JSON"),
            (Format::Yaml, "count.foo", "count: 5", "nothing at"),
            (Format::Yaml, "a", "a: .inf", "no YAML"),
            (Format::Yaml, "a", "a: [1", "no YAML"),
            (Format::Xml, "a", "<a>1</b>", "no XML"),
            (Format::Xml, "a.b", "<a/>", "nothing at"),
            (Format::Prometheus, "a", "a NaN\n", "finite"),
            (Format::Prometheus, "a", "a +Inf\n", "finite"),
        ] {
            let said = value(format, location, body).unwrap_err();
            assert!(said.contains(part), "{location} in {body}: {said}");
        }
        assert!(Location::parse(Format::Json, "a").unwrap().value(&[0xff]).unwrap_err().contains("UTF-8"));
    }

    proptest! {
        #[test]
        fn noise_is_an_error_or_a_finite_number(body in prop_oneof![".{0,60}", r#"[{}\[\]":,a0-9<>/&;= \n-]{0,60}"#]) {
            for format in [Format::Json, Format::Yaml, Format::Xml, Format::Prometheus] {
                if let Ok(number) = value(format, "a", &body) {
                    prop_assert!(number.is_finite());
                }
            }
        }
    }
}
