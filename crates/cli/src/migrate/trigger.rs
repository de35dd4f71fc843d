//! What would be otherwise for one trigger: types that are not served, parameters that are refused, and where Tidegate
//! differs from KEDA on purpose. `docs/migrating-from-keda.md` has the list for people.

use std::net::IpAddr;

use tidegate_crds::Trigger;
use tidegate_scalers::{ApiServer, EgressPolicy, catalog};

use super::report::{Finding, Weight};

/// Judges the trigger with this index.
pub(super) fn judge(trigger: &Trigger, index: usize) -> Vec<Finding> {
    let base = format!("spec.triggers[{index}]");
    let mut findings = Vec::new();
    let Some(row) = catalog::find(&trigger.kind) else {
        let message = match catalog::not_yet_served().any(|kind| kind == trigger.kind) {
            true => format!("the trigger type {} is not served yet: the object would not be scaled", trigger.kind),
            false => format!("{} is no trigger type of KEDA's", trigger.kind),
        };
        return vec![Finding::new(Weight::Breaks, format!("{base}.type"), message)];
    };
    for parameter in row.parameters.iter().filter(|parameter| !parameter.choices.is_empty()) {
        // Where one choice is meant, KEDA also takes several and uses whichever code comes first.
        let Some(text) = trigger.metadata.get(parameter.name).map(|text| text.trim()) else { continue };
        let known = |text: &str| parameter.choices.contains(&text);
        if text.contains(',')
            && parameter.exclusive.is_empty()
            && !known(text)
            && text.split(',').all(|part| known(part.trim()))
        {
            let message = format!("found {text:?}: several choices where one is meant are an error here");
            findings.push(Finding::new(Weight::Breaks, format!("{base}.metadata.{}", parameter.name), message));
        }
    }
    findings.extend(addresses(trigger, &base));
    findings.extend(differences(trigger, row.name(), &base));
    if trigger.use_cached_metrics {
        let message = "has no effect: all external metrics are answered from memory, with the age of the value";
        findings.push(Finding::new(Weight::Note, format!("{base}.useCachedMetrics"), message));
    }
    findings
}

/// What is said of a type for a reason in its parameters.
type Rule = (&'static str, fn(&Trigger) -> bool, Weight, &'static str, &'static str);

fn given(trigger: &Trigger, name: &str) -> bool {
    trigger.metadata.get(name).is_some_and(|text| !text.trim().is_empty())
}

fn is(trigger: &Trigger, name: &str, wanted: &str) -> bool {
    trigger.metadata.get(name).is_some_and(|text| text.trim() == wanted)
}

const RULES: &[Rule] = &[
    (
        "kafka",
        |trigger| !is(trigger, "allowIdleConsumers", "true"),
        Weight::Differs,
        "",
        "replicas never exceed the partitions; KEDA rounds the bound down, so that it can ask for one more than there are",
    ),
    (
        "kafka",
        |trigger| !given(trigger, "topic") && !given(trigger, "topicFromEnv"),
        Weight::Differs,
        "metadata.topic",
        "without a topic, a group that has committed nothing holds the replicas and says so; KEDA counts all topics of the \
         cluster",
    ),
    (
        "kafka",
        |trigger| trigger.kind == "apache-kafka",
        Weight::Differs,
        "",
        "a partition that cannot be read is an error; KEDA takes its end offset as -1",
    ),
    (
        "prometheus",
        |trigger| !is(trigger, "ignoreNullValues", "false"),
        Weight::Note,
        "metadata.ignoreNullValues",
        "an empty result counts as 0, as in KEDA; each decision says that it did, and a ScalingPolicy can hold instead",
    ),
    (
        "prometheus",
        |trigger| given(trigger, "credentialsFromEnvFile"),
        Weight::Breaks,
        "metadata.credentialsFromEnvFile",
        "is refused: files of the operator are not given to triggers; use a TriggerAuthentication",
    ),
    (
        "prometheus",
        |trigger| given(trigger, "identityOwner") || given(trigger, "awsRegion"),
        Weight::Differs,
        "metadata",
        "requests are signed only where that is asked for; KEDA signs for any server with the operator's own identity",
    ),
    (
        "prometheus",
        |trigger| is(trigger, "unsafeSsl", "true"),
        Weight::Differs,
        "metadata.unsafeSsl",
        "is honoured together with a CA too; KEDA drops it then",
    ),
    (
        "metrics-api",
        |trigger| {
            given(trigger, "aggregateFromKubeServiceEndpoints")
                && !is(trigger, "aggregateFromKubeServiceEndpoints", "false")
        },
        Weight::Differs,
        "metadata.aggregateFromKubeServiceEndpoints",
        "an endpoint that cannot be read makes the reading fail; KEDA leaves it out of the sum",
    ),
    (
        "metrics-api",
        |trigger| is(trigger, "format", "xml"),
        Weight::Differs,
        "metadata.format",
        "xml works as documented; KEDA's does not",
    ),
    (
        "metrics-api",
        |trigger| {
            ["custom", "oauth"].iter().any(|mode| {
                trigger
                    .metadata
                    .get("authMode")
                    .or_else(|| trigger.metadata.get("authModes"))
                    .is_some_and(|text| text.contains(mode))
            })
        },
        Weight::Breaks,
        "metadata.authMode",
        "custom and oauth are accepted by KEDA and never sent; here they are an error",
    ),
    (
        "external",
        |_| true,
        Weight::Differs,
        "",
        "when the server is out of reach its metric stays in the HorizontalPodAutoscaler; KEDA takes it out until it answers",
    ),
    (
        "external-push",
        |_| true,
        Weight::Differs,
        "",
        "when the server is out of reach its metric stays in the HorizontalPodAutoscaler; KEDA takes it out until it answers",
    ),
];

fn differences(trigger: &Trigger, name: &str, base: &str) -> Vec<Finding> {
    let apply = |(kind, applies, weight, field, message): &Rule| {
        let field = if field.is_empty() { base.to_owned() } else { format!("{base}.{field}") };
        (*kind == name && applies(trigger)).then(|| Finding::new(*weight, field, *message))
    };
    RULES.iter().filter_map(apply).collect()
}

/// Addresses that triggers may not reach.
fn addresses(trigger: &Trigger, base: &str) -> Vec<Finding> {
    let policy = EgressPolicy::cluster(ApiServer::default());
    let mut findings = Vec::new();
    for (name, text) in &trigger.metadata {
        for host in hosts(text) {
            let refused = match host.trim_matches(['[', ']']).parse::<IpAddr>() {
                Ok(address) => policy.judge(address).err().map(|refusal| refusal.to_string()),
                Err(_) => refused_name(&host).map(str::to_owned),
            };
            if let Some(why) = refused {
                let message = format!("{host}: {why} (flag --allow-address of the operator)");
                findings.push(Finding::new(Weight::Breaks, format!("{base}.metadata.{name}"), message));
            }
        }
    }
    findings
}

fn refused_name(host: &str) -> Option<&'static str> {
    match host {
        "localhost" => Some("triggers may not reach the operator's own machine"),
        "kubernetes" | "kubernetes.default" | "kubernetes.default.svc" | "kubernetes.default.svc.cluster.local" => {
            Some("triggers may not reach the Kubernetes API server unless the administrator allows it")
        }
        "metadata.google.internal" => Some("triggers may not reach the cloud's metadata service"),
        _ => None,
    }
}

/// The hosts in a text that looks like an address, or like several.
fn hosts(text: &str) -> Vec<String> {
    let host = |part: &str| {
        let part = part.trim();
        if let Some((_, rest)) = part.split_once("://") {
            let authority = rest.split(['/', '?', '#']).next()?;
            let host = authority.rsplit('@').next()?;
            return Some(without_port(host));
        }
        let (_, port) = part.rsplit_once(':')?;
        port.parse::<u16>().ok().map(|_| without_port(part))
    };
    text.split(',').filter_map(host).filter(|host| !host.is_empty() && !host.contains(char::is_whitespace)).collect()
}

fn without_port(host: &str) -> String {
    let end = match host.rsplit_once(':') {
        Some((before, port)) if port.parse::<u16>().is_ok() && (!before.contains(':') || before.ends_with(']')) => {
            before
        }
        _ => host,
    };
    end.to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_found_in_addresses_and_lists_of_them() {
        for (text, expected) in [
            ("http://127.0.0.1:9090/api", vec!["127.0.0.1"]),
            ("kafka-0:9092, kafka-1:9092", vec!["kafka-0", "kafka-1"]),
            ("https://user:secret@prometheus.example/x", vec!["prometheus.example"]),
            ("http://[::1]:80", vec!["[::1]"]),
            ("sum(rate(x[1m]))", vec![]),
            ("0 8 * * *", vec![]),
        ] {
            assert_eq!(hosts(text), expected, "{text}");
        }
    }
}
