//! What each flag sets, and that every flag of KEDA is taken.

use std::path::{Path, PathBuf};

use clap::Parser;
use tidegate_operator::{CertificateOptions, Options};

use super::{Settings, authority_folders, settings};
use crate::args::{Cli, Command, OperatorArgs};

fn args(given: &[&str]) -> OperatorArgs {
    let all = ["tidegate", "operator"].iter().chain(given);
    match Cli::try_parse_from(all).unwrap_or_else(|error| panic!("{given:?}: {error}")).command {
        Command::Operator(args) => *args,
        other => panic!("{other:?}"),
    }
}

fn made(given: &[&str]) -> Settings {
    settings(&args(given), &|_| None).unwrap_or_else(|problems| panic!("{given:?}: {problems:?}"))
}

/// Every flag of KEDA's operator, adapter and webhook, with a value that their manifests or charts use.
const KEDA_FLAGS: &[(&str, &str)] = &[
    ("enable-prometheus-metrics", "true"),
    ("enable-opentelemetry-metrics", "false"),
    ("enable-high-cardinality-metrics-labels", "false"),
    ("metrics-bind-address", ":8080"),
    ("health-probe-bind-address", ":8081"),
    ("metrics-service-bind-address", ":9666"),
    ("profiling-bind-address", ":8082"),
    ("leader-elect", "true"),
    ("leader-election-id", "operator.keda.sh"),
    ("kube-api-qps", "20"),
    ("kube-api-burst", "30"),
    ("disable-compression", "true"),
    ("cert-secret-name", "kedaorg-certs"),
    ("cert-dir", "/certs"),
    ("operator-service-name", "keda-operator"),
    ("metrics-server-service-name", "keda-operator-metrics-apiserver"),
    ("webhooks-service-name", "keda-admission-webhooks"),
    ("k8s-cluster-name", "kubernetes-default"),
    ("k8s-cluster-domain", "cluster.local"),
    ("enable-cert-rotation", "true"),
    ("validating-webhook-name", "keda-admission"),
    ("ca-dir", "/custom/ca"),
    ("enable-webhook-patching", "true"),
    ("enable-apiservice-patching", "true"),
    ("filepath-auth-root-path", "/auth"),
    ("http-max-idle-conns", "100"),
    ("http-max-idle-conns-per-host", "1000"),
    ("http-idle-conn-timeout", "90s"),
    ("zap-devel", "false"),
    ("zap-encoder", "console"),
    ("zap-log-level", "info"),
    ("zap-stacktrace-level", "error"),
    ("zap-time-encoding", "rfc3339"),
    ("port", "8080"),
    ("secure-port", "6443"),
    ("metrics-service-address", "keda-operator.keda.svc.cluster.local:9666"),
    ("metrics-service-grpc-authority", ""),
    ("cache-miss-to-direct-client", "false"),
    ("client-ca-file", "/certs/ca.crt"),
    ("tls-cert-file", "/certs/tls.crt"),
    ("tls-private-key-file", "/certs/tls.key"),
    ("logtostderr", "true"),
    ("stderrthreshold", "ERROR"),
    ("v", "0"),
];

#[test]
fn every_flag_of_kedas_programs_is_accepted_as_one_word_and_as_two() {
    for (flag, value) in KEDA_FLAGS {
        made(&[&format!("--{flag}={value}")]);
        // Go's switches take a value only after an equals sign, and so do ours.
        if !matches!(*value, "true" | "false" | "") {
            made(&[&format!("--{flag}"), value]);
        }
    }
    let switches = KEDA_FLAGS.iter().filter(|(_, value)| matches!(*value, "true" | "false"));
    for (flag, _) in switches {
        made(&[&format!("--{flag}")]);
    }
}

#[test]
fn flags_without_effect_are_told_of_and_the_others_are_not() {
    let ignored = crate::args::IGNORED_FLAGS;
    for (flag, value) in KEDA_FLAGS {
        let warnings = made(&[&format!("--{flag}={value}")]).warnings;
        match ignored.iter().find(|known| known.name == *flag) {
            Some(known) => assert_eq!(warnings, [format!("--{flag} has no effect: {}", known.why)]),
            None => assert_eq!(warnings, Vec::<String>::new(), "--{flag}"),
        }
    }
}

#[test]
fn flags_set_what_their_names_say() {
    let port = |address: Option<std::net::SocketAddr>| address.map(|address| address.port());
    let bare = made(&[]).options;
    assert!(bare.lease.is_none());
    assert_eq!((port(bare.metrics), port(bare.health), port(bare.profiling)), (Some(8080), Some(8081), None));
    assert_eq!(bare.console.map(|address| address.to_string()).as_deref(), Some("127.0.0.1:8085"));
    assert_eq!(bare.external_metrics.map(|external| external.bind.port()), Some(6443));
    assert_eq!(bare.admission.map(|admission| admission.bind.port()), Some(9443));
    assert!(matches!(bare.certificates, CertificateOptions::Files { folder } if folder.ends_with("certs")));

    let set = |given: &[&str]| -> Options { made(given).options };
    assert_eq!(set(&["--enable-prometheus-metrics=false"]).metrics, None);
    assert_eq!(set(&["--metrics-bind-address=0"]).metrics, None);
    assert_eq!(port(set(&["--profiling-bind-address", ":8082"]).profiling), Some(8082));
    assert!(set(&["--secure-port", "0"]).external_metrics.is_none());
    let lease = set(&["--leader-elect", "--leader-election-id", "mine"]).lease.unwrap();
    assert_eq!(lease.name, "mine");
    assert!(!lease.identity.is_empty());
    let external =
        set(&["--metrics-server-service-name=m", "--enable-apiservice-patching=false"]).external_metrics.unwrap();
    assert_eq!((external.service.name.as_str(), external.patch_api_service), ("m", false));
    let admission = set(&["--validating-webhook-name=w", "--enable-webhook-patching=false"]).admission.unwrap();
    assert_eq!((admission.configuration.as_str(), admission.patch_configuration), ("w", false));
    assert_eq!(set(&["--filepath-auth-root-path", "/auth"]).file_auth_root.unwrap().to_str(), Some("/auth"));
    let folders = set(&["--ca-dir=/custom/ca", "--ca-dir", "/other"]).authority_folders;
    assert_eq!(folders, [PathBuf::from("/custom/ca"), PathBuf::from("/other")]);
    assert_eq!(set(&["--allow-address", "10.0.0.0/8", "--allow-address=::1"]).allowed_addresses, ["10.0.0.0/8", "::1"]);
}

/// AUTH-21: what is named is read, or told of where it is not there; KEDA's default may be absent
#[test]
fn kedas_folder_of_authorities_counts_where_it_is_there() {
    let (there, absent) = (tempfile::tempdir().unwrap(), Path::new("/nowhere/at/all"));
    let given = [absent.to_path_buf()];
    assert_eq!(authority_folders(&given, there.path()), given);
    assert_eq!(authority_folders(&[], there.path()), [there.path().to_path_buf()]);
    assert!(authority_folders(&[], absent).is_empty());
}

#[test]
fn managed_certificates_are_valid_for_the_names_of_the_services() {
    let options = made(&[
        "--enable-cert-rotation",
        "--cert-secret-name=s",
        "--webhooks-service-name=hooks",
        "--k8s-cluster-domain=x.y",
    ])
    .options;
    let CertificateOptions::Managed { secret, dns_names } = options.certificates else { panic!("not managed") };
    assert_eq!(secret, "s");
    for name in ["keda-operator.keda.svc", "keda-metrics-apiserver.keda.svc", "hooks.keda.svc.x.y", "localhost"] {
        assert!(dns_names.iter().any(|known| known == name), "{name} is not among {dns_names:?}");
    }
}

#[test]
fn every_fault_is_told_at_once_with_the_name_of_its_flag_or_variable() {
    let args = args(&["--metrics-bind-address=here", "--secure-port=99999", "--allow-address=all"]);
    let problems =
        settings(&args, &|name| (name == "KEDA_HTTP_DEFAULT_TIMEOUT").then(|| "soon".to_owned())).unwrap_err();
    for name in
        ["--metrics-bind-address: ", "--secure-port: ", "--allow-address: ", "variable KEDA_HTTP_DEFAULT_TIMEOUT: "]
    {
        assert_eq!(problems.iter().filter(|problem| problem.contains(name)).count(), 1, "{name} in {problems:?}");
    }
}
