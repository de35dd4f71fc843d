//! Two Prometheus triggers and `idleReplicaCount`: a real Prometheus that scrapes what the test says.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;

use super::Ground;
use crate::prometheus::Prometheus;

#[derive(Default)]
struct Tasks {
    waiting: AtomicU32,
    running: AtomicU32,
}

/// A server of metrics; gives where it listens.
async fn serve(tasks: Arc<Tasks>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let page = move || async move {
        let line = |state: &str, tasks: &AtomicU32| {
            format!("executor_tasks{{state=\"{state}\"}} {}\n", tasks.load(Ordering::SeqCst))
        };
        line("waiting", &tasks.waiting) + &line("running", &tasks.running)
    };
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/metrics", get(page))).await });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn executors_come_for_waiting_tasks_stay_for_running_ones_and_go_when_idle() {
    let tasks = Arc::new(Tasks::default());
    let address = serve(Arc::clone(&tasks)).await;
    let config = format!(
        "global: {{scrape_interval: 1s}}\nscrape_configs:\n  - job_name: engine\n    static_configs: [{{targets: ['{address}']}}]\n"
    );
    let prometheus = Prometheus::start("", &[("prometheus.yml", &config)]).await;
    let ground = Ground::prepare("idle-executors").await;
    let server = format!("http://127.0.0.1:{}", prometheus.port);
    ground.apply("idle-executors", &[("http://prometheus.monitoring.svc:9090", &server)]);
    assert_eq!(ground.replicas("executors").await, 0);
    tasks.waiting.store(35, Ordering::SeqCst);
    ground.until("executors", "4 for 35 waiting tasks", |replicas| replicas == 4).await;
    tasks.running.store(3, Ordering::SeqCst);
    tasks.waiting.store(0, Ordering::SeqCst);
    ground.until("executors", "the least that is kept with running tasks, 2", |replicas| replicas == 2).await;
    tasks.running.store(0, Ordering::SeqCst);
    ground.until("executors", "none when idle", |replicas| replicas == 0).await;
}
