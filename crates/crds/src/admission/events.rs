//! Rules for CloudEventSources of both scopes.

use super::{Refusal, Verdict, reason};
use crate::cloud_event_source::CloudEventSourceSpec;
use crate::object::Source;

/// Whether the destination and the subscription make sense.
#[must_use]
pub fn check_cloud_events(spec: &CloudEventSourceSpec, source: &Source) -> Verdict {
    let mut found = Vec::new();
    let mut refuse = |problem| found.push(Refusal { reason: reason::EVENTS, problem });
    let destination = &spec.destination;
    match (&destination.http, &destination.azure_event_grid_topic) {
        (None, None) => refuse(source.mismatch("spec.destination", "nothing", "http or azureEventGridTopic")),
        (Some(_), Some(_)) => refuse(source.mismatch("spec.destination", "both", "http or azureEventGridTopic")),
        (Some(http), None) if !http.uri.starts_with("http://") && !http.uri.starts_with("https://") => {
            let expected = "a URL that starts with https:// or http://";
            refuse(source.mismatch("spec.destination.http.uri", format!("{:?}", http.uri), expected));
        }
        _ => {}
    }
    if let Some(subscription) = &spec.event_subscription {
        let is_given = |list: &Option<Vec<_>>| list.as_ref().is_some_and(|list| !list.is_empty());
        if is_given(&subscription.included_event_types) && is_given(&subscription.excluded_event_types) {
            let message = "cannot be given together with includedEventTypes; give one of the two";
            refuse(source.error("spec.eventSubscription.excludedEventTypes", message));
        }
    }
    Verdict::from(found)
}
