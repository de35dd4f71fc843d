//! What would be otherwise for a (Cluster)TriggerAuthentication.

use tidegate_crds::{TriggerAuthenticationSpec, pod_identity};

use super::report::{Finding, Weight};

/// Judges one; `cluster`: whether it is of the whole cluster.
pub(super) fn judge(spec: &TriggerAuthenticationSpec, cluster: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut add = |weight, field: &str, message: &str| findings.push(Finding::new(weight, field, message));
    for (field, given) in [
        ("spec.hashiCorpVault", spec.hashi_corp_vault.is_some()),
        ("spec.azureKeyVault", spec.azure_key_vault.is_some()),
        ("spec.gcpSecretManager", spec.gcp_secret_manager.is_some()),
        ("spec.awsSecretManager", spec.aws_secret_manager.is_some()),
    ] {
        if given {
            let message = "is not served yet: triggers that use it would not be read; put the values into a Secret \
                (External Secrets can keep it up to date) and use secretTargetRef";
            add(Weight::Breaks, field, message);
        }
    }
    if let Some(provider) = pod_identity(spec) {
        let message = format!("the identity {provider} is not served yet: triggers that need it would not be read");
        add(Weight::Breaks, "spec.podIdentity", &message);
    }
    if spec.file_path.is_some() {
        match cluster {
            true => add(
                Weight::Note,
                "spec.filePath",
                "the file has to be mounted into Tidegate's pods too, and \
                --filepath-auth-root-path given; a file that changes is read again",
            ),
            false => add(Weight::Breaks, "spec.filePath", "is only for a ClusterTriggerAuthentication, as in KEDA"),
        }
    }
    if !spec.secret_target_ref.is_empty() || !spec.config_map_target_ref.is_empty() {
        add(
            Weight::Note,
            "spec",
            "a missing Secret, ConfigMap or key is an error that names it; KEDA goes on without the \
            value, be it a password. A changed one is used at the next poll",
        );
    }
    if !spec.bound_service_account_token.is_empty() {
        add(
            Weight::Note,
            "spec.boundServiceAccountToken",
            "the operator's account needs the right to ask for these tokens; \
            see the rights below. A token is renewed before it ends",
        );
    }
    findings
}

/// The rights that it needs beyond those of the manifests.
pub(super) fn rights(spec: &TriggerAuthenticationSpec, namespace: &str) -> Vec<String> {
    let namespace = if namespace.is_empty() { "keda" } else { namespace };
    let mut names: Vec<&str> =
        spec.bound_service_account_token.iter().map(|token| token.service_account_name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        return Vec::new();
    }
    let name = format!("tidegate-tokens-{}", names.join("-"));
    vec![format!(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata:\n  name: {name}\n  namespace: {namespace}\nrules:\n  \
         - apiGroups: [\"\"]\n    resources: [serviceaccounts/token]\n    resourceNames: [{}]\n    verbs: [create]\n---\n\
         apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata:\n  name: {name}\n  namespace: {namespace}\n\
         roleRef:\n  apiGroup: rbac.authorization.k8s.io\n  kind: Role\n  name: {name}\nsubjects:\n  - kind: \
         ServiceAccount\n    name: tidegate-operator\n    namespace: keda",
        names.join(", ")
    )]
}
