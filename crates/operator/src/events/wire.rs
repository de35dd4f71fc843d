//! An event in the form of the API, within its limits.

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use serde_json::{Value, json};

use super::queue::Told;

/// The API's limit for a note, in bytes.
const NOTE_LIMIT: usize = 1024;

/// The API's limit for reason, action and the reporting controller and instance, in characters.
const FIELD_LIMIT: usize = 128;

/// Where events about objects of the whole cluster are kept.
const CLUSTER_EVENTS: &str = "default";

/// Who says it.
#[derive(Clone, Debug)]
pub(super) struct Reporter {
    controller: String,
    instance: String,
}

impl Reporter {
    pub(super) fn new(controller: &str, identity: &str) -> Self {
        let instance = if identity.is_empty() { controller } else { identity };
        Reporter { controller: cut(controller, FIELD_LIMIT), instance: cut(instance, FIELD_LIMIT) }
    }
}

/// The namespace that an event about this object lives in.
pub(super) fn namespace(about: &ObjectReference) -> &str {
    about.namespace.as_deref().filter(|namespace| !namespace.is_empty()).unwrap_or(CLUSTER_EVENTS)
}

/// A new event.
pub(super) fn event(told: &Told, name: &str, reporter: &Reporter) -> Event {
    Event {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some(namespace(&told.about).to_owned()),
            ..ObjectMeta::default()
        },
        event_time: Some(MicroTime(told.at)),
        type_: Some(told.kind.as_str().to_owned()),
        reason: Some(cut(told.reason, FIELD_LIMIT)),
        action: Some(cut(if told.action.is_empty() { told.reason } else { told.action }, FIELD_LIMIT)),
        note: Some(cut(&told.note, NOTE_LIMIT)),
        regarding: Some(told.about.clone()),
        reporting_controller: Some(reporter.controller.clone()),
        reporting_instance: Some(reporter.instance.clone()),
        ..Event::default()
    }
}

/// The change that makes an event stand for `count` of them, the last at this time.
pub(super) fn counted(count: i32, last: jiff::Timestamp) -> Value {
    json!({ "series": { "count": count, "lastObservedTime": MicroTime(last) } })
}

/// A name that no other event has: the object's name, cut to what a name may be, and the time.
pub(super) fn name(about: &ObjectReference, now: jiff::Timestamp, serial: u64) -> String {
    let object = about.name.as_deref().unwrap_or("unknown");
    let object = object.get(..object.len().min(200)).unwrap_or("unknown").trim_end_matches(['.', '-']);
    format!("{object}.{:x}{serial:04x}", now.as_microsecond())
}

/// The text, cut to `limit` bytes at the end of a character.
fn cut(text: &str, limit: usize) -> String {
    const ELLIPSIS: &str = "…";
    if text.len() <= limit {
        return text.to_owned();
    }
    let mut end = limit.saturating_sub(ELLIPSIS.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{ELLIPSIS}", text.get(..end).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_notes_are_cut_at_a_character_and_stay_within_the_limit() {
        let note = "ü".repeat(600);
        let cut = cut(&note, NOTE_LIMIT);
        assert!(cut.len() <= NOTE_LIMIT && cut.ends_with("ü…"), "{} bytes", cut.len());
        assert_eq!(super::cut("short", NOTE_LIMIT), "short");
    }

    #[test]
    fn an_event_has_the_time_at_which_it_was_told_of() {
        let at = jiff::Timestamp::UNIX_EPOCH;
        let (kind, note) = (crate::events::Kind::Normal, String::new());
        let told = Told { about: ObjectReference::default(), kind, reason: "R", action: "", note, at };
        assert_eq!(event(&told, "name", &Reporter::new("controller", "")).event_time, Some(MicroTime(at)));
    }

    #[test]
    fn names_are_valid_and_differ() {
        let about = ObjectReference { name: Some("a".repeat(253)), ..ObjectReference::default() };
        let now = jiff::Timestamp::UNIX_EPOCH;
        assert!(name(&about, now, 1).len() <= 253);
        assert_ne!(name(&about, now, 1), name(&about, now, 2));
    }
}
