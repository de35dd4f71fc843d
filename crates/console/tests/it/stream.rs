//! The live stream.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use serde_json::Value;
use tidegate_console::{Store, StoreOptions};
use tidegate_engine::Workload;

use crate::http::{Console, eventually};
use crate::scene;

struct Stream {
    lines: std::io::Lines<BufReader<TcpStream>>,
}

impl Stream {
    fn open(console: &Console, path: &str) -> Self {
        let mut socket = console.connect();
        write!(socket, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let mut stream = Stream { lines: BufReader::new(socket).lines() };
        assert_eq!(stream.next().map(|(event, _)| event).as_deref(), Some("hello"));
        stream
    }

    /// The next event with its data; `None` at the end of the stream.
    fn next(&mut self) -> Option<(String, Value)> {
        let mut event = None;
        for line in self.lines.by_ref() {
            let line = line.unwrap();
            if let Some(name) = line.strip_prefix("event: ") {
                event = Some(name.to_owned());
            } else if let Some(data) = line.strip_prefix("data: ") {
                return Some((event.unwrap_or_default(), serde_json::from_str(data).unwrap()));
            }
        }
        None
    }

    fn until(&mut self, wanted: &str) -> Value {
        std::iter::from_fn(|| self.next()).find(|(event, _)| event == wanted).map(|(_, data)| data).unwrap()
    }
}

#[test]
fn what_happens_to_the_target_is_heard_and_of_no_other() {
    let end = scene::now();
    let store = scene::store(end);
    let console = Console::start(store.clone());
    let mut stream = Stream::open(&console, "/api/v1/stream?target=shop/orders");
    store.record(&scene::record(&scene::mail(), 2, end, 1, 2, 50.0));
    store.record(&scene::record(&scene::orders(), 601, end, 1, 3, 55.0));
    let record = stream.until("record");
    assert_eq!((&record["target"], &record["sequence"]), (&"shop/orders".into(), &601.into()));
    assert!(record["headline"].is_string() && record["explanation"].is_string());
    store.workload(&scene::orders(), &Workload { replicas: 3, current: 3, ready: 2, busy: None }, end);
    let sample =
        std::iter::from_fn(|| Some(stream.until("sample"))).find(|one| one["values"]["running"] == 3.0).unwrap();
    assert_eq!((&sample["values"]["desired"], &sample["values"]["ready"]), (&3.0.into(), &2.0.into()));
    store.set_problems("orders.yaml", vec!["orders.yaml:1:1: odd".into()]);
    assert_eq!(stream.until("problems"), serde_json::json!(["orders.yaml:1:1: odd"]));
    store.set_problems("orders.yaml", Vec::new());
    assert_eq!(stream.until("problems"), serde_json::json!([]));
}

#[test]
fn the_ids_of_a_sample_are_those_of_the_series() {
    let end = scene::now();
    let store = scene::store(end);
    let console = Console::start(store.clone());
    let mut stream = Stream::open(&console, "/api/v1/stream?target=shop/orders");
    store.record(&scene::record(&scene::orders(), 601, end, 1, 3, 55.0));
    let sample = stream.until("sample");
    let page = console.json("/api/v1/targets/shop/orders/series");
    let ids: Vec<&str> = page["series"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    let keys: Vec<&str> = sample["values"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(ids, keys);
}

#[test]
fn the_end_of_the_server_ends_the_streams() {
    let mut console = Console::start(scene::store(scene::now()));
    let mut stream = Stream::open(&console, "/api/v1/stream");
    console.stop();
    while stream.next().is_some() {}
}

#[test]
fn streams_beyond_the_limit_are_refused_and_closed_ones_make_room() {
    let console = Console::start(Store::new(StoreOptions { max_streams: 1, ..Default::default() }));
    let first = Stream::open(&console, "/api/v1/stream");
    let refused = console.get("/api/v1/stream");
    assert_eq!(refused.status, 503);
    assert!(refused.error().contains("1 streams are open already"));
    drop(first);
    eventually("the closed stream's place is free", || {
        let mut socket = console.connect();
        write!(socket, "GET /api/v1/stream HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let mut line = String::new();
        BufReader::new(socket).read_line(&mut line).unwrap();
        line.contains("200").then_some(())
    });
}
