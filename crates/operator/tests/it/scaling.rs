//! The whole way: source, operator, external metrics API, the cluster's own HorizontalPodAutoscaler, replicas.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use k8s_openapi::api::core::v1::Secret;
use serde_json::json;
use tidegate_cluster::ApiServiceName;
use tidegate_operator::{CertificateOptions, ExternalMetricsOptions, Options, ServiceName};

use crate::stage::{Source, Stage, until};

/// SO-16, SO-19, ACT-33, POL-02, POL-03, ACT-14: out by the HPA, in by the HPA, to zero by us
#[tokio::test]
async fn the_clusters_own_hpa_moves_what_is_above_zero() {
    let stage = Stage::without_operator("whole").await;
    let _turn = stage.cluster.alone().await;
    let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let port = std::net::TcpListener::bind((local, 0)).unwrap().local_addr().unwrap().port();
    let service = ServiceName { namespace: stage.namespace.clone(), name: "metrics".to_owned(), port };
    let names = vec![format!("metrics.{}.svc", stage.namespace)];
    let options = Options {
        external_metrics: Some(ExternalMetricsOptions {
            bind: SocketAddr::new(local, port),
            service,
            patch_api_service: false,
        }),
        certificates: CertificateOptions::Managed { secret: "certs".to_owned(), dns_names: names },
        ..stage.options()
    };
    let operator = tidegate_operator::start(stage.cluster.client(), options).await.unwrap();
    let secret = stage.api::<Secret>().get("certs").await.unwrap();
    let authority = String::from_utf8(secret.data.unwrap()["ca.crt"].0.clone()).unwrap();
    let service = ApiServiceName { namespace: stage.namespace.clone(), name: "metrics".to_owned(), port };
    stage.cluster.aggregate_external_metrics(&service, &authority).await;

    stage.deployment("web", 0).await;
    stage.source.says(45);
    // Beside it one whose values are those of its polls, of which there is only the first.
    let cached = Source::new(45).await;
    let mut trigger = cached.trigger(10);
    trigger["useCachedMetrics"] = json!(true);
    stage.deployment("cached", 1).await;
    let spec = json!({"pollingInterval": 3600, "minReplicaCount": 1, "maxReplicaCount": 6, "triggers": [trigger]});
    stage.scaled_object("cached", spec).await;
    let behavior = json!({"scaleDown": {"stabilizationWindowSeconds": 0}});
    let advanced = json!({"horizontalPodAutoscalerConfig": {"behavior": behavior}});
    // Polls are far apart: the HPA's own questions keep the value fresh.
    let spec = json!({"pollingInterval": 20, "maxReplicaCount": 6, "advanced": advanced});
    stage.scaled_object("web", spec).await;
    stage.until_replicas("web", 5).await;
    stage.until_replicas("cached", 5).await;
    cached.says(25);
    stage.until_condition("web", "HPAActive", "True/HPAActive").await;
    stage.source.says(25);
    stage.until_replicas("web", 3).await;
    stage.source.says(0);
    stage.until_replicas("web", 0).await;
    stage.until_condition("web", "HPAActive", "True/ScalingDisabled").await;
    assert_eq!((stage.replicas("cached").await, cached.asked().await), (5, 1));
    until("nothing more is asked", async || stage.replicas("web").await == 0).await;
    operator.stop().await;
    stage.cluster.disaggregate_external_metrics().await;
}
