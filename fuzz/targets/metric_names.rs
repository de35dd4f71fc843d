//! Whatever a trigger calls its metric, its name is one that the metrics API finds again, under the address that an HPA
//! asks; whatever else is asked is refused, never answered with a number that nobody knows.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tidegate_engine::{TargetId, Timestamp};
use tidegate_operator::{Board, BoardValue, fuzzed_answer};
use tidegate_scalers::{TriggerInput, catalog};

const VALUE: f64 = 7.0;

fuzz_target!(|text: &str| {
    let names = [named_by_topic(text), named_by_location(text)];
    for metric in names.into_iter().flatten() {
        finds(&metric);
    }
    // Any address, over a board that knows one metric.
    let (board, _) = board("s0-kafka-orders");
    if let Some(Ok(answer)) = fuzzed_answer(&board, text) {
        let items = answer["items"].as_array().expect("a list");
        assert!(items.iter().all(|item| item["value"] == "7"), "an answer that nobody knows: {answer}");
    }
});

fn metric(kind: &str, metadata: &[(&str, &str)]) -> Option<String> {
    let metadata = metadata.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let input = TriggerInput { kind: kind.to_owned(), index: 3, metadata, ..TriggerInput::default() };
    catalog::check(&input).ok().map(|checked| checked.spec.metric)
}

fn named_by_topic(text: &str) -> Option<String> {
    metric("kafka", &[("bootstrapServers", "a:1"), ("consumerGroup", "g"), ("topic", text), ("lagThreshold", "5")])
}

fn named_by_location(text: &str) -> Option<String> {
    metric("metrics-api", &[("url", "http://a"), ("targetValue", "5"), ("valueLocation", text)])
}

fn board(metric: &str) -> (Board, TargetId) {
    let (board, target) = (Board::new(), TargetId::new("shop", "orders"));
    let value = BoardValue { metric: metric.into(), value: Ok(VALUE), at: Timestamp::EPOCH, fallback: false };
    board.set(&target, vec![value]);
    (board, target)
}

fn finds(metric: &str) {
    assert!(metric.starts_with("s3-") && !metric.contains(['/', '%', ':', '.', '(', ')']), "{metric:?}");
    let (board, target) = board(metric);
    let escaped: String = metric.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let address = format!(
        "/apis/external.metrics.k8s.io/v1beta1/namespaces/{}/{escaped}?labelSelector=scaledobject.keda.sh%2Fname%3D{}",
        target.namespace(),
        target.name()
    );
    let answer = fuzzed_answer(&board, &address);
    if metric.contains('\0') {
        // No path of Kubernetes has one, and no topic.
        return assert!(answer.is_none(), "{metric:?}");
    }
    let answer = answer.expect("a question").expect("an answer");
    assert_eq!(answer["items"][0]["value"], "7", "{metric:?}: {answer}");
}
