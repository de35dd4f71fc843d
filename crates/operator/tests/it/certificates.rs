//! Certificates that replicas share in a Secret, that are given as files, and that the API server is told to trust.

use std::time::Duration;

use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1::APIService;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::json;
use tidegate_cluster::Cluster;
use tidegate_operator::{AdmissionOptions, CertificateOptions, Certificates, Options, Readiness, publish};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::served::{options, wait_for};

async fn authorities(certificates: &Certificates) -> String {
    certificates.authorities().borrow().to_string()
}

async fn data(secrets: &Api<Secret>) -> Vec<(String, Vec<u8>)> {
    let data = secrets.get("kedaorg-certs").await.unwrap().data.unwrap();
    data.into_iter().map(|(name, bytes)| (name, bytes.0)).collect()
}

#[tokio::test]
async fn of_replicas_that_start_at_once_all_serve_by_one_authority() {
    let cluster = Cluster::shared().await;
    let namespace = cluster.namespace("replicas").await;
    let (options, stop) = (options(&namespace), CancellationToken::new());
    let _end = stop.clone().drop_guard();
    let start = async || {
        let readiness = Readiness::new();
        let started = Certificates::start(&cluster.client(), &options, &readiness, &stop).await.unwrap();
        assert!(readiness.report().ready, "{}", readiness.report().text());
        started
    };
    let replicas = futures::future::join_all((0..4).map(|_| start())).await;
    let first = authorities(&replicas[0]).await;
    assert!(first.starts_with("-----BEGIN CERTIFICATE-----"), "{first}");
    for replica in &replicas {
        assert_eq!(authorities(replica).await, first);
    }
}

#[tokio::test]
async fn a_deleted_secret_comes_back_with_the_authority_that_is_trusted() {
    let cluster = Cluster::shared().await;
    let namespace = cluster.namespace("deleted").await;
    let (client, stop) = (cluster.client(), CancellationToken::new());
    let _end = stop.clone().drop_guard();
    let started = Certificates::start(&client, &options(&namespace), &Readiness::new(), &stop).await.unwrap();
    let (secrets, first) = (Api::<Secret>::namespaced(client, &namespace), authorities(&started).await);
    let before = data(&secrets).await;
    secrets.delete("kedaorg-certs", &DeleteParams::default()).await.unwrap();
    wait_for("the Secret is back", async || secrets.get("kedaorg-certs").await.map(drop)).await;
    assert_eq!(data(&secrets).await, before);
    assert_eq!(authorities(&started).await, first);
}

/// A Secret as KEDA's own rotation leaves it, whose certificate ends tomorrow.
pub(crate) fn expiring() -> Secret {
    let now = rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(jiff::Timestamp::now().as_second().unsigned_abs());
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name.push(rcgen::DnType::CommonName, "KEDA");
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let authority = parameters.self_signed(&key).unwrap();
    let mut leaf = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    leaf.not_after = now + Duration::from_secs(24 * 3600);
    let leaf_key = KeyPair::generate().unwrap();
    let leaf = leaf.signed_by(&leaf_key, &Issuer::new(parameters, &key)).unwrap();
    let bytes = |text: String| ByteString(text.into_bytes());
    let mut secret: Secret = serde_json::from_value(json!({ "metadata": { "name": "kedaorg-certs" } })).unwrap();
    secret.data = Some(
        [
            ("tls.crt", leaf.pem()),
            ("tls.key", leaf_key.serialize_pem()),
            ("ca.crt", authority.pem()),
            ("ca.key", key.serialize_pem()),
        ]
        .into_iter()
        .map(|(name, text)| (name.to_owned(), bytes(text)))
        .collect(),
    );
    secret
}

#[tokio::test]
async fn a_certificate_of_keda_s_that_ends_soon_is_replaced_and_its_authority_stays_trusted() {
    let cluster = Cluster::shared().await;
    let namespace = cluster.namespace("expiring").await;
    let (client, stop) = (cluster.client(), CancellationToken::new());
    let _end = stop.clone().drop_guard();
    let secrets: Api<Secret> = Api::namespaced(client.clone(), &namespace);
    let theirs = secrets.create(&PostParams::default(), &expiring()).await.unwrap().data.unwrap();
    let started = Certificates::start(&client, &options(&namespace), &Readiness::new(), &stop).await.unwrap();
    let ours = secrets.get("kedaorg-certs").await.unwrap().data.unwrap();
    assert_ne!(ours["tls.crt"], theirs["tls.crt"]);
    let bundle = authorities(&started).await;
    assert_eq!(bundle.matches("BEGIN CERTIFICATE").count(), 2, "{bundle}");
    let lines = |pem: &str| pem.lines().map(str::to_owned).collect::<Vec<_>>().join("");
    assert!(lines(&bundle).ends_with(&lines(&String::from_utf8(theirs["ca.crt"].0.clone()).unwrap())), "{bundle}");
}

/// Without the rights there is one clear error, not a wait without an end.
#[tokio::test]
async fn without_access_to_the_secret_the_start_says_what_is_missing() {
    let cluster = Cluster::shared().await;
    let namespace = cluster.namespace("denied").await;
    let client = cluster.client_as(&namespace, "default").await;
    let (options, readiness, stop) = (options(&namespace), Readiness::new(), CancellationToken::new());
    let error = Certificates::start(&client, &options, &readiness, &stop).await.unwrap_err().to_string();
    let expected = format!("reading Secret {namespace}/kedaorg-certs: ");
    assert!(error.starts_with(&expected) && error.contains("the operator's Role needs"), "{error}");
}

#[tokio::test]
async fn given_files_are_read_again_when_they_change() {
    let cluster = Cluster::shared().await;
    let folder = tempfile::tempdir().unwrap();
    let write = |secret: &Secret| {
        for (name, bytes) in secret.data.as_ref().unwrap() {
            std::fs::write(folder.path().join(name), &bytes.0).unwrap();
        }
        String::from_utf8(secret.data.as_ref().unwrap()["ca.crt"].0.clone()).unwrap()
    };
    let first = write(&expiring());
    let options =
        Options { certificates: CertificateOptions::Files { folder: folder.path().to_owned() }, ..Options::default() };
    let stop = CancellationToken::new();
    let _end = stop.clone().drop_guard();
    let client = cluster.client();
    let started = Certificates::start(&client, &options, &Readiness::new(), &stop).await.unwrap();
    assert_eq!(authorities(&started).await, first);
    let second = write(&expiring());
    wait_for("the new files are in use", async || {
        if authorities(&started).await == second { Ok(()) } else { Err("the first ones are") }
    })
    .await;
    std::fs::write(folder.path().join("tls.key"), "no key").unwrap();
    let broken = Certificates::start(&client, &options, &Readiness::new(), &stop).await.unwrap_err().to_string();
    assert!(broken.contains("tls.key is no private key"), "{broken}");
}

fn webhook(name: &str, namespace: &str) -> ValidatingWebhookConfiguration {
    let path = "/validate-keda-sh-v1alpha1-scaledobject";
    serde_json::from_value(json!({
        "metadata": { "name": name },
        "webhooks": [{
            "name": "vscaledobject.kb.io",
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "failurePolicy": "Ignore",
            "clientConfig": { "service": { "namespace": namespace, "name": "webhooks", "path": path } },
            "rules": [{ "apiGroups": ["keda.sh"], "apiVersions": ["v1alpha1"], "operations": ["CREATE"],
                        "resources": ["scaledobjects"] }],
            "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": namespace } },
        }],
    }))
    .unwrap()
}

fn api_service(namespace: &str) -> APIService {
    serde_json::from_value(json!({
        "metadata": { "name": "v1beta1.external.metrics.k8s.io" },
        "spec": {
            "group": "external.metrics.k8s.io", "version": "v1beta1", "groupPriorityMinimum": 100,
            "versionPriority": 100, "service": { "namespace": namespace, "name": "metrics" },
        },
    }))
    .unwrap()
}

/// PAIN-45: users' need 45: one field, one writer, no write without need.
#[tokio::test]
async fn only_the_leader_tells_the_api_server_whom_to_trust_and_only_once() {
    let cluster = Cluster::shared().await;
    let _alone = cluster.alone().await;
    let namespace = cluster.namespace("publish").await;
    let (client, stop, name) = (cluster.client(), CancellationToken::new(), format!("publish-{namespace}"));
    let _end = stop.clone().drop_guard();
    let mut options = options(&namespace);
    options.admission = Some(AdmissionOptions {
        bind: "127.0.0.1:0".parse().unwrap(),
        configuration: name.clone(),
        patch_configuration: true,
    });
    let services: Api<APIService> = Api::all(client.clone());
    let hooks: Api<ValidatingWebhookConfiguration> = Api::all(client.clone());
    let service = api_service(&namespace);
    services.create(&PostParams::default(), &service).await.unwrap();
    hooks.create(&PostParams::default(), &webhook(&name, &namespace)).await.unwrap();
    let started = Certificates::start(&client, &options, &Readiness::new(), &stop).await.unwrap();
    let bundle = authorities(&started).await.into_bytes();
    let (leader, leading) = watch::channel(false);
    publish(&client, &options, &started, &leading, &stop);
    let hook_bundle = async || {
        let webhooks = hooks.get(&name).await.unwrap().webhooks.unwrap();
        webhooks[0].client_config.ca_bundle.clone().unwrap_or_default().0
    };
    let service_version = async || services.get("v1beta1.external.metrics.k8s.io").await.unwrap().metadata;
    assert_eq!(hook_bundle().await, b"", "it does not lead yet");
    leader.send(true).unwrap();
    wait_for("the webhook is trusted", async || {
        if hook_bundle().await == bundle { Ok(()) } else { Err("it has another bundle") }
    })
    .await;
    // Somebody applies the manifest again, without the field: it comes back.
    let without = json!([{ "op": "remove", "path": "/webhooks/0/clientConfig/caBundle" }]);
    let patch = Patch::<()>::Json(serde_json::from_value(without).unwrap());
    hooks.patch(&name, &PatchParams::default(), &patch).await.unwrap();
    wait_for(
        "the bundle is back",
        async || {
            if hook_bundle().await == bundle { Ok(()) } else { Err("it has another bundle") }
        },
    )
    .await;
    let managers: Vec<String> = hooks
        .get(&name)
        .await
        .unwrap()
        .metadata
        .managed_fields
        .unwrap()
        .into_iter()
        .filter(|entry| format!("{:?}", entry.fields_v1).contains("f:caBundle"))
        .filter_map(|entry| entry.manager)
        .collect();
    assert_eq!(managers, ["tidegate-certificates"], "nobody else's tools see a difference");
    let settled = wait_for("the API service is trusted", async || {
        let found = services.get("v1beta1.external.metrics.k8s.io").await.unwrap();
        let trusted = found.spec.and_then(|spec| spec.ca_bundle).unwrap_or_default().0 == bundle;
        if trusted { Ok(found.metadata.generation) } else { Err("it has another bundle") }
    })
    .await;
    // A second leader with the same certificates finds nothing to write.
    publish(&client, &options, &started, &watch::channel(true).1, &stop);
    let label = json!({ "metadata": { "labels": { "seen": "yes" } } });
    hooks.patch(&name, &PatchParams::default(), &Patch::Merge(&label)).await.unwrap();
    assert_eq!(service_version().await.generation, settled);
    services.delete("v1beta1.external.metrics.k8s.io", &DeleteParams::default()).await.unwrap();
    hooks.delete(&name, &DeleteParams::default()).await.unwrap();
}
