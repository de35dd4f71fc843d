//! Many ScaledObjects with a Kafka trigger each: Tidegate in its modes beside KEDA, in one run on one machine.
//!
//! `cargo xtask bench scale [--objects N] [--over SECONDS] [--sides hpa,direct,keda] [--phases rest,burst,...] [--quick]`. Needs
//! `cargo xtask setup`, and `cargo xtask keda setup` for the side `keda`. One Kafka broker, one topic of 10 partitions, a group
//! an object. There is no node and nobody makes pods: what is measured is how soon the replica count of each Deployment is
//! changed. `TIDEGATE_BENCH_PROFILING=127.0.0.1:PORT` has the operator serve profiles there.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, missing_docs, unreachable_pub)]
#![allow(dead_code, reason = "shares the tests' broker and does not use all of it")]

#[path = "../../../scalers/tests/kafka/broker.rs"]
mod broker;
mod bursts;
#[path = "../../../scalers/tests/kafka/certificates.rs"]
mod certificates;
mod figures;
mod phases;
#[path = "../../../cluster/src/ports.rs"]
mod ports;
#[path = "../../../scalers/tests/kafka/raw.rs"]
mod raw;
mod settings;
mod side;
mod world;

use figures::Figures;
use settings::Settings;
use side::Side;
use world::World;

fn main() {
    // `cargo test --benches` only asks whether it builds, and `cargo bench` runs every bench: this one takes half an hour
    // and a control plane of its own, so it wants to be asked by name.
    let by_name =
        |argument: String| ["--objects", "--over", "--sides", "--phases", "--quick"].contains(&argument.as_str());
    if !std::env::args().any(by_name) && std::env::var_os("TIDEGATE_BENCH_SCALE").is_none() {
        return;
    }
    let settings = match Settings::from_args(std::env::args().skip(1)) {
        Ok(settings) => settings,
        Err(problem) => {
            println!("scale: {problem}");
            std::process::exit(2);
        }
    };
    println!("{} objects; sides: {:?}", settings.objects, settings.sides);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut table = Figures::default();
    for kind in settings.sides.clone() {
        // A fresh control plane for each: neither finds what the other left behind.
        runtime.block_on(async {
            let world = World::start(&settings).await;
            let mut side = Side::start(kind, &world).await;
            phases::run(&world, &mut side, &settings, &mut table).await;
            side.stop().await;
            world.stop().await;
        });
    }
    println!("\n{table}");
}
