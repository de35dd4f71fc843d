//! Chores of the repository: `cargo xtask help` lists them.
//!
//! Each chore is one module. They call the tools that a person would call (cargo, Maven, apt-get), print what they run,
//! and stop at the first thing that fails.

mod ci;
mod cluster;
mod conformance;
mod deny;
mod dist;
mod fuzz;
mod go;
mod run;
mod servers;
mod tidy;

use std::process::ExitCode;

const HELP: &str = "\
Chores of the Tidegate repository.

USAGE: cargo xtask CHORE

  setup        put the real servers that tests use under target/servers (Apache Kafka, Kubernetes; etcd, Prometheus,
               Chromium by apt-get)
  cluster up   a Kubernetes cluster on this machine, whose pods are processes (prints how to use it)
  cluster down end it
  keda up      KEDA in that cluster, for comparison (builds it when it is missing: ten minutes)
  keda down    end KEDA and leave the cluster
  keda setup   only build KEDA
  keda test    the tests that compare with the real KEDA or change places with it (builds it when it is missing)
  test [ARGS]  setup, then every test of the workspace (ARGS go to cargo test)
  tidy         the repository's own rules: edges between crates, lengths, heads of files, links
  conformance  docs/conformance.md and docs/users-pains.md, of the rows that tests name
  deny         cargo-deny's bans, licenses and sources (installs cargo-deny under target/tools when it is missing)
  dist         the program as the image has it: one static file, optimised as a whole (twenty minutes)
  fuzz [TARGET] [--seconds N]
               the fuzz targets below fuzz, each a minute long (installs cargo-fuzz under target/tools when it is missing)
  ci           what the continuous integration runs: fmt, tidy, clippy, test, deny
  bench        every bench, with its peer where there is one
  bench scale [--objects N] [--over SECONDS] [--sides hpa,direct,keda] [--quick]
               [--phases rest,metric,burst,stalled,killed,lag,steps,topics]
               many ScaledObjects on a real control plane, beside KEDA (first: cargo xtask keda setup)
  help         this text

EXAMPLES
  cargo xtask test
  cargo xtask test --package tidegate-engine
  cargo xtask tidy
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (chore, rest) = match args.split_first() {
        Some((chore, rest)) => (chore.as_str(), rest),
        None => ("help", &[][..]),
    };
    let done = match chore {
        "setup" => servers::setup(),
        "cluster" => cluster::cluster(rest),
        "keda" => cluster::keda(rest),
        "test" => ci::test(rest),
        "tidy" => tidy::tidy(),
        "conformance" => conformance::write(),
        "deny" => deny::deny(),
        "dist" => dist::dist(),
        "fuzz" => fuzz::fuzz(rest),
        "ci" => ci::ci(),
        "bench" => ci::bench(rest),
        "help" | "--help" | "-h" => {
            run::say(HELP);
            Ok(())
        }
        other => Err(format!("unknown chore {other:?}; `cargo xtask help` lists the known ones")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            run::say(&format!("xtask {chore}: {message}"));
            ExitCode::FAILURE
        }
    }
}
