//! One review from the API server's question to its answer.

use std::sync::Arc;

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use kube::core::DynamicObject;
use kube::core::admission::{AdmissionRequest, AdmissionResponse, AdmissionReview, Operation};
use serde_json::Value;
use tidegate_crds::admission::{self, Facts, Verdict, reason};
use tidegate_crds::{
    CloudEventSource, ClusterCloudEventSource, ClusterTriggerAuthentication, Manifest, Problem, ScaledJob,
    ScaledObject, ScalingPolicy, TriggerAuthentication, Understood, from_json,
};

use super::bodies::Bodies;
use super::containers::{self, Found, Together};
use super::counters::Counters;
use super::triggers::{self, Owner};
use crate::serve::Series;
use crate::serve::tls::{Chain, Handler};

/// Answers reviews.
pub(super) struct Webhook {
    client: kube::Client,
    facts: Arc<dyn Facts + Send + Sync>,
    bodies: Bodies,
    counters: Counters,
}

/// One of the kinds that are reviewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    ScaledObject,
    ScaledJob,
    TriggerAuthentication,
    ClusterTriggerAuthentication,
    CloudEventSource,
    ClusterCloudEventSource,
    ScalingPolicy,
}

/// In the order of [`super::PATHS`].
const KINDS: [Kind; super::PATHS.len()] = [
    Kind::ScaledObject,
    Kind::ScaledJob,
    Kind::TriggerAuthentication,
    Kind::ClusterTriggerAuthentication,
    Kind::CloudEventSource,
    Kind::ClusterCloudEventSource,
    Kind::ScalingPolicy,
];

fn kind_of(path: &str) -> Option<Kind> {
    let known = super::PATHS.iter().zip(KINDS);
    known.into_iter().find_map(|(known, kind)| (*known == path).then_some(kind))
}

impl Webhook {
    pub(super) fn new(client: kube::Client, facts: Arc<dyn Facts + Send + Sync>) -> Self {
        Webhook { client, facts, bodies: Bodies::default(), counters: Counters::default() }
    }

    async fn respond(&self, request: Request<Incoming>) -> Result<Value, (StatusCode, String)> {
        let path = request.uri().path().to_owned();
        let kind = kind_of(&path).ok_or_else(|| {
            let message = format!("nothing is reviewed at {path:?}; the paths are {}", super::PATHS.join(", "));
            (StatusCode::NOT_FOUND, message)
        })?;
        if request.method() != Method::POST {
            return Err((StatusCode::METHOD_NOT_ALLOWED, "a review is sent by POST".to_owned()));
        }
        let body = self.bodies.read(Body::new(request.into_body())).await?;
        let bad = |error: String| (StatusCode::BAD_REQUEST, format!("the review cannot be understood: {error}"));
        let review: AdmissionReview<DynamicObject> =
            serde_json::from_slice(&body.bytes).map_err(|error| bad(error.to_string()))?;
        let request: AdmissionRequest<DynamicObject> =
            review.try_into().map_err(|_| bad("it holds no request".to_owned()))?;
        let response = self.review(kind, &request).await;
        serde_json::to_value(response.into_review()).map_err(|error| bad(error.to_string()))
    }

    async fn review(&self, kind: Kind, request: &AdmissionRequest<DynamicObject>) -> AdmissionResponse {
        let response = AdmissionResponse::from(request);
        let action = match request.operation {
            Operation::Create => "create",
            Operation::Update => "update",
            Operation::Delete | Operation::Connect => return response,
        };
        let Some(object) = request.object.as_ref().and_then(json) else { return response };
        // What is on its way out is not held up by what is wrong with it.
        if object.pointer("/metadata/deletionTimestamp").is_some_and(|time| !time.is_null()) {
            return response;
        }
        let old = request.old_object.as_ref().and_then(json);
        let verdict = match kind {
            Kind::ScaledObject => self.scaled_object(request, &object, old.as_ref()).await,
            _ => other(kind, &object),
        };
        if matches!(kind, Kind::ScaledObject | Kind::ScaledJob) {
            let namespace = request.namespace.as_deref().unwrap_or_default();
            self.counters.add(namespace, action, verdict.errors.iter().map(|refusal| refusal.reason));
        }
        answer(response, &verdict)
    }

    async fn scaled_object(
        &self,
        request: &AdmissionRequest<DynamicObject>,
        object: &Value,
        old: Option<&Value>,
    ) -> Verdict {
        let understood = from_json::<ScaledObject>(object).object;
        let namespace = request.namespace.as_deref().unwrap_or_default();
        let found = match &understood {
            // As in KEDA, a dry run does not ask for a target that may not be there yet.
            Some(object) if !request.dry_run && admission::needs_containers(&object.value) => {
                containers::look(&self.client, namespace, &object.value).await
            }
            _ => Found::default(),
        };
        let mut verdict = admission::review(object, old, &Together { memory: &self.facts, found });
        let Some(object) = understood else { return verdict };
        let before = old.and_then(|old| from_json::<ScaledObject>(old).object);
        // Triggers that were taken before are not refused for another change, as of a finalizer or a replica count.
        let as_before = before.is_some_and(|before| before.value.spec.triggers == object.value.spec.triggers);
        if !as_before {
            let spec = &object.value.spec;
            let modifiers = spec.advanced.as_ref().and_then(|advanced| advanced.scaling_modifiers.as_ref());
            let owner = Owner {
                namespace,
                name: object.value.metadata.name.as_deref().unwrap_or_default(),
                formula_in_use: modifiers.is_some_and(|modifiers| !modifiers.formula.is_empty()),
            };
            extend(&mut verdict, triggers::check(&spec.triggers, &owner));
        }
        verdict
    }
}

/// Adds what is wrong with triggers, unless the same field was found wrong already.
fn extend(verdict: &mut Verdict, problems: Vec<Problem>) {
    let fields: Vec<String> = verdict.errors.iter().map(|refusal| refusal.problem.field.clone()).collect();
    let new = problems.into_iter().filter(|problem| !fields.contains(&problem.field));
    verdict.extend(reason::TRIGGERS, new);
}

/// The rules of the other kinds, which need nothing but the object.
fn other(kind: Kind, object: &Value) -> Verdict {
    match kind {
        Kind::ScaledObject | Kind::ScalingPolicy => understood::<ScalingPolicy>(object, |_| Verdict::default()),
        Kind::ScaledJob => understood::<ScaledJob>(object, |found| {
            let located = found.object.as_ref();
            located.map(|object| admission::check_scaled_job(&object.map(|object| object))).unwrap_or_default()
        }),
        Kind::TriggerAuthentication => understood::<TriggerAuthentication>(object, |found| {
            let located = found.object.as_ref();
            located
                .map(|object| {
                    admission::check_authentication(&object.value.metadata, &object.value.spec, false, &object.source)
                })
                .unwrap_or_default()
        }),
        Kind::ClusterTriggerAuthentication => understood::<ClusterTriggerAuthentication>(object, |found| {
            let located = found.object.as_ref();
            located
                .map(|object| {
                    admission::check_authentication(&object.value.metadata, &object.value.spec, true, &object.source)
                })
                .unwrap_or_default()
        }),
        Kind::CloudEventSource => understood::<CloudEventSource>(object, |found| {
            let located = found.object.as_ref();
            located.map(|object| admission::check_cloud_events(&object.value.spec, &object.source)).unwrap_or_default()
        }),
        Kind::ClusterCloudEventSource => understood::<ClusterCloudEventSource>(object, |found| {
            let located = found.object.as_ref();
            located.map(|object| admission::check_cloud_events(&object.value.spec, &object.source)).unwrap_or_default()
        }),
    }
}

fn understood<T: Manifest>(object: &Value, rules: impl FnOnce(&Understood<T>) -> Verdict) -> Verdict {
    let found = from_json::<T>(object);
    let further = rules(&found);
    let mut verdict = Verdict::default();
    verdict.extend(reason::SCHEMA, found.problems);
    verdict.errors.extend(further.errors);
    verdict.warnings.extend(further.warnings);
    verdict
}

fn json(object: &DynamicObject) -> Option<Value> {
    serde_json::to_value(object).ok()
}

fn words(problem: &Problem) -> String {
    if problem.field.is_empty() { problem.text() } else { format!("{}: {}", problem.field, problem.text()) }
}

fn answer(mut response: AdmissionResponse, verdict: &Verdict) -> AdmissionResponse {
    if !verdict.warnings.is_empty() {
        response.warnings = Some(verdict.warnings.iter().map(words).collect());
    }
    if verdict.is_allowed() {
        return response;
    }
    let faults: Vec<String> = verdict.errors.iter().map(|refusal| words(&refusal.problem)).collect();
    response.deny(faults.join("\n"))
}

impl Handler for Webhook {
    type Connection = ();

    fn connected(&self, _chain: Chain) {}

    async fn answer(&self, (): &(), request: Request<Incoming>) -> Response<Body> {
        let (status, kind, body) = match self.respond(request).await {
            Ok(review) => (StatusCode::OK, "application/json", review.to_string()),
            Err((status, message)) => (status, "text/plain; charset=utf-8", message + "\n"),
        };
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        response
    }
}

impl Series for Webhook {
    fn write(&self, page: &mut String) {
        self.counters.write(page);
    }
}

#[cfg(test)]
mod tests;
