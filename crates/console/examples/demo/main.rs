//! The console with made-up data, for working on the page: `cargo run -p tidegate-console --example demo -- --help`.
#![allow(clippy::print_stdout, reason = "an example speaks to the person who started it")]

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "made-up numbers"
)]
mod model;

use std::time::Duration;

use model::Model;
use tidegate_console::{Store, StoreOptions, serve};
use tidegate_engine::Timestamp;

const HELP: &str = "Shows made-up targets on the console.
  --targets N      how many (3)
  --history HOURS  past to make up (24)
  --port N         where to listen on 127.0.0.1 (7777; 0: any)
  --problem TEXT   something to be wrong";

const NAMES: [&str; 8] =
    ["orders", "invoices", "mail", "thumbnails", "webhooks", "search-index", "audit-log", "exports"];

fn argument(name: &str) -> Option<String> {
    let all: Vec<String> = std::env::args().collect();
    all.iter().position(|found| found == name).and_then(|index| all.get(index + 1).cloned())
}

fn number(name: &str, default: u64) -> u64 {
    argument(name).and_then(|found| found.parse().ok()).unwrap_or(default)
}

fn now() -> Timestamp {
    Timestamp::from_millis(jiff::Timestamp::now().as_millisecond())
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> std::io::Result<()> {
    if std::env::args().any(|argument| argument == "--help") {
        println!("{HELP}");
        return Ok(());
    }
    let store = Store::new(StoreOptions::default());
    let targets = number("--targets", 3);
    let mut models: Vec<Model> = (0..targets)
        .map(|index| {
            let base = NAMES[usize::try_from(index).unwrap_or(0) % NAMES.len()];
            let name = if index < 8 { base.to_owned() } else { format!("{base}-{}", index / 8 + 1) };
            Model::new(&store, if index % 4 == 3 { "media" } else { "shop" }, &name, index + 1)
        })
        .collect();
    let start = now();
    for second in (0..number("--history", 24) * 3_600).rev() {
        for model in &mut models {
            model.second(&store, start - Duration::from_secs(second));
        }
    }
    if let Some(problem) = argument("--problem") {
        store.problem(problem);
    }
    let listener =
        tokio::net::TcpListener::bind(("127.0.0.1", u16::try_from(number("--port", 7777)).unwrap_or(0))).await?;
    println!("http://{}/", listener.local_addr()?);
    let live = store.clone();
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(Duration::from_secs(1));
        loop {
            ticks.tick().await;
            for model in &mut models {
                model.second(&live, now());
            }
        }
    });
    serve(listener, store, async {
        let _ = tokio::signal::ctrl_c().await;
    })
    .await
}
