//! Health, metrics and profiles as they are asked for over HTTP.

use std::net::SocketAddr;
use std::sync::Arc;

use tidegate_console::{Store, StoreOptions};
use tidegate_operator::{MetricsPage, Readiness, Series, serve_health, serve_metrics, serve_profiling};
use tokio_util::sync::CancellationToken;

use crate::stage::until;

fn anywhere() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

async fn get(address: SocketAddr, path: &str) -> (u16, Vec<u8>) {
    // A test that runs alone finds none installed by another.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let answer = reqwest::get(format!("http://{address}{path}")).await.unwrap();
    (answer.status().as_u16(), answer.bytes().await.unwrap().to_vec())
}

async fn text(address: SocketAddr, path: &str) -> (u16, String) {
    let (status, body) = get(address, path).await;
    (status, String::from_utf8(body).unwrap())
}

/// LE-05
#[tokio::test]
async fn readyz_follows_the_conditions_and_healthz_does_not() {
    let (readiness, stop) = (Readiness::new(), CancellationToken::new());
    let watches = readiness.condition("watches");
    let served = serve_health(anywhere(), readiness, &stop).await.unwrap();
    let at = served.address;
    assert_eq!(text(at, "/healthz").await, (200, "ok\n".to_owned()));
    assert_eq!(text(at, "/readyz").await, (503, "[-]watches failed: not yet\nnot ready\n".to_owned()));
    watches.met();
    assert_eq!(text(at, "/readyz").await, (200, "[+]watches ok\nok\n".to_owned()));
    stop.cancel();
    served.task.await.unwrap();
    assert!(reqwest::get(format!("http://{at}/healthz")).await.is_err(), "it is gone");
}

struct Own;

impl Series for Own {
    fn write(&self, page: &mut String) {
        page.push_str("# HELP own_total Own.\n# TYPE own_total counter\nown_total 1\n");
    }
}

/// TEL-11
#[tokio::test]
async fn metrics_are_those_of_the_store_of_other_parts_and_of_the_process() {
    let stop = CancellationToken::new();
    let store = Store::new(StoreOptions { version: "1.2.3".to_owned(), ..StoreOptions::default() });
    let page = MetricsPage::new(store).with(Arc::new(Own));
    let served = serve_metrics(anywhere(), page, &stop).await.unwrap();
    let (status, page) = text(served.address, "/metrics").await;
    assert_eq!(status, 200);
    for start in ["keda_build_info{version=\"1.2.3\",", "own_total 1", "process_resident_memory_bytes "] {
        assert!(page.lines().any(|line| line.starts_with(start)), "no {start} in\n{page}");
    }
    stop.cancel();
    served.task.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cpu_profile_names_what_was_busy() {
    let stop = CancellationToken::new();
    let served = serve_profiling(anywhere(), &stop).await.unwrap();
    let (status, refused) = text(served.address, "/debug/pprof/profile?seconds=0").await;
    assert_eq!((status, refused.as_str()), (400, "seconds: found \"0\", expected a whole number from 1 to 300\n"));
    let ending = stop.clone();
    let busy = std::thread::spawn(move || {
        let mut sum = 0_u64;
        while !ending.is_cancelled() {
            sum = std::hint::black_box(sum.wrapping_mul(31).wrapping_add(7));
        }
        sum
    });
    // On a machine that is busy with other things a second may bring no sample of this thread.
    until("a profile names what is busy", async || {
        let (status, profile) = get(served.address, "/debug/pprof/profile?seconds=1").await;
        assert_eq!(status, 200);
        String::from_utf8_lossy(&profile).contains("a_cpu_profile_names_what_was_busy")
    })
    .await;
    stop.cancel();
    busy.join().unwrap();
}
