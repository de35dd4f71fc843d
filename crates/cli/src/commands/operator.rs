//! `tidegate operator`: takes the place of KEDA's three programs in a cluster.

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use crate::args::OperatorArgs;
use crate::exit::{Done, Failed};
use crate::live;
use crate::operator::{Settings, settings};

/// Runs it until a signal comes. Whether it can do its work is told by /readyz.
pub(crate) fn run(args: &OperatorArgs) -> Done {
    live::log_as_asked(&args.zap_log_level, args.zap_encoder == "json").map_err(Failed::input)?;
    let lookup = |name: &str| std::env::var(name).ok();
    let Settings { options, warnings } = settings(args, &lookup)
        .map_err(|problems| Failed::input(format!("nothing was started\n{}", problems.join("\n"))))?;
    live::block_on(async move {
        for warning in warnings {
            tracing::warn!("{warning}");
        }
        let stop = live::stop_on_signal()?;
        let client = client(args).await?;
        let started = tokio::select! {
            started = tidegate_operator::start(client, options) => started,
            () = stop.cancelled() => {
                tracing::info!("stopping: a signal came before the API server answered");
                return Ok(());
            }
        };
        let operator = started.map_err(|error| Failed::work(format!("starting the operator: {error}")))?;
        tracing::info!(running = ?operator.running(), "the operator is at work");
        stop.cancelled().await;
        tracing::info!("stopping: a signal came");
        operator.stop().await;
        Ok(())
    })
}

/// A client of the cluster that the arguments, the environment or the pod name.
pub(crate) async fn client(args: &OperatorArgs) -> Result<Client, Failed> {
    connect(args.kubeconfig.as_deref(), args.context.as_deref()).await
}

/// A client of a kubeconfig's cluster; without one, of the pod's cluster, or of the kubeconfig that kubectl would use.
pub(crate) async fn connect(kubeconfig: Option<&std::path::Path>, context: Option<&str>) -> Result<Client, Failed> {
    let options = KubeConfigOptions { context: context.map(str::to_owned), ..KubeConfigOptions::default() };
    let config = match (kubeconfig, context) {
        (Some(path), _) => {
            let problem = |error| Failed::input(format!("reading the kubeconfig {}: {error}", path.display()));
            let file = Kubeconfig::read_from(path).map_err(problem)?;
            Config::from_custom_kubeconfig(file, &options).await.map_err(problem)?
        }
        (None, Some(_)) => Config::from_kubeconfig(&options)
            .await
            .map_err(|error| Failed::input(format!("reading the kubeconfig: {error}")))?,
        (None, None) => Config::infer().await.map_err(|error| {
            let advice = "run in a pod with a service account, set KUBECONFIG, or give --kubeconfig";
            Failed::input(format!("finding the cluster: {error}; {advice}"))
        })?,
    };
    tidegate_operator::client(config).map_err(|error| Failed::input(format!("making a client of the cluster: {error}")))
}
