//! Flags and variables together.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use tidegate_operator::{
    AdmissionOptions, CertificateOptions, ExternalMetricsOptions, LeaseOptions, Options, ServiceName,
};
use tidegate_scalers::Network;

use super::environment::{Lookup, Variables, read};
use super::listen::address;
use crate::args::OperatorArgs;

/// Where KEDA's manifests and chart mount further certificate authorities.
const CUSTOM_CA: &str = "/custom/ca";

/// Everything that an operator is started with.
#[derive(Debug)]
pub(crate) struct Settings {
    /// For the library.
    pub(crate) options: Options,
    /// What was given without effect.
    pub(crate) warnings: Vec<String>,
}

/// Makes the settings. `lookup` finds environment variables.
///
/// # Errors
/// Everything that is not understood, one line each, with the name of the flag or variable.
pub(crate) fn settings(args: &OperatorArgs, lookup: Lookup<'_>) -> Result<Settings, Vec<String>> {
    let (variables, mut problems, mut warnings) = match read(lookup) {
        Ok((variables, warnings)) => (Some(variables), Vec::new(), warnings),
        Err(problems) => (None, problems, Vec::new()),
    };
    let mut listen = |flag: &str, text: &str| {
        address(text).unwrap_or_else(|problem| {
            problems.push(format!("--{flag}: {problem}"));
            None
        })
    };
    let listening = Listening {
        external_metrics: listen("secure-port", &args.secure_port),
        admission: listen("admission-bind-address", &args.admission_bind_address),
        metrics: listen("metrics-bind-address", &args.metrics_bind_address).filter(|_| args.enable_prometheus_metrics),
        health: listen("health-probe-bind-address", &args.health_probe_bind_address),
        profiling: listen("profiling-bind-address", &args.profiling_bind_address),
        console: listen("console-bind-address", &args.console_bind_address),
    };
    for text in &args.allow_addresses {
        if let Err(problem) = text.parse::<Network>() {
            problems.push(format!("--allow-address: {problem}"));
        }
    }
    match (variables, problems.is_empty()) {
        (Some(variables), true) => {
            let ignored = args.ignored.given();
            warnings.extend(ignored.iter().map(|flag| format!("--{} has no effect: {}", flag.name, flag.why)));
            Ok(Settings { options: options(args, &variables, &listening), warnings })
        }
        _ => Err(problems),
    }
}

/// Where each server listens.
struct Listening {
    external_metrics: Option<SocketAddr>,
    admission: Option<SocketAddr>,
    metrics: Option<SocketAddr>,
    health: Option<SocketAddr>,
    profiling: Option<SocketAddr>,
    console: Option<SocketAddr>,
}

fn options(args: &OperatorArgs, variables: &Variables, listening: &Listening) -> Options {
    let namespace = &variables.own_namespace;
    Options {
        namespaces: variables.namespaces.clone(),
        label_selector: variables.label_selector.clone(),
        authentication_label_selector: variables.authentication_label_selector.clone(),
        own_namespace: namespace.clone(),
        cluster_object_namespace: variables.cluster_object_namespace.clone(),
        restrict_secret_access: variables.restrict_secret_access,
        file_auth_root: args.filepath_auth_root_path.clone(),
        bound_token_lifetime: variables.bound_token_lifetime,
        lease: args.leader_elect.then(|| LeaseOptions {
            name: args.leader_election_id.clone(),
            identity: identity(variables),
            duration: variables.lease_duration,
            renew_deadline: variables.renew_deadline,
            retry_period: variables.retry_period,
        }),
        metrics: listening.metrics,
        health: listening.health,
        profiling: listening.profiling,
        console: listening.console,
        external_metrics: listening.external_metrics.map(|bind| ExternalMetricsOptions {
            bind,
            service: ServiceName {
                namespace: namespace.clone(),
                name: args.metrics_server_service_name.clone(),
                port: 443,
            },
            patch_api_service: args.enable_apiservice_patching,
        }),
        admission: listening.admission.map(|bind| AdmissionOptions {
            bind,
            configuration: args.validating_webhook_name.clone(),
            patch_configuration: args.enable_webhook_patching,
        }),
        certificates: certificates(args, namespace),
        http_timeout: variables.http_timeout,
        authority_folders: authority_folders(&args.ca_dir, Path::new(CUSTOM_CA)),
        allowed_addresses: args.allow_addresses.clone(),
        ..Options::default()
    }
}

/// Those given, or KEDA's default, which need not be there.
fn authority_folders(given: &[PathBuf], default: &Path) -> Vec<PathBuf> {
    if given.is_empty() && default.is_dir() { vec![default.to_path_buf()] } else { given.to_vec() }
}

/// Unique among the replicas, also where the pod's name is not known.
fn identity(variables: &Variables) -> String {
    match &variables.identity {
        Some(identity) => identity.clone(),
        None => format!("tidegate-{}-{}", std::process::id(), jiff::Timestamp::now().as_microsecond()),
    }
}

fn certificates(args: &OperatorArgs, namespace: &str) -> CertificateOptions {
    if !args.enable_cert_rotation {
        return CertificateOptions::Files { folder: args.cert_dir.clone() };
    }
    let services = [&args.operator_service_name, &args.metrics_server_service_name, &args.webhooks_service_name];
    let domain = &args.k8s_cluster_domain;
    let names = services.into_iter().flat_map(|service| {
        let short = format!("{service}.{namespace}");
        [service.clone(), short.clone(), format!("{short}.svc"), format!("{short}.svc.{domain}")]
    });
    let mut dns_names: Vec<String> = names.collect();
    dns_names.push("localhost".to_owned());
    CertificateOptions::Managed { secret: args.cert_secret_name.clone(), dns_names }
}

#[cfg(test)]
mod tests;
