//! The API's description in OpenAPI 2 and 3, so that `kubectl explain` and clients that check what they read work.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{GROUP, GROUP_VERSION, RESOURCE, VERSION};

const LIST: &str = "io.k8s.metrics.pkg.apis.external_metrics.v1beta1.ExternalMetricValueList";
const ITEM: &str = "io.k8s.metrics.pkg.apis.external_metrics.v1beta1.ExternalMetricValue";

/// The types. `place`: where references to them lead.
fn schemas(place: &str) -> Value {
    json!({
        LIST: {
            "description": "Values of an external metric, one for each ScaledObject that was asked about.",
            "type": "object",
            "required": ["items"],
            "properties": {
                "apiVersion": { "type": "string", "description": "The version of this form." },
                "kind": { "type": "string", "description": "ExternalMetricValueList." },
                "metadata": { "type": "object", "description": "Of a list; empty." },
                "items": {
                    "type": "array",
                    "description": "The values.",
                    "items": { "$ref": format!("{place}{ITEM}") },
                },
            },
            "x-kubernetes-group-version-kind": [
                { "group": GROUP, "kind": "ExternalMetricValueList", "version": VERSION },
            ],
        },
        ITEM: {
            "description": "One value of an external metric.",
            "type": "object",
            "required": ["metricName", "metricLabels", "timestamp", "value"],
            "properties": {
                "metricName": { "type": "string", "description": "The metric, as the HorizontalPodAutoscaler names it." },
                "metricLabels": {
                    "type": "object",
                    "description": "Whose value it is, where several were asked about.",
                    "additionalProperties": { "type": "string" },
                },
                "timestamp": {
                    "type": "string",
                    "format": "date-time",
                    "description": "When the source gave the value.",
                },
                "value": { "type": "string", "description": "The value, as a quantity." },
            },
            "x-kubernetes-group-version-kind": [{ "group": GROUP, "kind": "ExternalMetricValue", "version": VERSION }],
        },
    })
}

fn path() -> String {
    format!("/apis/{GROUP_VERSION}/namespaces/{{namespace}}/{RESOURCE}")
}

fn operation(parameters: Value, response: Value) -> Value {
    json!({
        "description": "values of external metrics",
        "operationId": "listExternalMetricsV1beta1NamespacedExternalMetrics",
        "tags": ["externalMetrics_v1beta1"],
        "parameters": parameters,
        "responses": { "200": response },
        "x-kubernetes-action": "list",
        "x-kubernetes-group-version-kind": { "group": GROUP, "kind": "ExternalMetricValueList", "version": VERSION },
    })
}

/// OpenAPI 2.
pub(super) fn v2() -> Value {
    let parameters = json!([
        { "name": "namespace", "in": "path", "required": true, "type": "string", "uniqueItems": true },
        { "name": "labelSelector", "in": "query", "type": "string", "uniqueItems": true },
    ]);
    let mut get =
        operation(parameters, json!({ "description": "OK", "schema": { "$ref": format!("#/definitions/{LIST}") } }));
    get["produces"] = json!(["application/json"]);
    json!({
        "swagger": "2.0",
        "info": { "title": "Tidegate", "version": env!("CARGO_PKG_VERSION") },
        "paths": { path(): { "get": get } },
        "definitions": schemas("#/definitions/"),
    })
}

/// OpenAPI 3.
pub(super) fn v3() -> Value {
    let text = json!({ "type": "string", "uniqueItems": true });
    let parameters = json!([
        { "name": "namespace", "in": "path", "required": true, "schema": text },
        { "name": "labelSelector", "in": "query", "schema": text },
    ]);
    let schema = json!({ "$ref": format!("#/components/schemas/{LIST}") });
    let response = json!({ "description": "OK", "content": { "application/json": { "schema": schema } } });
    json!({
        "openapi": "3.0.0",
        "info": { "title": "Tidegate", "version": env!("CARGO_PKG_VERSION") },
        "paths": { path(): { "get": operation(parameters, response) } },
        "components": { "schemas": schemas("#/components/schemas/") },
    })
}

/// Where the descriptions of OpenAPI 3 are.
pub(super) fn v3_index() -> Value {
    let place = format!("apis/{GROUP_VERSION}");
    let url = format!("/openapi/v3/{place}?hash={}", hash(&v3().to_string()));
    json!({ "paths": { place: { "serverRelativeURL": url } } })
}

/// A mark that changes with the text.
pub(super) fn hash(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02X}")).collect()
}
