//! What Prometheus answered: one number, nothing, or an error.

use serde::Deserialize;
use serde_json::Value;
use tidegate_engine::{ReadError, ReadErrorKind};

use crate::http::{Answer, Request};

/// An answer that is understood.
#[derive(Debug, PartialEq)]
pub(super) struct Outcome {
    /// The number, finite; or what is there instead that `ignoreNullValues` judges.
    pub(super) result: Result<f64, String>,
    /// Warnings of the server.
    pub(super) notes: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reply {
    status: String,
    data: Option<Data>,
    error_type: Option<String>,
    error: Option<String>,
    #[serde(default)]
    warnings: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    result_type: String,
    result: Value,
}

/// Understands an answer to an instant query.
///
/// # Errors
/// Everything that is neither a number nor nothing.
pub(super) fn understand(request: &Request, answer: &Answer) -> Result<Outcome, ReadError> {
    let reply: Option<Reply> = serde_json::from_slice(&answer.body).ok();
    let said = reply.as_ref().and_then(|reply| {
        let (kind, error) = (reply.error_type.as_deref().unwrap_or("error"), reply.error.as_deref()?);
        Some(format!("{kind}: {error}"))
    });
    if !answer.status.is_success() {
        return Err(request.refused(answer, said.as_deref()));
    }
    let invalid = |message: &str| request.error(ReadErrorKind::Invalid, message);
    let Some(reply) = reply else {
        let quote = request.quote(&answer.body);
        let found = if quote.is_empty() { "an empty answer".to_owned() } else { format!("\"{quote}\"") };
        return Err(invalid(&format!("found {found}, expected JSON of Prometheus's query API; check serverAddress")));
    };
    if reply.status != "success" {
        let said = request.quote(said.as_deref().unwrap_or("it does not say what").as_bytes());
        return Err(request.error(ReadErrorKind::Refused, &format!("the server reports an error: {said}")));
    }
    let data = reply.data.ok_or_else(|| invalid("the answer has no \"data\""))?;
    let result = number(&data).map_err(|message| invalid(&message))?;
    let notes = reply.warnings.iter().map(|warning| format!("Prometheus warns: {}", request.quote(warning.as_bytes())));
    Ok(Outcome { result, notes: notes.collect() })
}

/// The outer error is one always; the inner one only if `ignoreNullValues` is false.
fn number(data: &Data) -> Result<Result<f64, String>, String> {
    let empty = data.result.as_array().is_some_and(Vec::is_empty);
    let sample = match data.result_type.as_str() {
        "vector" | "matrix" if empty => return Ok(Err("the query has an empty result".to_owned())),
        "vector" => {
            let elements = data.result.as_array().ok_or("the result is no list")?;
            let [element] = elements.as_slice() else {
                let count = elements.len();
                return Err(format!("the query has {count} elements, expected one; aggregate, as with sum()"));
            };
            let sample = element.get("value");
            sample.ok_or("the element of the result has no \"value\"; native histograms cannot be a metric")?
        }
        "scalar" => &data.result,
        "matrix" => {
            return Err("the query gives a range vector, expected one number; apply rate() or the like".to_owned());
        }
        "string" => return Err("the query gives a string, expected a vector of one element or a scalar".to_owned()),
        _ => return Err("the result is of a type that Prometheus's query API does not have".to_owned()),
    };
    let Some([_, value]) = sample.as_array().map(Vec::as_slice) else {
        return Err("the sample is no pair of time and value".to_owned());
    };
    match value {
        Value::Null => Ok(Err("the query gave null".to_owned())),
        Value::String(text) => parse(text),
        _ => Err("the sample's value is no text".to_owned()),
    }
}

fn parse(text: &str) -> Result<Result<f64, String>, String> {
    let number: f64 = text.parse().map_err(|_| "the sample's value is no number".to_owned())?;
    // Adding zero makes 0 of -0, which would be shown as such.
    Ok(if number.is_finite() { Ok(number + 0.0) } else { Err(format!("the query gave {text}")) })
}

#[cfg(test)]
mod tests;
