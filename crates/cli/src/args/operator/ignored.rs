//! Flags of KEDA's operator, adapter and webhook that have nothing to set here. They are accepted, so that an installation's
//! arguments can stay as they are, and a warning says why they have no effect.

use clap::{Arg, ArgMatches, Args, Command, Error, FromArgMatches};

/// Why a flag has no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flag {
    /// Without the dashes.
    pub(crate) name: &'static str,
    /// As a sentence's end: "--name has no effect: ...".
    pub(crate) why: &'static str,
}

const fn flag(name: &'static str, why: &'static str) -> Flag {
    Flag { name, why }
}

const NO_CLIENT_LIMIT: &str = "requests to the API server are not throttled by a number here; watches are shared and only \
    changes are written";
const ONE_PROCESS: &str = "the metrics API and the operator are one process, with nothing between them";
const NOT_YET: &str = "it is not served yet";
const POOLS: &str = "connections are shared by server and identity, and follow their number";
const LOGS: &str = "logs go to standard error in one form; see --zap-log-level and --zap-encoder";
const CERTIFICATES: &str = "all servers of the process use the certificates of --cert-dir or --enable-cert-rotation";
const DELEGATED: &str = "who may ask is found out from the API server that this process is connected to";

/// All of them.
pub(crate) const FLAGS: &[Flag] = &[
    flag("enable-opentelemetry-metrics", NOT_YET),
    flag("enable-high-cardinality-metrics-labels", "the labels are those of KEDA without it"),
    flag("metrics-service-bind-address", ONE_PROCESS),
    flag("metrics-service-address", ONE_PROCESS),
    flag("metrics-service-grpc-authority", ONE_PROCESS),
    flag("kube-api-qps", NO_CLIENT_LIMIT),
    flag("kube-api-burst", NO_CLIENT_LIMIT),
    flag("disable-compression", "replies of the API server are taken as they come"),
    flag("k8s-cluster-name", "it is only told in CloudEvents, which are not sent yet"),
    flag("http-max-idle-conns", POOLS),
    flag("http-max-idle-conns-per-host", POOLS),
    flag("http-idle-conn-timeout", POOLS),
    flag("zap-devel", LOGS),
    flag("zap-stacktrace-level", LOGS),
    flag("zap-time-encoding", LOGS),
    flag(
        "port",
        "it means one thing to KEDA's adapter and another to its webhook; use --metrics-bind-address and \
        --admission-bind-address",
    ),
    flag("cache-miss-to-direct-client", "admission knows all objects by its watches"),
    flag("profiling-port", "use --profiling-bind-address"),
    flag("client-ca-file", DELEGATED),
    flag("requestheader-client-ca-file", DELEGATED),
    flag("authentication-kubeconfig", DELEGATED),
    flag("authorization-kubeconfig", DELEGATED),
    flag("lister-kubeconfig", DELEGATED),
    flag("tls-cert-file", CERTIFICATES),
    flag("tls-private-key-file", CERTIFICATES),
    flag("bind-address", "use --secure-port=ADDRESS:PORT"),
    flag("audit-log-path", "the API server in front has an audit log of its own"),
    flag("audit-log-maxage", "the API server in front has an audit log of its own"),
    flag("audit-log-maxsize", "the API server in front has an audit log of its own"),
    flag("audit-log-maxbackup", "the API server in front has an audit log of its own"),
    flag("logtostderr", LOGS),
    flag("stderrthreshold", LOGS),
    flag("v", LOGS),
    flag("vmodule", LOGS),
    flag("log-dir", LOGS),
    flag("log-file", LOGS),
];

/// Which of [`FLAGS`] were given.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ignored {
    given: Vec<Flag>,
}

impl Ignored {
    /// Those that were given, with why they have no effect.
    pub(crate) fn given(&self) -> &[Flag] {
        &self.given
    }
}

impl Args for Ignored {
    fn augment_args(command: Command) -> Command {
        let arguments = FLAGS.iter().map(|flag| {
            Arg::new(flag.name)
                .long(flag.name)
                .value_name("VALUE")
                .num_args(0..=1)
                .action(clap::ArgAction::Append)
                .hide_short_help(true)
                .help_heading("Of KEDA, accepted without effect")
                .help(format!("No effect: {}", flag.why))
        });
        command.args(arguments)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Ignored {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let given = |flag: &&Flag| matches.value_source(flag.name) == Some(clap::parser::ValueSource::CommandLine);
        Ok(Ignored { given: FLAGS.iter().filter(given).copied().collect() })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
