//! Whatever a server answers: a finite number that it said, nothing, or an error.

use bytes::Bytes;
use proptest::prelude::*;
use reqwest::{StatusCode, Url};
use serde_json::{Value, json};

use super::{Outcome, understand};
use crate::http::{Answer, Request};

fn answer(body: &[u8]) -> Result<Outcome, tidegate_engine::ReadError> {
    let request = Request::get("querying Prometheus", Url::parse("http://prometheus:9090/api/v1/query").unwrap());
    understand(&request, &Answer { status: StatusCode::OK, body: Bytes::copy_from_slice(body) })
}

fn vector(value: &Value) -> Value {
    json!({ "status": "success", "data": { "resultType": "vector", "result": [{ "metric": {}, "value": [1.5, value] }] } })
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[-+.eE0-9a-zN]{0,8}".prop_map(Value::from),
        prop_oneof![Just("success"), Just("vector"), Just("scalar"), Just("matrix")].prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let key = prop_oneof![
            Just("status"),
            Just("data"),
            Just("resultType"),
            Just("result"),
            Just("value"),
            Just("error"),
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::vec((key.prop_map(str::to_owned), inner), 0..4)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

proptest! {
    /// Any number that Prometheus can print comes through as it is.
    #[test]
    fn numbers_come_through(number in any::<f64>().prop_filter("finite", |number| number.is_finite())) {
        let reply = vector(&Value::from(number.to_string())).to_string();
        prop_assert_eq!(answer(reply.as_bytes()).unwrap().result, Ok(number));
    }

    /// No JSON at all, however near to a reply, makes a number that is not finite.
    #[test]
    fn no_reply_makes_a_number_of_nothing(reply in any_json()) {
        if let Ok(Outcome { result: Ok(number), .. }) = answer(reply.to_string().as_bytes()) {
            prop_assert!(number.is_finite());
        }
    }

    /// Nothing but a text that is a number counts as one.
    #[test]
    fn only_texts_are_numbers(value in any_json()) {
        let is_number = value.as_str().is_some_and(|text| text.parse::<f64>().is_ok_and(f64::is_finite));
        let outcome = answer(vector(&value).to_string().as_bytes());
        let number = outcome.ok().and_then(|outcome| outcome.result.ok());
        prop_assert_eq!(number.is_some(), is_number);
    }

    /// A reply that was cut off anywhere is an error.
    #[test]
    fn a_cut_reply_is_an_error(number in any::<i32>(), share in 0.0..1.0_f64) {
        let whole = vector(&Value::from(number.to_string())).to_string();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let end = (whole.len() as f64 * share) as usize;
        prop_assert!(answer(&whole.as_bytes()[..end]).is_err());
    }
}
