//! The broker of `tidegate up`, alone, until it is interrupted: for trying a cluster without a Kafka.
//!
//!     cargo run --package tidegate-lab --example broker -- orders:8

use std::process::ExitCode;

use tidegate_lab::broker::{EmbeddedBroker, TopicSpec};

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a program's own output")]
fn main() -> ExitCode {
    let topics: Option<Vec<TopicSpec>> = std::env::args().skip(1).map(|text| topic(&text)).collect();
    let Some(topics) = topics.filter(|topics| !topics.is_empty()) else {
        eprintln!("broker: expected topics with their partitions, as orders:8");
        return ExitCode::from(2);
    };
    match EmbeddedBroker::start(&topics) {
        Ok(broker) => {
            println!("{}", broker.bootstrap_servers());
            loop {
                std::thread::park();
            }
        }
        Err(error) => {
            eprintln!("broker: {error}");
            ExitCode::FAILURE
        }
    }
}

fn topic(text: &str) -> Option<TopicSpec> {
    let (name, partitions) = text.split_once(':')?;
    Some(TopicSpec { name: name.to_owned(), partitions: partitions.parse().ok()? })
}
