//! The external metrics API through a real API server, and past it.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1::APIService;
use kube::api::{Api, DeleteParams, PostParams};
use serde_json::{Value, json};
use tidegate_cluster::{Authority, Cluster};
use tidegate_engine::{TargetId, Timestamp};
use tidegate_operator::BoardValue;

use crate::served::{PATIENCE, Served, path, wait_for};

const BASE: &str = "/apis/external.metrics.k8s.io/v1beta1";

/// The status and the body of a GET through the API server.
async fn get(client: &kube::Client, path: &str, accept: &str) -> (u16, Value) {
    let request = axum::http::Request::get(path).header("accept", accept).body(Vec::new()).unwrap();
    match client.request_text(request).await {
        Ok(text) => (200, serde_json::from_str(&text).unwrap_or(Value::String(text))),
        Err(kube::Error::Api(status)) => (status.code, json!({ "message": status.message, "reason": status.reason })),
        Err(error) => panic!("{path}: {error}"),
    }
}

async fn create<T>(client: &kube::Client, namespace: &str, object: Value)
where
    T: k8s_openapi::Resource<Scope = k8s_openapi::NamespaceResourceScope>
        + k8s_openapi::Metadata<Ty = k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta>
        + serde::Serialize
        + serde::de::DeserializeOwned
        + Clone
        + std::fmt::Debug,
{
    let object: T = serde_json::from_value(object).unwrap();
    Api::<T>::namespaced(client.clone(), namespace).create(&PostParams::default(), &object).await.unwrap();
}

/// API-01 to API-08, API-10, API-11
#[tokio::test]
async fn the_api_server_passes_questions_on_and_answers_back() {
    let cluster = Cluster::shared().await;
    let _alone = cluster.alone().await;
    let served = Served::start(cluster).await;
    served.aggregate(cluster).await;
    served.set("shop", "orders", "s0-kafka-orders", 7.5);
    let failing = BoardValue {
        metric: "s0-kafka-mail".into(),
        value: Err("the broker does not answer".into()),
        at: Timestamp::from_millis(0),
        fallback: false,
    };
    served.board.set(&TargetId::new("shop", "mail"), vec![failing]);
    let client = cluster.client();
    let ask = async |path: &str| get(&client, path, "application/json").await;

    let (_, resources) = ask(BASE).await;
    assert_eq!(
        resources["resources"],
        json!([{ "name": "externalmetrics", "singularName": "", "namespaced": true,
                 "kind": "ExternalMetricValueList", "verbs": ["get"] }])
    );
    let (_, found) = ask(&path("shop", "s0-kafka-orders", "orders")).await;
    let item = &found["items"][0];
    assert_eq!((&item["metricName"], &item["value"]), (&json!("s0-kafka-orders"), &json!("7500m")), "{found}");
    assert_eq!(item["metricLabels"], Value::Null);
    for (path, code, words) in [
        (path("shop", "s0-kafka-mail", "mail"), 500, "the broker does not answer"),
        (path("shop", "s0-kafka-mail", "orders"), 404, "ScaledObject shop/orders has s0-kafka-orders"),
        (path("shop", "s0-kafka-orders", "none"), 404, "ScaledObject shop/none has no metrics"),
        (path("bank", "s0-kafka-orders", "orders"), 404, "ScaledObject bank/orders has no metrics"),
        (format!("{BASE}/namespaces/shop/s0-kafka-orders"), 400, "add labelSelector=scaledobject.keda.sh/name=NAME"),
        (format!("{BASE}/namespaces/shop/s0?labelSelector=scaledobject.keda.sh/name!=x"), 400, "expected"),
    ] {
        let (found, body) = ask(&path).await;
        assert_eq!(found, code, "{path}: {body}");
        assert!(body["message"].as_str().is_some_and(|message| message.contains(words)), "{path}: {body}");
    }
    let table = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
    let (_, found) = get(&client, &format!("{BASE}/namespaces/shop/externalmetrics"), table).await;
    assert_eq!(found["kind"], "Table");
    assert_eq!(found["rows"].as_array().unwrap().len(), 1, "{found}");
    assert_eq!(found["rows"][0]["cells"][2], "7500m");
    let aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
    wait_for("the API server's own discovery names the group and finds it current", async || {
        let (_, found) = get(&client, "/apis", aggregated).await;
        let groups = found["items"].as_array().cloned().unwrap_or_default();
        let ours = groups.into_iter().find(|group| group["metadata"]["name"] == "external.metrics.k8s.io");
        match ours {
            Some(group) if group["versions"][0]["freshness"] == "Current" => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    wait_for("the API server's OpenAPI describes it", async || {
        let (_, found) = ask("/openapi/v3").await;
        let place = found["paths"]["apis/external.metrics.k8s.io/v1beta1"].clone();
        if place.is_null() { Err(found.to_string()) } else { Ok(()) }
    })
    .await;
    cluster.disaggregate_external_metrics().await;
}

/// The HorizontalPodAutoscalers' controller has the right by the cluster's own roles, and follows the value.
#[tokio::test]
async fn a_real_hpa_scales_by_a_value_on_the_board() {
    let cluster = Cluster::shared().await;
    let _alone = cluster.alone().await;
    let served = Served::start(cluster).await;
    served.aggregate(cluster).await;
    let (client, namespace) = (cluster.client(), cluster.namespace("hpa").await);
    let labels = json!({ "app": "orders" });
    let container = json!({ "name": "app", "image": "none" });
    create::<Deployment>(
        &client,
        &namespace,
        json!({
            "metadata": { "name": "orders" },
            "spec": {
                "replicas": 1,
                "selector": { "matchLabels": labels },
                "template": {
                    "metadata": { "labels": labels, "annotations": { "node.tidegate.dev/pretend": "true" } },
                    "spec": { "containers": [container] },
                },
            },
        }),
    )
    .await;
    served.set(&namespace, "orders", "s0-kafka-orders", 7.5);
    let selector = json!({ "matchLabels": { "scaledobject.keda.sh/name": "orders" } });
    create::<HorizontalPodAutoscaler>(
        &client,
        &namespace,
        json!({
            "metadata": { "name": "keda-hpa-orders" },
            "spec": {
                "minReplicas": 1,
                "maxReplicas": 10,
                "scaleTargetRef": { "apiVersion": "apps/v1", "kind": "Deployment", "name": "orders" },
                "metrics": [{
                    "type": "External",
                    "external": {
                        "metric": { "name": "s0-kafka-orders", "selector": selector },
                        "target": { "type": "AverageValue", "averageValue": "2" },
                    },
                }],
                "behavior": { "scaleDown": { "stabilizationWindowSeconds": 0 } },
            },
        }),
    )
    .await;
    let deployments: Api<Deployment> = Api::namespaced(client, &namespace);
    for (value, replicas) in [(7.5, 4), (13.0, 7), (0.0, 1)] {
        served.set(&namespace, "orders", "s0-kafka-orders", value);
        wait_for(&format!("{replicas} replicas at {value}"), async || {
            let found = deployments.get("orders").await.map_err(|error| error.to_string())?;
            match found.spec.and_then(|spec| spec.replicas) {
                Some(found) if found == replicas => Ok(()),
                found => Err(format!("found {found:?}")),
            }
        })
        .await;
    }
    cluster.disaggregate_external_metrics().await;
}

/// A service account that may read external metrics of one namespace.
async fn tenant(client: &kube::Client, namespace: &str) {
    create::<ServiceAccount>(client, namespace, json!({ "metadata": { "name": "tenant" } })).await;
    let rule = json!({ "apiGroups": ["external.metrics.k8s.io"], "resources": ["*"], "verbs": ["get", "list"] });
    create::<Role>(client, namespace, json!({ "metadata": { "name": "reader" }, "rules": [rule] })).await;
    let subject = json!({ "kind": "ServiceAccount", "name": "tenant", "namespace": namespace });
    let role = json!({ "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader" });
    let binding = json!({ "metadata": { "name": "reader" }, "roleRef": role, "subjects": [subject] });
    create::<RoleBinding>(client, namespace, binding).await;
}

async fn token(client: &kube::Client, namespace: &str) -> String {
    use k8s_openapi::api::authentication::v1::TokenRequest;
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), namespace);
    let request: TokenRequest =
        serde_json::from_value(json!({ "spec": { "audiences": [], "expirationSeconds": 600 } })).unwrap();
    let made = accounts.create_token_request("tenant", &PostParams::default(), &request).await.unwrap();
    made.status.unwrap().token.unwrap()
}

/// Users' need 40: one tenant never sees another's metrics, through the API server or past it.
#[tokio::test]
async fn a_tenant_reads_the_metrics_of_its_own_namespace_only() {
    let cluster = Cluster::shared().await;
    let served = Served::start(cluster).await;
    let (client, ours, theirs) = (cluster.client(), cluster.namespace("ours").await, cluster.namespace("theirs").await);
    tenant(&client, &ours).await;
    for namespace in [&ours, &theirs] {
        served.set(namespace, "orders", "s0-kafka-orders", 1.0);
    }
    let (direct, token) = (served.direct(None), token(&client, &ours).await);
    let header = format!("Bearer {token}");
    let with_token = [("Authorization", header.as_str())];
    let (status, body) = direct.get(&path(&ours, "s0-kafka-orders", "orders"), &with_token).await.unwrap();
    assert_eq!(status, 200, "{body}");
    let (status, body) = direct.get(&path(&theirs, "s0-kafka-orders", "orders"), &with_token).await.unwrap();
    assert_eq!((status, &body["reason"]), (403, &json!("Forbidden")), "{body}");
    let expected = format!(
        "User \"system:serviceaccount:{ours}:tenant\" cannot list resource \"s0-kafka-orders\" in API group \
         \"external.metrics.k8s.io\" in the namespace \"{theirs}\""
    );
    assert!(body["message"].as_str().unwrap().starts_with(&expected), "{body}");
    let everywhere = format!("{BASE}/externalmetrics");
    assert_eq!(direct.get(&everywhere, &with_token).await.unwrap().0, 403);
    let impersonating = [("Authorization", header.as_str()), ("Impersonate-User", "admin")];
    assert_eq!(direct.get(&path(&ours, "s0-kafka-orders", "orders"), &impersonating).await.unwrap().0, 403);

    // The account goes, and with it the worth of its token, as soon as the remembered answer has aged.
    let accounts: Api<ServiceAccount> = Api::namespaced(client, &ours);
    accounts.delete("tenant", &DeleteParams::default()).await.unwrap();
    wait_for("the token is worth nothing any more", async || {
        let (status, body) = direct.get(&path(&ours, "s0-kafka-orders", "orders"), &with_token).await.unwrap();
        if status == 401 { Ok(()) } else { Err(body.to_string()) }
    })
    .await;
}

/// Each group of whoever asks is a header line of the request that the API server passes on.
#[tokio::test]
async fn a_user_in_hundreds_of_groups_is_answered() {
    let cluster = Cluster::shared().await;
    let _alone = cluster.alone().await;
    let (served, client) = (Served::start(cluster).await, cluster.client());
    served.aggregate(cluster).await;
    let namespace = cluster.namespace("groups").await;
    served.set(&namespace, "orders", "s0-kafka-orders", 7.0);
    let mut request = axum::http::Request::get(path(&namespace, "s0-kafka-orders", "orders"));
    request = request.header("impersonate-user", "jane").header("impersonate-group", "system:masters");
    for group in 0..800 {
        request = request.header("impersonate-group", format!("CN=team-{group},OU=shop,DC=example,DC=com"));
    }
    let request = request.body(Vec::new()).unwrap();
    let answer = wait_for("it is passed on", async || client.request_text(request.clone()).await).await;
    assert!(answer.contains("\"value\":\"7\""), "{answer}");
    cluster.disaggregate_external_metrics().await;
}

/// Only the front proxy's certificate makes its headers count.
#[tokio::test]
async fn nobody_becomes_somebody_else_by_a_header() {
    let cluster = Cluster::shared().await;
    let served = Served::start(cluster).await;
    served.set("shop", "orders", "s0-kafka-orders", 1.0);
    let place = tempfile::tempdir().unwrap();
    let stranger = Authority::new("stranger", place.path()).unwrap();
    let certificates = BTreeMap::from([
        ("the front proxy", cluster.front_proxy().client("front-proxy-client", &[]).unwrap()),
        ("another name", cluster.front_proxy().client("somebody", &[]).unwrap()),
        ("a stranger's front proxy", stranger.client("front-proxy-client", &[]).unwrap()),
        ("a user without rights", cluster.authority().client("jane", &["dev"]).unwrap()),
        ("a user with all rights", cluster.authority().client("root", &["system:masters"]).unwrap()),
    ]);
    let master = [("X-Remote-User", "admin"), ("X-Remote-Group", "system:masters")];
    let nobody = [("X-Remote-User", "mallory"), ("X-Remote-Group", "none")];
    let path = path("shop", "s0-kafka-orders", "orders");
    for (who, headers, expected) in [
        ("nobody at all", &[][..], 403),
        ("nobody at all", &master, 403),
        ("the front proxy", &master, 200),
        ("the front proxy", &nobody, 403),
        ("the front proxy", &[], 401),
        ("another name", &master, 401),
        ("a stranger's front proxy", &master, 401),
        ("a user without rights", &master, 403),
        ("a user with all rights", &nobody, 200),
        ("nobody at all", &[("Authorization", "Bearer made-up")], 401),
        ("nobody at all", &[("Authorization", "Basic YWRtaW46YWRtaW4=")], 403),
    ] {
        let direct = served.direct(certificates.get(who));
        let (status, body) = direct.get(&path, headers).await.unwrap();
        assert_eq!(status, expected, "{who} with {headers:?}: {body}");
    }
    let (status, _) = served.direct(None).get("/livez", &[]).await.unwrap();
    assert_eq!(status, 200, "whether it is alive, anybody may ask");
}

/// The certificate and its authority are replaced again and again while questions come in: none fails.
#[tokio::test]
async fn certificates_change_under_load_and_no_request_fails() {
    let cluster = Cluster::shared().await;
    let _alone = cluster.alone().await;
    let served = Served::start(cluster).await;
    let client = cluster.client();
    served.aggregate(cluster).await;
    let leading = tokio::sync::watch::channel(true);
    tidegate_operator::publish(&client, &served.options, &served.certificates, &leading.1, &served.stop);
    served.set("shop", "orders", "s0-kafka-orders", 1.0);
    let secrets: Api<Secret> = Api::namespaced(client.clone(), &served.service.namespace);
    let services: Api<APIService> = Api::all(client.clone());
    let mut authorities = served.certificates.authorities();
    let asking = tokio::spawn(async move {
        let mut asked = 0_u32;
        loop {
            let (status, body) = get(&client, &path("shop", "s0-kafka-orders", "orders"), "application/json").await;
            assert_eq!(status, 200, "after {asked} good answers: {body}");
            asked += 1;
            tokio::task::yield_now().await;
        }
    });
    let change = async |lost: Value| {
        let parameters = kube::api::PatchParams::default();
        secrets.patch("kedaorg-certs", &parameters, &kube::api::Patch::Merge(&lost)).await.unwrap();
    };
    for _ in 0..3 {
        // Without its key the authority cannot sign any more: another one is made, and trusted before it signs.
        authorities.mark_unchanged();
        change(json!({ "data": { "ca.key": null } })).await;
        tokio::time::timeout(PATIENCE, authorities.changed()).await.unwrap().unwrap();
        let wanted = authorities.borrow().clone();
        wait_for("the API server is told whom to trust", async || {
            let found = services.get("v1beta1.external.metrics.k8s.io").await.map_err(|error| error.to_string())?;
            let bundle = found.spec.and_then(|spec| spec.ca_bundle).unwrap_or_default().0;
            if bundle == wanted.as_bytes() { Ok(()) } else { Err("it has another bundle".to_owned()) }
        })
        .await;
        // Now the certificate goes, and the new authority signs its successor.
        change(json!({ "data": { "tls.crt": null } })).await;
        wait_for("there is another certificate", async || {
            let data = secrets.get("kedaorg-certs").await.map_err(|error| error.to_string())?.data.unwrap_or_default();
            if data.contains_key("tls.crt") { Ok(()) } else { Err("there is none".to_owned()) }
        })
        .await;
        let (status, _) = served.direct(None).get("/livez", &[]).await.unwrap();
        assert_eq!(status, 200);
        assert!(!asking.is_finished(), "a request failed");
    }
    asking.abort();
    match asking.await {
        Err(error) if error.is_cancelled() => {}
        ended => panic!("{ended:?}"),
    }
    cluster.disaggregate_external_metrics().await;
}
