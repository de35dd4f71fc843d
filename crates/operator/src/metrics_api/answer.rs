//! What a question for a metric is answered with: a list of values, a table of them, or why there are none.

use std::collections::BTreeMap;

use jiff::Timestamp as Instant;
use serde::Serialize;
use serde_json::{Value, json};
use tidegate_engine::{TargetId, Timestamp};

use super::quantity::quantity;
use super::refusal::Refusal;
use super::route::Question;
use super::selector::{Wanted, wanted};
use super::{GROUP_VERSION, LABEL, RESOURCE};
use crate::board::{Board, BoardValue, Lookup};

/// One value that answers.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Item {
    pub(super) target: TargetId,
    pub(super) value: BoardValue,
    quantity: String,
    /// Whether its label says whose it is, which matters only where there may be several.
    labelled: bool,
}

/// Answers a question, or says why not.
///
/// # Errors
/// When the question cannot be understood, or nothing is known. Never a value in place of an error.
pub(super) fn items(board: &Board, question: &Question) -> Result<Vec<Item>, Refusal> {
    let wanted = wanted(&question.selector).map_err(|error| Refusal::bad_request(error.to_string()))?;
    if question.watch {
        return Err(Refusal::method_not_allowed("metrics cannot be watched; ask for them again instead"));
    }
    match (wanted, &question.namespace) {
        (wanted, namespace) if question.metric == RESOURCE => Ok(all(board, namespace.as_deref(), &wanted)),
        (_, None) => Err(Refusal::not_found(format!(
            "a metric is asked for in a namespace: /apis/{GROUP_VERSION}/namespaces/NAMESPACE/{}",
            question.metric
        ))),
        (Wanted::Everyone, Some(_)) => Err(Refusal::bad_request(format!(
            "the name of the ScaledObject is not given; add labelSelector={LABEL}=NAME"
        ))),
        (Wanted::Named(names), Some(namespace)) => {
            let labelled = names.len() > 1;
            let named = names.iter().map(|name| item(board, &TargetId::new(namespace, name), question, labelled));
            named.collect()
        }
    }
}

fn item(board: &Board, target: &TargetId, question: &Question, labelled: bool) -> Result<Item, Refusal> {
    let metric = &question.metric;
    match board.get(target, metric) {
        Lookup::UnknownTarget => Err(Refusal::not_found(format!(
            "ScaledObject {target} has no metrics: it does not exist, is paused or cannot be used; its conditions say why"
        ))),
        Lookup::UnknownMetric(known) => {
            let known = known.iter().map(|name| name.as_ref()).collect::<Vec<_>>().join(", ");
            let known = if known.is_empty() { "none".to_owned() } else { known };
            Err(Refusal::not_found(format!(
                "no matching metrics found for {metric}: ScaledObject {target} has {known}"
            )))
        }
        Lookup::Known(value) => match &value.value {
            Err(why) => Err(Refusal::internal(format!("metric {metric} of ScaledObject {target}: {why}"))),
            Ok(number) => match quantity(*number) {
                Some(quantity) => Ok(Item { target: target.clone(), value, quantity, labelled }),
                None => Err(Refusal::internal(format!(
                    "metric {metric} of ScaledObject {target}: its source gave {number}, which is no number"
                ))),
            },
        },
    }
}

/// Every metric that has a value, in a namespace or in all; for people.
fn all(board: &Board, namespace: Option<&str>, wanted: &Wanted) -> Vec<Item> {
    let mut items = Vec::new();
    for (target, values) in board.list(namespace) {
        if matches!(wanted, Wanted::Named(names) if !names.iter().any(|name| name == target.name())) {
            continue;
        }
        for value in values.iter() {
            let quantity = value.value.as_ref().ok().and_then(|number| quantity(*number));
            items.extend(quantity.map(|quantity| Item {
                target: target.clone(),
                value: value.clone(),
                quantity,
                labelled: true,
            }));
        }
    }
    items
}

/// A time as metav1.Time is written: whole seconds.
fn time(at: Timestamp) -> String {
    match Instant::from_second(at.as_millis().div_euclid(1000)) {
        Ok(at) => at.to_string(),
        Err(_) => Instant::UNIX_EPOCH.to_string(),
    }
}

/// The object of the same name of the API.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ExternalMetricValueList<'a> {
    kind: &'static str,
    api_version: &'static str,
    metadata: Metadata,
    items: Vec<ExternalMetricValue<'a>>,
}

/// What a list has to say about itself: nothing.
#[derive(Debug, Serialize)]
struct Metadata {}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ExternalMetricValue<'a> {
    metric_name: &'a str,
    metric_labels: Option<BTreeMap<&'static str, &'a str>>,
    timestamp: String,
    value: &'a str,
}

/// As an `ExternalMetricValueList`.
pub(super) fn list(items: &[Item]) -> ExternalMetricValueList<'_> {
    let items = items.iter().map(|item| ExternalMetricValue {
        metric_name: &item.value.metric,
        metric_labels: item.labelled.then(|| BTreeMap::from([(LABEL, item.target.name())])),
        timestamp: time(item.value.at),
        value: &item.quantity,
    });
    ExternalMetricValueList {
        kind: "ExternalMetricValueList",
        api_version: GROUP_VERSION,
        metadata: Metadata {},
        items: items.collect(),
    }
}

/// As a `Table`, for `kubectl get`.
pub(super) fn table(items: &[Item], now: Timestamp) -> Value {
    let column = |name: &str, kind: &str, description: &str| json!({ "name": name, "type": kind, "format": "", "description": description, "priority": 0 });
    let rows: Vec<Value> = items
        .iter()
        .map(|item| {
            let standing = if item.value.fallback { "fallback" } else { "" };
            json!({
                "cells": [item.value.metric, item.target.name(), item.quantity, age(now, item.value.at), standing],
                "object": {
                    "kind": "PartialObjectMetadata",
                    "apiVersion": "meta.k8s.io/v1",
                    "metadata": { "name": item.value.metric, "namespace": item.target.namespace() },
                },
            })
        })
        .collect();
    json!({
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {},
        "columnDefinitions": [
            column("Metric", "string", "name of the metric in the HorizontalPodAutoscaler"),
            column("ScaledObject", "string", "whose metric it is"),
            column("Value", "string", "the last value"),
            column("Age", "string", "how old the value is"),
            column("Origin", "string", "fallback where the value stands in for a failing source"),
        ],
        "rows": rows,
    })
}

/// `850ms`, `12s`, `5m3s`, `7h2m`.
fn age(now: Timestamp, at: Timestamp) -> String {
    let age = now.since(at);
    let seconds = age.as_secs();
    match seconds {
        0 => format!("{}ms", age.as_millis()),
        1..120 => format!("{seconds}s"),
        120..7200 => format!("{}m{}s", seconds / 60, seconds % 60),
        _ => format!("{}h{}m", seconds / 3600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::StatusCode;

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn board() -> Board {
        let value = |metric: &str, value: Result<f64, &str>| BoardValue {
            metric: metric.into(),
            value: value.map_err(Into::into),
            at: Timestamp::from_millis(1_799_999_997_600),
            fallback: false,
        };
        let board = Board::new();
        let orders = vec![
            value("s0-kafka-orders", Ok(7.5)),
            value("s1-kafka-mail", Err("the broker does not answer")),
            value("s2-odd", Ok(f64::NAN)),
        ];
        board.set(&TargetId::new("shop", "orders"), orders);
        board.set(&TargetId::new("shop", "mail"), vec![value("s0-kafka-orders", Ok(2.0))]);
        board.set(&TargetId::new("bank", "orders"), vec![value("s0-kafka-orders", Ok(1.0))]);
        board
    }

    fn ask(namespace: &str, metric: &str, selector: &str) -> Result<Value, Refusal> {
        let namespace = Some(namespace).filter(|namespace| !namespace.is_empty()).map(str::to_owned);
        let question = Question { namespace, metric: metric.to_owned(), selector: selector.to_owned(), watch: false };
        items(&board(), &question).map(|items| serde_json::to_value(list(&items)).unwrap())
    }

    /// API-01, API-07
    #[test]
    fn a_metric_is_answered_with_its_value_and_its_time() {
        for metric in ["s0-kafka-orders", "S0-Kafka-Orders"] {
            let expected = json!({
                "kind": "ExternalMetricValueList",
                "apiVersion": "external.metrics.k8s.io/v1beta1",
                "metadata": {},
                "items": [{
                    "metricName": "s0-kafka-orders",
                    "metricLabels": null,
                    "timestamp": "2027-01-15T07:59:57Z",
                    "value": "7500m",
                }],
            });
            assert_eq!(ask("shop", metric, "scaledobject.keda.sh/name=orders"), Ok(expected));
        }
    }

    /// API-02, API-03, API-04, API-05, API-06, API-08
    #[test]
    fn what_cannot_be_answered_says_why() {
        let orders = "scaledobject.keda.sh/name=orders";
        for (namespace, metric, selector, status, words) in [
            ("shop", "s0-kafka-orders", "", 400, "the name of the ScaledObject is not given"),
            (
                "shop",
                "s0-kafka-orders",
                "scaledobject.keda.sh/name!=orders",
                400,
                "expected scaledobject.keda.sh/name=NAME",
            ),
            (
                "shop",
                "s9",
                orders,
                404,
                "no matching metrics found for s9: ScaledObject shop/orders has s0-kafka-orders, s1-kafka-mail",
            ),
            ("shop", "cpu", orders, 404, "no matching metrics found for cpu"),
            ("shop", "s0", "scaledobject.keda.sh/name=other", 404, "ScaledObject shop/other has no metrics"),
            ("bank", "s0", "scaledobject.keda.sh/name=mail", 404, "ScaledObject bank/mail has no metrics"),
            (
                "shop",
                "s1-kafka-mail",
                orders,
                500,
                "s1-kafka-mail of ScaledObject shop/orders: the broker does not answer",
            ),
            ("shop", "s2-odd", orders, 500, "NaN"),
            ("", "s0-kafka-orders", orders, 404, "in a namespace"),
        ] {
            let refusal = ask(namespace, metric, selector).unwrap_err();
            assert_eq!(refusal.status, StatusCode::from_u16(status).unwrap(), "{metric} {selector}");
            assert!(format!("{refusal:?}").contains(words), "{refusal:?} does not say {words}");
        }
    }

    #[test]
    fn several_are_told_apart_by_their_label() {
        let list = ask("shop", "s0-kafka-orders", "scaledobject.keda.sh/name in (orders,mail)").unwrap();
        let labels: Vec<_> =
            list["items"].as_array().unwrap().iter().map(|item| &item["metricLabels"][LABEL]).collect();
        assert_eq!(labels, ["orders", "mail"]);
    }

    #[test]
    fn asked_for_by_the_resource_s_name_all_are_listed_for_people() {
        let count = |namespace: &str, selector: &str| {
            ask(namespace, RESOURCE, selector).unwrap()["items"].as_array().unwrap().len()
        };
        assert_eq!((count("shop", ""), count("", ""), count("other", "")), (2, 3, 0));
        assert_eq!(count("", "scaledobject.keda.sh/name=orders"), 2);
        let question =
            Question { namespace: Some("shop".into()), metric: RESOURCE.into(), selector: String::new(), watch: false };
        let table = table(&items(&board(), &question).unwrap(), NOW);
        assert_eq!(table["rows"][1]["cells"], json!(["s0-kafka-orders", "orders", "7500m", "2s", ""]));
    }

    #[test]
    fn ages_are_short() {
        for (millis, expected) in [(5, "5ms"), (12_400, "12s"), (303_000, "5m3s"), (25_320_000, "7h2m")] {
            assert_eq!(age(NOW, Timestamp::from_millis(NOW.as_millis() - millis)), expected);
        }
    }
}
