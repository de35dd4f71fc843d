//! What admission says of the kinds beside ScaledObjects.

use serde_json::{Value, json};
use tidegate_crds::admission::{Verdict, check_authentication, check_cloud_events, check_scaled_job};
use tidegate_crds::{
    CloudEventSource, ClusterTriggerAuthentication, Located, ScaledJob, Source, TriggerAuthentication, from_json,
};

use crate::rules::{merge, said, says};

fn authentication(spec: Value) -> Verdict {
    let object = json!({"metadata": {"name": "a", "namespace": "shop"}, "spec": spec});
    let namespaced: Located<TriggerAuthentication> = from_json(&object).usable().unwrap().0;
    let cluster_wide: Located<ClusterTriggerAuthentication> = from_json(&object).usable().unwrap().0;
    let verdict = check_authentication(&namespaced.value.metadata, &namespaced.value.spec, false, &namespaced.source);
    if namespaced.value.spec.file_path.is_none() {
        let wide =
            check_authentication(&cluster_wide.value.metadata, &cluster_wide.value.spec, true, &cluster_wide.source);
        assert_eq!(said(&verdict), said(&wide));
    }
    verdict
}

/// VAL-23, VAL-24, VAL-25, VAL-26
#[test]
fn authentications_are_checked() {
    let identity = |identity: Value| json!({"podIdentity": identity});
    let oauth = |id: &str, url: &str| json!({"oauth2": {"type": "clientCredentials", "clientId": id, "tokenUrl": url}});
    let mut beside_gcp = oauth("", "https://a");
    merge(&mut beside_gcp, identity(json!({"provider": "gcp"})));
    for (spec, words) in [
        (identity(json!({"provider": "azure-workload"})), &[][..]),
        (
            identity(json!({"provider": "azure-workload", "identityId": ""})),
            &["incorrect-authentication", "identityId"],
        ),
        (
            identity(json!({"provider": "azure-workload", "identityId": "a", "identityTenantId": ""})),
            &["incorrect-authentication", "identityTenantId"],
        ),
        (
            identity(json!({"provider": "azure-workload", "identityAuthorityHost": "a"})),
            &["incorrect-authentication", "identityAuthorityHost", "identityTenantId"],
        ),
        (
            identity(json!({"provider": "aws", "roleArn": "a", "identityOwner": "workload"})),
            &["incorrect-authentication", "roleArn"],
        ),
        (identity(json!({"provider": "aws", "externalID": "a"})), &["incorrect-authentication", "externalID"]),
        (identity(json!({"provider": "aws", "roleArn": "a", "externalID": "a"})), &[]),
        (oauth("a", "https://a"), &[]),
        (oauth("", "https://a"), &["incorrect-authentication", "spec.oauth2.clientId"]),
        (oauth("a", "ftp://a"), &["incorrect-authentication", "spec.oauth2.tokenUrl", "ftp://a"]),
        (beside_gcp, &["incorrect-authentication", "spec.oauth2.clientId"]),
        (json!({"filePath": "a.json"}), &["warning spec.filePath", "ClusterTriggerAuthentication"]),
    ] {
        says(&authentication(spec), words);
    }
}

/// PAIN-21: of both kinds, since what cannot be understood would allow every host.
#[test]
fn allowed_hosts_are_checked() {
    let checked = |hosts: &str| {
        let metadata = json!({"name": "a", "annotations": {"tidegate.dev/allowed-hosts": hosts}});
        let object = json!({"metadata": metadata, "spec": {}});
        let wide: Located<ClusterTriggerAuthentication> = from_json(&object).usable().unwrap().0;
        let plain: Located<TriggerAuthentication> = from_json(&object).usable().unwrap().0;
        let verdict = check_authentication(&wide.value.metadata, &wide.value.spec, true, &wide.source);
        let same = check_authentication(&plain.value.metadata, &plain.value.spec, false, &plain.source);
        assert_eq!(said(&verdict), said(&same));
        verdict
    };
    says(&checked("kafka.prod.svc:9092, *.example.com"), &[]);
    let field = "metadata.annotations[\"tidegate.dev/allowed-hosts\"]";
    for hosts in ["", "https://kafka.prod.svc", "*", "kafka:99999"] {
        says(&checked(hosts), &["incorrect-authentication", field, "expected hosts separated by commas"]);
    }
}

fn events(spec: Value) -> Verdict {
    let understood = from_json::<CloudEventSource>(&json!({"metadata": {"name": "a"}, "spec": spec}));
    let mut verdict = Verdict::default();
    verdict.extend("schema", understood.problems);
    if verdict.is_allowed() {
        verdict = check_cloud_events(&understood.object.unwrap().value.spec, &Source::default());
    }
    verdict
}

/// VAL-27, VAL-28
#[test]
fn cloud_event_sources_are_checked() {
    let with =
        |subscription: Value| json!({"destination": {"http": {"uri": "http://a"}}, "eventSubscription": subscription});
    let (failed, ready) = ("keda.scaledobject.failed.v1", "keda.scaledobject.ready.v1");
    says(&events(with(json!({"includedEventTypes": [failed]}))), &[]);
    says(&events(with(json!({"excludedEventTypes": [failed]}))), &[]);
    let both = json!({"includedEventTypes": [failed], "excludedEventTypes": [ready]});
    says(&events(with(both)), &["incorrect-event-subscription", "excludedEventTypes"]);
    says(&events(with(json!({"includedEventTypes": ["keda.coffee.ready.v1"]}))), &["schema", "includedEventTypes[0]"]);
    let of_authentication = "keda.authentication.triggerauthentication.created.v1";
    says(&events(with(json!({"includedEventTypes": [of_authentication]}))), &[]);
    says(&events(json!({"destination": {}})), &["spec.destination", "found nothing"]);
    says(&events(json!({"destination": {"http": {"uri": "a"}}})), &["spec.destination.http.uri"]);
}

fn job(changes: Value) -> Verdict {
    let mut object = json!({"metadata": {"name": "j"}, "spec": {
        "jobTargetRef": {"template": {"spec": {"containers": [{"name": "main", "image": "a"}]}}},
        "triggers": [{"type": "kafka", "metadata": {}}]}});
    merge(&mut object, json!({"spec": changes}));
    let understood = from_json::<ScaledJob>(&object);
    let mut verdict = Verdict::default();
    verdict.extend("schema", understood.problems);
    if let Some(object) = understood.object.filter(|_| verdict.is_allowed()) {
        let further = check_scaled_job(&object.map(|object| object));
        verdict.errors.extend(further.errors);
        verdict.warnings.extend(further.warnings);
    }
    verdict
}

/// VAL-01, VAL-04, VAL-14
#[test]
fn scaled_jobs_are_checked() {
    says(&job(json!({})), &[]);
    says(&job(json!({"triggers": []})), &["schema spec.triggers"]);
    says(&job(json!({"rollout": {"strategy": "never"}})), &["schema spec.rollout.strategy", "gradual or immediate"]);
    says(&job(json!({"rollout": {"propagationPolicy": "orphan"}})), &["schema", "propagationPolicy"]);
    says(&job(json!({"scalingStrategy": {"strategy": "lucky"}})), &["schema", "scalingStrategy.strategy"]);
    says(&job(json!({"scalingStrategy": {"multipleScalersCalculation": "mean"}})), &["schema", "multipleScalers"]);
    says(&job(json!({"jobTargetRef": {"template": {"spec": {"contaners": []}}}})), &["warning", "contaners"]);
    let twice = json!([{"type": "kafka", "name": "a", "metadata": {}}, {"type": "kafka", "name": "a", "metadata": {}}]);
    says(&job(json!({"triggers": twice})), &["incorrect-triggers", "spec.triggers[1].name"]);
    says(&job(json!({"triggers": [{"type": "external-push", "metadata": {}}]})), &["warning", "external-push"]);
}
