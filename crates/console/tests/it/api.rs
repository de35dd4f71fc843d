//! The JSON API.

use std::time::Duration;

use serde_json::{Value, json};
use tidegate_console::{Store, StoreOptions};
use tidegate_engine::{TargetId, Timestamp, explain, headline};

use crate::http::Console;
use crate::scene;

fn numbers(values: &Value) -> Vec<Option<f64>> {
    values.as_array().unwrap().iter().map(Value::as_f64).collect()
}

fn series<'a>(page: &'a Value, id: &str) -> &'a Value {
    page["series"].as_array().unwrap().iter().find(|one| one["id"] == id).unwrap_or_else(|| panic!("no {id}: {page}"))
}

#[test]
fn a_target_tells_what_it_does_now() {
    let console = Console::start(scene::store(scene::now()));
    let page = console.json("/api/v1/targets");
    assert_eq!((&page["total"], &page["version"]), (&json!(2), &json!("1.2.3")));
    let orders = &page["targets"][1];
    assert_eq!(orders["id"], "shop/orders");
    assert_eq!((&orders["desired"], &orders["lag"]), (&json!(1), &json!(119)));
    assert_eq!(orders["counts"], json!({"replicas": 1, "current": 1, "ready": 1}));
    assert_eq!((&orders["health"], &orders["active"]), (&json!("ok"), &json!(true)));
    let tolerance = json!({"up": 0.1, "down": 0.1});
    assert_eq!(orders["limits"], json!({"min": 0, "max": 12, "useful": 4, "tolerance": tolerance}));
    assert_eq!(orders["producedPerSecond"], 20.0);
    assert_eq!(orders["triggers"][0]["groupState"], "Stable");
    assert_eq!(orders["lastAction"]["sequence"], 541);
    assert_eq!(console.json("/api/v1/targets/shop/orders")["id"], "shop/orders");
}

#[test]
fn a_failing_source_is_an_error_and_never_a_number() {
    let console = Console::start(scene::store(scene::now()));
    let mail = console.json("/api/v1/targets/shop/mail");
    assert_eq!((&mail["health"], &mail["lag"]), (&json!("failing"), &Value::Null));
    assert_eq!((&mail["producedPerSecond"], &mail["consumedPerSecond"]), (&Value::Null, &Value::Null));
    let trigger = &mail["triggers"][0];
    assert_eq!((&trigger["failures"], &trigger["error"]["kind"]), (&json!(2), &json!("unreachable")));
    assert_eq!(trigger["value"], 8.0, "the last good value stays, with its age");
    assert!(trigger["ageMs"].as_u64().unwrap() >= 30_000);
    let page = console.json("/api/v1/targets/shop/mail/series?points=100");
    for id in ["metric:0", "lag"] {
        assert_eq!(*numbers(&series(&page, id)["values"]).last().unwrap(), None, "{id} ends in a gap");
    }
}

#[test]
fn series_share_one_grid_and_equal_the_records() {
    let end = Timestamp::from_millis(scene::now().as_millis() / 1_000 * 1_000);
    let console = Console::start(scene::store(end));
    let from = end - Duration::from_secs(199);
    let query = format!("from={from}&to={}&points=300", end.as_millis());
    let page = console.json(&format!("/api/v1/targets/shop/orders/series?{query}"));
    assert_eq!(page["stepMs"], 1_000);
    let times = page["time"].as_array().unwrap();
    assert_eq!((times.len(), times[0].as_i64()), (200, Some(from.as_millis())));
    for one in page["series"].as_array().unwrap() {
        assert_eq!(one["values"].as_array().unwrap().len(), 200, "{}", one["id"]);
    }
    let lag: Vec<Option<f64>> = (400..600).map(|second| Some(f64::from(second % 120))).collect();
    assert_eq!(numbers(&series(&page, "lag")["values"]), lag);
    assert_eq!(numbers(&series(&page, "metric:0")["values"]), lag);
    let desired: Vec<Option<f64>> = (400..600).map(|second| Some(f64::from(10 - second / 60))).collect();
    assert_eq!(numbers(&series(&page, "desired")["values"]), desired);
    let capacity: Vec<Option<f64>> = desired.iter().map(|value| value.map(|value| value * 20.0)).collect();
    assert_eq!(numbers(&series(&page, "target:0")["values"]), capacity);
    assert_eq!(numbers(&series(&page, "useful")["values"]), vec![Some(4.0); 200]);
    assert_eq!(numbers(&series(&page, "partition:0:orders/0")["values"]).last().unwrap(), &Some(30.0));
    let actions: Vec<u64> =
        page["actions"].as_array().unwrap().iter().filter_map(|one| one["sequence"].as_u64()).collect();
    assert_eq!(actions, [421, 481, 541]);
}

#[test]
fn a_wide_range_comes_in_few_points_that_keep_the_peaks() {
    let console = Console::start(scene::store(scene::now()));
    let page = console.json("/api/v1/targets/shop/orders/series?points=20");
    assert!(page["time"].as_array().unwrap().len() <= 21);
    let high = numbers(&series(&page, "lag")["high"]).into_iter().flatten().fold(0.0, f64::max);
    assert_eq!(high, 119.0);
}

#[test]
fn records_come_newest_first_page_by_page_with_their_words() {
    let store = scene::store(scene::now());
    let console = Console::start(store);
    let mut sequences = Vec::new();
    let mut next = String::new();
    loop {
        let page = console.json(&format!("/api/v1/targets/shop/orders/records?kind=actions&limit=3{next}"));
        for record in page["records"].as_array().unwrap() {
            let parsed: tidegate_engine::Record = serde_json::from_value(record.clone()).unwrap();
            assert_eq!(record["headline"], headline(&parsed));
            assert_eq!(record["explanation"], explain(&parsed));
            assert_eq!(record["action"], true);
            sequences.push(parsed.sequence);
        }
        match page["next"].as_u64() {
            Some(before) => next = format!("&before={before}"),
            None => break,
        }
    }
    assert_eq!(sequences, [541, 481, 421, 361, 241, 181, 121, 61, 1]);
    let all = console.json("/api/v1/targets/shop/orders/records?limit=500");
    assert_eq!(all["records"].as_array().unwrap().len(), 500);
    assert_eq!(console.json("/api/v1/targets/shop/orders/records/541")["desiredReplicas"], 1);
}

#[test]
fn among_very_many_targets_the_changes_stay_and_of_the_rest_the_latest() {
    let (at, store) = (scene::now(), scene::store(scene::now()));
    for number in 0..300 {
        let name = format!("other-{number}");
        store.target(&TargetId::new("shop", &name), scene::info(&name));
    }
    let other = TargetId::new("shop", "other-7");
    for (sequence, from, to) in [(1, 1, 3), (2, 3, 3), (3, 3, 5), (4, 5, 5), (5, 5, 5), (6, 5, 5)] {
        store.record(&scene::record(&other, sequence, at + Duration::from_secs(sequence), from, to, 60.0));
    }
    let console = Console::start(store);
    let page = console.json("/api/v1/targets/shop/other-7/records");
    let kept: Vec<_> = page["records"].as_array().unwrap().iter().map(|record| &record["sequence"]).collect();
    // The first without a change differs from the one before it, so it is looked for too.
    assert_eq!(kept, [6, 4, 3, 2, 1]);
    assert_eq!(console.json("/api/v1/targets/shop/other-7/records/3")["desiredReplicas"], 5);
    assert_eq!(console.get("/api/v1/targets/shop/other-7/records/5").status, 404);
}

#[test]
fn targets_can_be_searched_and_paged() {
    let store = Store::new(StoreOptions::default());
    for number in 0..25 {
        store.target(&tidegate_engine::TargetId::new("shop", &format!("orders-{number:02}")), scene::info("orders"));
    }
    let console = Console::start(store);
    let page = console.json("/api/v1/targets?q=ORDERS-1&limit=4");
    assert_eq!((&page["total"], &page["matching"], &page["next"]), (&json!(25), &json!(10), &json!("shop/orders-13")));
    let rest = console.json("/api/v1/targets?q=orders-1&limit=50&after=shop/orders-13");
    assert_eq!(rest["targets"].as_array().unwrap().len(), 6);
    assert_eq!(rest["next"], Value::Null);
}

#[test]
fn bad_requests_get_one_clear_error() {
    let console = Console::start(scene::store(scene::now()));
    for (path, status, told) in [
        ("/nothing", 404, "nothing is served at /nothing"),
        ("/api/v1/targets/shop/none", 404, "no target shop/none"),
        ("/api/v1/targets/shop/none/records", 404, "no target shop/none"),
        ("/api/v1/targets/shop/orders/records/9999", 404, "no record 9999 of shop/orders"),
        ("/api/v1/targets/shop/orders/records/x", 400, "found \"x\", expected a record's sequence number"),
        ("/api/v1/targets/shop/orders/records?limit=0", 400, "found \"0\", expected a whole number from 1 to 500"),
        ("/api/v1/targets/shop/orders/records?kind=odd", 400, "found \"odd\", expected all or actions"),
        ("/api/v1/targets/shop/orders/series?points=1", 400, "parameter points"),
        ("/api/v1/targets/shop/orders/series?from=yesterday", 400, "parameter from: found \"yesterday\""),
        ("/api/v1/targets/shop/orders/series?from=20&to=10", 400, "a time before"),
        ("/api/v1/stream?target=orders", 400, "expected namespace/name"),
        ("/assets/none.js", 404, ""),
    ] {
        let answer = console.get(path);
        assert_eq!(answer.status, status, "{path}");
        assert!(answer.error().contains(told), "{path}: {}", answer.error());
    }
}

#[test]
fn only_reading_is_allowed() {
    let console = Console::start(scene::store(scene::now()));
    let host = console.address;
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        let answer = console
            .send(&format!("{method} /api/v1/targets HTTP/1.1\nHost: {host}\nContent-Length: 0\nConnection: close"));
        assert_eq!((answer.status, answer.header("allow")), (405, Some("get,head")), "{method}");
    }
    let head = console.send(&format!("HEAD /api/v1/targets HTTP/1.1\nHost: {host}\nConnection: close"));
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert!(head.header("content-length").is_some_and(|length| length != "0"));
}

#[test]
fn foreign_host_names_are_refused_everywhere_but_for_health() {
    let console = Console::start(scene::store(scene::now()));
    for path in ["/", "/metrics", "/api/v1/targets", "/api/v1/stream"] {
        let answer = console.send(&format!("GET {path} HTTP/1.1\nHost: rebound.example\nConnection: close"));
        assert_eq!(answer.status, 421, "{path}");
        assert!(!answer.body.contains("orders"), "{path} leaks: {}", answer.body);
    }
    let two = console.send("GET / HTTP/1.1\nHost: localhost\nHost: rebound.example\nConnection: close");
    assert_eq!(two.status, 400);
    assert_eq!(console.send("GET /healthz HTTP/1.1\nHost: probe.example\nConnection: close").status, 200);
}

#[test]
fn every_answer_keeps_the_page_to_itself() {
    let console = Console::start(scene::store(scene::now()));
    for path in ["/", "/plain", "/metrics", "/api/v1/targets", "/nothing"] {
        let answer = console.get(path);
        let policy = answer.header("content-security-policy").unwrap_or_default();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("x-frame-options"), Some("deny"), "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), None, "{path}");
    }
}

#[test]
fn the_plain_page_shows_the_data_and_takes_no_markup_from_it() {
    let store = scene::store(scene::now());
    store.problem("orders.yaml:3:1: <script>alert(1)</script>");
    let console = Console::start(store);
    let page = console.get("/plain").body;
    assert!(page.contains("shop/orders") && page.contains("<td>119</td>"), "{page}");
    assert!(page.contains("connection to 127.0.0.1:9 refused"));
    assert!(page.contains("&lt;script&gt;") && !page.contains("<script>"), "{page}");
}

#[test]
fn a_removed_target_is_forgotten() {
    let store = scene::store(scene::now());
    let console = Console::start(store.clone());
    store.remove_target(&scene::mail());
    assert_eq!(console.get("/api/v1/targets/shop/mail").status, 404);
    assert!(!console.get("/metrics").body.contains("\"mail\""));
    store.reading(&scene::mail(), 0, "", &scene::refused(), scene::now());
    assert_eq!(console.json("/api/v1/targets")["total"], 1, "a late reading does not bring it back");
}
