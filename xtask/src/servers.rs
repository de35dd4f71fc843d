//! The real servers that tests and benches run: put where the tests look for them, from package registries alone.
//!
//! Apache Kafka comes from Maven Central into `target/servers/kafka/lib`, Kubernetes from the Go module proxy into
//! `target/servers/kubernetes/bin`, as kubectl where there is none. Prometheus (with promtool), Chromium and etcd are Debian
//! packages; as root they are installed when missing, otherwise the command to do so is named.

use std::fs;
use std::path::PathBuf;

use crate::go;
use crate::run::{exists, root, run, say};

/// The release that the lag reader's oracle and bench run against.
const KAFKA_VERSION: &str = "4.1.0";
const LOG4J_VERSION: &str = "2.24.3";

/// Debian packages: the program that shows that it is there, and the package.
const PACKAGES: [(&str, &str); 3] = [("prometheus", "prometheus"), ("chromium", "chromium"), ("etcd", "etcd-server")];

/// Puts everything in place; quick when it is there already.
pub(crate) fn setup() -> Result<(), String> {
    packages()?;
    kafka()?;
    go::kubernetes()?;
    go::kubectl()
}

/// Only what a cluster needs.
pub(crate) fn cluster() -> Result<(), String> {
    packages()?;
    go::kubernetes()
}

fn kafka_folder() -> PathBuf {
    root().join("target/servers/kafka")
}

fn kafka() -> Result<(), String> {
    let folder = kafka_folder();
    let stamp = folder.join(format!("complete-{KAFKA_VERSION}"));
    if stamp.exists() {
        return Ok(());
    }
    for tool in ["java", "mvn"] {
        if !exists(tool) {
            return Err(format!(
                "`{tool}` is needed to fetch and run Apache Kafka for the tests; install a JDK and Maven"
            ));
        }
    }
    say(&format!("fetching Apache Kafka {KAFKA_VERSION} (54 MB)"));
    let problem = |what: &str, error: std::io::Error| format!("{what} {}: {error}", folder.display());
    fs::create_dir_all(&folder).map_err(|error| problem("making", error))?;
    fs::write(folder.join("pom.xml"), pom()).map_err(|error| problem("writing pom.xml in", error))?;
    let lib = format!("-DoutputDirectory={}", folder.join("lib").display());
    run(&folder, "mvn", &["-q", "-B", "dependency:copy-dependencies", &lib])?;
    fs::write(stamp, "").map_err(|error| problem("writing the stamp in", error))
}

fn pom() -> String {
    let dependency = |group: &str, name: &str, version: &str| {
        format!(
            "<dependency><groupId>{group}</groupId><artifactId>{name}</artifactId><version>{version}</version></dependency>"
        )
    };
    format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\"><modelVersion>4.0.0</modelVersion>\
         <groupId>dev.tidegate</groupId><artifactId>servers</artifactId><version>1</version><packaging>pom</packaging>\
         <dependencies>{}{}{}</dependencies></project>",
        dependency("org.apache.kafka", "kafka_2.13", KAFKA_VERSION),
        dependency("org.apache.kafka", "kafka-tools", KAFKA_VERSION),
        dependency("org.apache.logging.log4j", "log4j-slf4j-impl", LOG4J_VERSION),
    )
}

fn packages() -> Result<(), String> {
    let missing: Vec<&str> =
        PACKAGES.iter().filter(|(program, _)| !exists(program)).map(|(_, package)| *package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let by_hand = format!("apt-get update && apt-get install -y {}", missing.join(" "));
    if !exists("apt-get") {
        return Err(format!("missing: {}; on Debian: {by_hand}", missing.join(", ")));
    }
    run(&root(), "apt-get", &["update", "-qq"]).map_err(|error| format!("{error}; by hand, as root: {by_hand}"))?;
    let mut args = vec!["install", "-y", "-qq", "--no-install-recommends"];
    args.extend(missing);
    run(&root(), "apt-get", &args).map_err(|error| format!("{error}; by hand, as root: {by_hand}"))
}
