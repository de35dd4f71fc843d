//! Records of an operator in a cluster: from its console, which listens on loopback in its pod, so it is reached through a
//! port-forward of kubectl, or at an address that was given.

use std::process::Stdio;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use reqwest::StatusCode;
use serde::Deserialize;
use tidegate_engine::Record;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::source::MOST_RECORDS;
use crate::args::ExplainArgs;
use crate::commands::operator::connect;
use crate::exit::Failed;

/// The lease whose holder is at work.
const LEASE: &str = "operator.keda.sh";

/// What a port-forward is made to where it is not known which replica is at work.
const DEPLOYMENT: &str = "deployment/tidegate-operator";

/// So long kubectl may take to connect.
const FORWARD_LIMIT: Duration = Duration::from_secs(20);

/// So long the operator may take to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);

#[derive(Deserialize)]
struct Page {
    records: Vec<Record>,
}

/// The latest records of one ScaledObject.
pub(super) async fn read(args: &ExplainArgs, namespace: &str) -> Result<Vec<Record>, Failed> {
    let name = args.source.as_str();
    if name == "." {
        return Err(Failed::input(
            "--namespace needs the name of a ScaledObject: tidegate explain --namespace shop orders",
        ));
    }
    match &args.operator {
        Some(address) => ask(address.trim_end_matches('/'), namespace, name, args).await,
        None => {
            let (_forward, address) = forward(args).await?;
            ask(&address, namespace, name, args).await
        }
    }
}

async fn ask(address: &str, namespace: &str, name: &str, args: &ExplainArgs) -> Result<Vec<Record>, Failed> {
    let limit = if args.sequence.is_some() { MOST_RECORDS } else { args.last.clamp(1, MOST_RECORDS) };
    let kind = if args.changes { "actions" } else { "all" };
    let url = format!("{address}/api/v1/targets/{namespace}/{name}/records?limit={limit}&kind={kind}");
    let problem = |error: reqwest::Error| {
        Failed::work(format!("asking the operator at {address}: {}; is its console served there?", error.without_url()))
    };
    let client = reqwest::Client::builder().timeout(ANSWER_LIMIT).build().map_err(problem)?;
    let reply = client.get(&url).send().await.map_err(problem)?;
    if reply.status() == StatusCode::NOT_FOUND {
        let message = format!(
            "the operator at {address} knows no ScaledObject {namespace}/{name}; is the name right, and does the operator \
             watch that namespace?"
        );
        return Err(Failed::input(message));
    }
    let page: Page = reply.error_for_status().map_err(problem)?.json().await.map_err(problem)?;
    Ok(page.records)
}

/// A port-forward to the replica at work, with its address. It ends when it is dropped.
async fn forward(args: &ExplainArgs) -> Result<(Child, String), Failed> {
    let target = match leader(args).await {
        Some(pod) => format!("pod/{pod}"),
        None => DEPLOYMENT.to_owned(),
    };
    let mut command = Command::new("kubectl");
    if let Some(kubeconfig) = &args.kubeconfig {
        command.arg("--kubeconfig").arg(kubeconfig);
    }
    command
        .args(["--namespace", &args.operator_namespace, "port-forward", "--address", "127.0.0.1", &target])
        .arg(format!(":{}", args.operator_port))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let by_hand = format!(
        "make one yourself (kubectl -n {} port-forward {target} {port}) and give --operator http://127.0.0.1:{port}",
        args.operator_namespace,
        port = args.operator_port
    );
    let mut child = command
        .spawn()
        .map_err(|error| Failed::work(format!("starting kubectl for a port-forward: {error}; {by_hand}")))?;
    let lines = child.stdout.take().map(|out| BufReader::new(out).lines());
    let connected = async {
        let mut lines = lines?;
        while let Ok(Some(line)) = lines.next_line().await {
            // "Forwarding from 127.0.0.1:40123 -> 8085"
            if let Some(address) = line.strip_prefix("Forwarding from ").and_then(|rest| rest.split_whitespace().next())
            {
                return Some(format!("http://{address}"));
            }
        }
        None
    };
    match tokio::time::timeout(FORWARD_LIMIT, connected).await {
        Ok(Some(address)) => Ok((child, address)),
        _ => {
            let why = complaint(child).await;
            Err(Failed::work(format!("kubectl made no port-forward to {target}{why}; {by_hand}")))
        }
    }
}

/// What kubectl said before it gave up.
async fn complaint(mut child: Child) -> String {
    let _ = child.start_kill();
    let said = child.wait_with_output().await.map(|output| output.stderr).unwrap_or_default();
    let said = String::from_utf8_lossy(&said);
    match said.trim() {
        "" => String::new(),
        text => format!(": {text}"),
    }
}

/// The pod that holds the lease.
async fn leader(args: &ExplainArgs) -> Option<String> {
    let client = connect(args.kubeconfig.as_deref(), None).await.ok()?;
    let leases: Api<Lease> = Api::namespaced(client, &args.operator_namespace);
    let lease = tokio::time::timeout(ANSWER_LIMIT, leases.get(LEASE)).await.ok()?.ok()?;
    lease.spec?.holder_identity.filter(|holder| !holder.is_empty())
}
