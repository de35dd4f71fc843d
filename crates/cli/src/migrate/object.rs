//! What would be otherwise for a ScaledObject.

use tidegate_crds::admission::TargetKey;
use tidegate_crds::{AuthenticationKind, FallbackKind, ScaledObject, Severity, Understood, admission};

use super::authentication;
use super::judge::Authentications;
use super::known::Known;
use super::report::{Finding, Weight};
use super::trigger;

/// Judges one.
pub(super) fn judge(
    understood: &Understood<ScaledObject>,
    known: &Known,
    authentications: &Authentications,
) -> Vec<Finding> {
    let mut findings: Vec<Finding> =
        understood.problems.iter().map(|problem| told(problem.severity, &problem.field, &problem.text())).collect();
    let Some(object) = &understood.object else {
        findings.push(Finding::new(Weight::Breaks, "", "is not understood"));
        return findings;
    };
    let metadata = &object.value.metadata;
    let namespace = metadata.namespace.as_deref().unwrap_or("default");
    let verdict = admission::check(&object.map(|object| object), None, known);
    findings.extend(verdict.errors.iter().map(|refusal| {
        let problem = &refusal.problem;
        told(problem.severity, &problem.field, &format!("would be refused: {}", problem.text()))
    }));
    for (index, found) in object.value.spec.triggers.iter().enumerate() {
        findings.extend(trigger::judge(found, index));
        let Some(reference) = &found.authentication_ref else { continue };
        let field = format!("spec.triggers[{index}].authenticationRef");
        let cluster = reference.kind.unwrap_or_default() == AuthenticationKind::ClusterTriggerAuthentication;
        let of = if cluster { String::new() } else { namespace.to_owned() };
        match authentications.get(&(cluster, of, reference.name.clone())) {
            Some(spec) => findings.extend(
                authentication::judge(spec, cluster)
                    .into_iter()
                    .filter(|finding| finding.weight == Weight::Breaks)
                    .map(|finding| Finding {
                        field: format!("{field} ({}: {})", reference.name, finding.field),
                        ..finding
                    }),
            ),
            None => {
                let message = format!(
                    "{:?} does not exist: KEDA connects without credentials, here it is an error until it does",
                    reference.name
                );
                findings.push(Finding::new(Weight::Breaks, field, message));
            }
        }
    }
    findings.extend(of_the_whole(&object.value));
    findings
}

fn told(severity: Severity, field: &str, message: &str) -> Finding {
    let weight = if severity == Severity::Error { Weight::Breaks } else { Weight::Note };
    Finding::new(weight, field, message)
}

/// Settings of the object as a whole.
fn of_the_whole(object: &ScaledObject) -> Vec<Finding> {
    let spec = &object.spec;
    let mut findings = Vec::new();
    let mut add = |weight, field: &str, message: &str| findings.push(Finding::new(weight, field, message));
    if let Some(fallback) = &spec.fallback {
        add(
            Weight::Differs,
            "spec.fallback",
            "takes effect too when a trigger cannot be set up or useCachedMetrics is set; \
            in KEDA it does not",
        );
        if fallback.replicas == 0 && fallback.behavior == FallbackKind::Static {
            add(
                Weight::Differs,
                "spec.fallback.replicas",
                "0: in KEDA an outage of the source can bring the workload to \
                zero; here nothing goes to zero on missing knowledge",
            );
        }
        let modifiers = spec.advanced.as_ref().and_then(|advanced| advanced.scaling_modifiers.as_ref());
        if modifiers.is_some_and(|modifiers| modifiers.target.contains('.')) {
            add(
                Weight::Differs,
                "spec.advanced.scalingModifiers.target",
                "has a fraction, which silently switches fallback \
                off in KEDA; here fallback works",
            );
        }
    }
    if spec.idle_replica_count.is_some_and(|idle| idle > 0) {
        add(
            Weight::Note,
            "spec.idleReplicaCount",
            "above 0 it flaps in KEDA, since the HorizontalPodAutoscaler works \
            against it; here it does not",
        );
    }
    if spec.triggers.len() > 1 {
        add(
            Weight::Note,
            "spec.triggers",
            "when some triggers fail, nothing is scaled in, as in KEDA; a ScalingPolicy \
            can say otherwise",
        );
    }
    findings
}

/// The rights to a kind of target that the manifests do not give.
pub(super) fn rights(object: &ScaledObject) -> Option<String> {
    let target = TargetKey::from(&object.spec.scale_target_ref);
    let known = match target.group.as_str() {
        "apps" => matches!(target.kind.as_str(), "Deployment" | "StatefulSet" | "ReplicaSet"),
        "argoproj.io" => target.kind == "Rollout",
        _ => false,
    };
    if known {
        return None;
    }
    // English plurals of nearly all kinds; kubectl api-resources has the others.
    let lower = target.kind.to_lowercase();
    let plural = if lower.ends_with('s') { format!("{lower}es") } else { format!("{lower}s") };
    Some(format!(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata:\n  name: tidegate-targets-{plural}\n  \
         labels:\n    rbac.tidegate.dev/aggregate-to-targets: \"true\"\nrules:\n  - apiGroups: [{group}]\n    resources: \
         [{plural}]\n    verbs: [get, list, watch]\n  - apiGroups: [{group}]\n    resources: [{plural}/scale]\n    verbs: \
         [get, patch]",
        group = target.group
    ))
}
