//! Rules for (Cluster)TriggerAuthentications beyond their schema.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{Refusal, Verdict, reason};
use crate::allowed_hosts::{allowed_hosts, allowed_hosts_field};
use crate::object::Source;
use crate::problem::Problem;
use crate::trigger_authentication::{IdentityOwner, PodIdentity, PodIdentityProvider, TriggerAuthenticationSpec};

/// Identities, OAuth settings, `filePath` and allowed hosts. `cluster_wide`: of a ClusterTriggerAuthentication.
#[must_use]
pub fn check_authentication(
    metadata: &ObjectMeta,
    spec: &TriggerAuthenticationSpec,
    cluster_wide: bool,
    source: &Source,
) -> Verdict {
    let mut problems = Vec::new();
    check(spec, source, &mut problems);
    if let Err(message) = allowed_hosts(&source.object, metadata) {
        problems.push(source.error(&allowed_hosts_field(), message));
    }
    if spec.file_path.is_some() && !cluster_wide {
        let message = "only a ClusterTriggerAuthentication can name a file of the operator, so triggers that use this will \
                       fail; use secretTargetRef, or the other kind";
        problems.push(source.warning("spec.filePath", message));
    }
    let reason = reason::AUTHENTICATION;
    Verdict::from(problems.into_iter().map(|problem| Refusal { reason, problem }).collect::<Vec<_>>())
}

/// Identities and OAuth settings.
fn check(spec: &TriggerAuthenticationSpec, source: &Source, problems: &mut Vec<Problem>) {
    if let Some(identity) = &spec.pod_identity {
        match identity.provider {
            PodIdentityProvider::AzureWorkload => azure(identity, source, problems),
            PodIdentityProvider::Aws => aws(identity, source, problems),
            _ => {}
        }
    }
    if let Some(oauth) = &spec.oauth2 {
        if oauth.client_id.is_empty() {
            problems.push(source.mismatch("spec.oauth2.clientId", "\"\"", "text that is not empty"));
        }
        if !oauth.token_url.starts_with("http://") && !oauth.token_url.starts_with("https://") {
            let found = format!("{:?}", oauth.token_url);
            problems.push(source.mismatch("spec.oauth2.tokenUrl", found, "a URL that starts with https:// or http://"));
        }
    }
}

fn azure(identity: &PodIdentity, source: &Source, problems: &mut Vec<Problem>) {
    let tenant = identity.identity_tenant_id.as_deref();
    for (field, value) in [("identityId", identity.identity_id.as_deref()), ("identityTenantId", tenant)] {
        if value == Some("") {
            let expected = "an id; leave it out for the default";
            problems.push(source.mismatch(&format!("spec.podIdentity.{field}"), "\"\"", expected));
        }
    }
    if identity.identity_authority_host.as_deref().is_some_and(|host| !host.is_empty())
        && tenant.is_none_or(str::is_empty)
    {
        let message = "needs spec.podIdentity.identityTenantId beside it";
        problems.push(source.error("spec.podIdentity.identityAuthorityHost", message));
    }
}

fn aws(identity: &PodIdentity, source: &Source, problems: &mut Vec<Problem>) {
    let role = identity.role_arn.as_deref().is_some_and(|role| !role.is_empty());
    if role && identity.identity_owner == Some(IdentityOwner::Workload) {
        let message = "cannot be given together with identityOwner workload; give one of the two";
        problems.push(source.error("spec.podIdentity.roleArn", message));
    }
    if !role && identity.external_id.as_deref().is_some_and(|id| !id.is_empty()) {
        problems.push(source.error("spec.podIdentity.externalID", "needs spec.podIdentity.roleArn beside it"));
    }
}
