//! KEDA's own settings, and the way there and back.

use clap::Parser;
use serde_json::Value;

use super::report::{Finding, Weight};
use super::survey::Survey;
use crate::args::{Cli, Command};
use crate::operator::settings;

/// What would be otherwise for the settings of KEDA's programs.
pub(super) fn judge(survey: &Survey) -> Vec<Finding> {
    let mut findings = Vec::new();
    for deployment in survey.deployments.iter().filter(|deployment| is_keda(deployment)) {
        let name = deployment["metadata"]["name"].as_str().unwrap_or_default();
        for container in deployment["spec"]["template"]["spec"]["containers"].as_array().into_iter().flatten() {
            findings.extend(of_container(name, container));
        }
    }
    if let Some(service) = survey.api_service.as_ref().map(|object| &object["spec"]["service"]) {
        let (namespace, name) = (service["namespace"].as_str().unwrap_or(""), service["name"].as_str().unwrap_or(""));
        if !name.contains("keda") && !name.contains("tidegate") {
            let message = format!(
                "external metrics are served by {namespace}/{name}, which is not KEDA: a cluster has one provider, and its \
                 metrics would be gone"
            );
            findings.push(Finding::new(Weight::Breaks, "APIService v1beta1.external.metrics.k8s.io", message));
        }
    }
    findings
}

fn is_keda(deployment: &Value) -> bool {
    let metadata = &deployment["metadata"];
    let name = metadata["name"].as_str().unwrap_or_default();
    let part = metadata["labels"]["app.kubernetes.io/part-of"].as_str().unwrap_or_default();
    !name.starts_with("tidegate") && (name.starts_with("keda") || part.starts_with("keda"))
}

/// Its arguments and variables as our own command line takes them.
fn of_container(deployment: &str, container: &Value) -> Vec<Finding> {
    let place = format!("Deployment {deployment}");
    let texts = |field: &Value| -> Vec<String> {
        field.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let given: Vec<String> = texts(&container["command"])
        .into_iter()
        .chain(texts(&container["args"]))
        .skip_while(|argument| !argument.starts_with('-'))
        .collect();
    let words = ["tidegate", "operator"].into_iter().map(str::to_owned);
    let command = match Cli::try_parse_from(words.chain(given)).map(|cli| cli.command) {
        Ok(Command::Operator(args)) => args,
        Ok(_) => return Vec::new(),
        Err(error) => {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
            let message = format!("an argument is not taken: {first}; leave it out");
            return vec![Finding::new(Weight::Note, place, message)];
        }
    };
    let variable = |name: &str| {
        let variables = container["env"].as_array().into_iter().flatten();
        let found =
            variables.filter(|variable| variable["name"] == name).find_map(|variable| variable["value"].as_str());
        found.map(str::to_owned)
    };
    match settings(&command, &variable) {
        Ok(settings) => {
            let mut findings: Vec<Finding> = settings
                .warnings
                .into_iter()
                .map(|warning| Finding::new(Weight::Note, place.clone(), warning))
                .collect();
            findings.extend(carried(&place, &variable));
            findings
        }
        Err(problems) => {
            problems.into_iter().map(|problem| Finding::new(Weight::Note, place.clone(), problem)).collect()
        }
    }
}

/// Settings that have to be carried over by hand.
fn carried(place: &str, variable: &dyn Fn(&str) -> Option<String>) -> Vec<Finding> {
    const NAMES: [&str; 7] = [
        "WATCH_NAMESPACE",
        "WATCH_LABEL_SELECTOR",
        "WATCH_LABEL_SELECTOR_FOR_TRIGGERAUTH",
        "KEDA_CLUSTER_OBJECT_NAMESPACE",
        "KEDA_RESTRICT_SECRET_ACCESS",
        "KEDA_BOUND_SERVICE_ACCOUNT_TOKEN_EXPIRY",
        "KEDA_HTTP_DEFAULT_TIMEOUT",
    ];
    let defaults = ["", "1h", "1h0m0s", "3000", "false"];
    let set = NAMES.into_iter().filter_map(|name| Some((name, variable(name)?)));
    set.filter(|(_, value)| !defaults.contains(&value.as_str()))
        .map(|(name, value)| {
            let message = format!("set {name}={value} in Tidegate's Deployment too; it means the same there");
            Finding::new(Weight::Note, place, message)
        })
        .collect()
}

/// The steps there. `jobs`: some objects have to stay with KEDA; `rights`: more rights are needed.
pub(super) fn there(jobs: bool, rights: bool) -> Vec<String> {
    let mut steps = vec![
        "kubectl apply -f deploy/ -l tidegate.dev/part!=switch    # beside KEDA: it waits for KEDA's lease, so it looks \
         on, warm, and changes nothing"
            .to_owned(),
    ];
    if rights {
        steps.push("apply the rights that are listed above".to_owned());
    }
    steps.extend([
        "kubectl -n keda rollout status deployment/tidegate-operator".to_owned(),
        "tidegate explain --namespace NAMESPACE NAME    # for some objects: compare with what KEDA does".to_owned(),
        "kubectl apply -f deploy/ -l tidegate.dev/part=switch    # metrics and admission now come from Tidegate, with the same \
         values; KEDA still scales"
            .to_owned(),
    ]);
    if jobs {
        steps.push(
            "stop here while ScaledJobs are needed: with the next step nobody would make jobs for them any more"
                .to_owned(),
        );
    }
    steps.extend([
        "kubectl -n keda scale deployment/keda-operator --replicas=0    # the lease ends within 17 s and Tidegate takes over; \
         HorizontalPodAutoscalers and replicas stay as they are"
            .to_owned(),
        "kubectl get scaledobjects -A    # Ready everywhere?".to_owned(),
        "when all is well: remove KEDA's Deployments, Services and roles, but NOT its CRDs and not namespace keda".to_owned(),
    ]);
    steps
}

/// The steps back.
pub(super) fn back() -> Vec<String> {
    vec![
        "kubectl -n keda scale deployment/tidegate-operator --replicas=0    # replicas stay as they are".to_owned(),
        "kubectl apply --server-side --force-conflicts -f KEDA'S MANIFEST    # or helm upgrade: puts its APIService and webhook \
         back"
            .to_owned(),
        "kubectl -n keda scale deployment/keda-operator --replicas=1    # takes the lease and goes on with the same objects"
            .to_owned(),
        "kubectl delete -f deploy/tidegate.yaml -l 'tidegate.dev/part notin (switch, namespace)'    # what is left of \
         Tidegate; namespace and CRDs stay"
            .to_owned(),
    ]
}
