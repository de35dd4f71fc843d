//! Sources that accept and never answer: nobody but those who read them notices.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use serde_json::{Value, json};
use tidegate_engine::TargetId;
use tidegate_operator::Lookup;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::stage::{Stage, until};
use crate::whole::{Seat, ask};

/// An HTTP server that answers 7 until it stalls; then it takes requests and keeps them.
#[derive(Clone)]
struct Flow {
    address: String,
    stalled: Arc<AtomicBool>,
    kept: Arc<AtomicUsize>,
}

impl Flow {
    async fn start() -> Flow {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let flow = Flow { address, stalled: Arc::default(), kept: Arc::default() };
        let serving = flow.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serving.clone().answer(stream));
            }
        });
        flow
    }

    async fn answer(self, mut stream: TcpStream) {
        let mut request = [0; 4096];
        while stream.read(&mut request).await.is_ok_and(|read| read > 0) {
            if self.stalled.load(Ordering::SeqCst) {
                self.kept.fetch_add(1, Ordering::SeqCst);
                std::future::pending::<()>().await;
            }
            let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 11\r\n\r\n{\"value\":7}";
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    }

    fn trigger(&self, number: usize) -> Value {
        // Long enough that the reads still hang when everything was looked at.
        let metadata = json!({
            "url": format!("http://{}/{number}", self.address), "valueLocation": "value", "targetValue": "10",
            "timeout": "60000",
        });
        json!([{"type": "metrics-api", "metadata": metadata}])
    }
}

const STALLED: usize = 20;
const METRIC: &str = "s0-metric-api-value";

/// FT-01, PAIN-3, PAIN-34: while twenty reads hang, their metrics are answered with the last value and its age, and others
/// are read and scaled
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_never_answers_holds_up_nobody() {
    let stage = Stage::without_operator("stalled").await;
    let _turn = stage.cluster.alone().await;
    let seat = Seat::new(&stage);
    let at_work = seat.replica(&stage).await;
    seat.aggregate(&stage).await;
    let flow = Flow::start().await;
    stage.deployment("web", 0).await;
    stage.scaled_object("web", json!({})).await;
    let slow: Vec<String> = (0..STALLED).map(|number| format!("slow{number}")).collect();
    for (number, name) in slow.iter().enumerate() {
        stage.deployment(name, 0).await;
        stage.scaled_object(name, json!({"triggers": flow.trigger(number)})).await;
    }
    let board = at_work.operator().board();
    let known = |name: &str| match board.get(&TargetId::new(&stage.namespace, name), METRIC) {
        Lookup::Known(known) => known.value.ok().map(|value| (value, known.at)),
        _ => None,
    };
    until("all are known", async || slow.iter().all(|name| known(name).is_some())).await;
    for name in &slow {
        stage.until_replicas(name, 1).await;
    }
    flow.stalled.store(true, Ordering::SeqCst);
    until("all reads hang", async || flow.kept.load(Ordering::SeqCst) >= STALLED).await;

    let mut took = Vec::new();
    for name in slow.iter().cycle().take(10 * STALLED) {
        let asked = Instant::now();
        let (value, at) = ask(&stage.client, &stage.namespace, METRIC, name).await.unwrap();
        took.push(asked.elapsed());
        assert_eq!(value, "7");
        let (_, read) = known(name).unwrap();
        let told: jiff::Timestamp = at.parse().unwrap();
        assert_eq!(told.as_second(), read.as_millis() / 1000, "it says how old the value is");
    }
    took.sort();
    println!("{STALLED} sources stalled; asked through the API server: median {:?}, 99th {:?}", took[100], took[198]);
    stage.source.says(5);
    stage.until_replicas("web", 1).await;
    stage.polls(5).await;
    stage.source.says(0);
    stage.until_replicas("web", 0).await;
    // None of those whose source is silent was moved.
    for name in &slow {
        assert_eq!(stage.replicas(name).await, 1);
    }
    at_work.stop().await;
    stage.cluster.disaggregate_external_metrics().await;
}
