//! From the status that there is to the one that there should be, as a JSON merge patch of what differs.

use serde_json::{Map, Value};

use super::Status;

/// What has to be sent. `None`: nothing.
pub(super) fn between(now: &Status, then: &Status) -> Option<Value> {
    if now == then {
        return None;
    }
    let as_value = |status: &Status| serde_json::to_value(status).unwrap_or_default();
    difference(&as_value(now), &as_value(then)).map(|status| serde_json::json!({ "status": status }))
}

/// RFC 7386: maps are merged, null removes, everything else is replaced as a whole.
fn difference(now: &Value, then: &Value) -> Option<Value> {
    let (Value::Object(now), Value::Object(then)) = (now, then) else {
        return (now != then).then(|| then.clone());
    };
    let mut patch = Map::new();
    for (key, value) in then {
        match now.get(key) {
            Some(before) => {
                if let Some(changed) = difference(before, value) {
                    patch.insert(key.clone(), changed);
                }
            }
            None => {
                patch.insert(key.clone(), value.clone());
            }
        }
    }
    for key in now.keys().filter(|key| !then.contains_key(*key)) {
        patch.insert(key.clone(), Value::Null);
    }
    (!patch.is_empty()).then_some(Value::Object(patch))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_differs_is_sent_and_what_is_gone_is_removed() {
        let then = json!({"a": 1, "b": {"x": 1, "y": 2}, "c": [1]});
        assert_eq!(difference(&then, &then), None);
        let now = json!({"a": 1, "b": {"x": 1, "y": 3, "z": 4}, "c": [1, 2], "d": 5});
        assert_eq!(difference(&now, &then), Some(json!({"b": {"y": 2, "z": null}, "c": [1], "d": null})));
    }
}
