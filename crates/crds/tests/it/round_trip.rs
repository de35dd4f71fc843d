//! What is read and written again says the same.

use serde_json::Value;
use tidegate_crds::{Object, json_schema, parse};

use crate::objects;

const FULL: &str = r#"
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata:
  name: full
  namespace: shop
  labels: {team: orders}
  annotations: {autoscaling.keda.sh/paused: "false"}
  creationTimestamp: "2026-01-01T00:00:00Z"
spec:
  scaleTargetRef: {name: worker, apiVersion: apps/v1, kind: Deployment, envSourceContainerName: main}
  pollingInterval: 5
  cooldownPeriod: 60
  initialCooldownPeriod: 10
  idleReplicaCount: 0
  minReplicaCount: 2
  maxReplicaCount: 40
  fallback: {failureThreshold: 3, replicas: 6, behavior: currentReplicasIfHigher}
  advanced:
    restoreToOriginalReplicaCount: true
    horizontalPodAutoscalerConfig:
      name: own-name
      behavior:
        scaleUp:
          stabilizationWindowSeconds: 0
          selectPolicy: Min
          tolerance: "0.05"
          policies: [{type: Pods, value: 4, periodSeconds: 15}]
        scaleDown:
          stabilizationWindowSeconds: 60
          policies: [{type: Percent, value: 10, periodSeconds: 60}]
    scalingModifiers: {formula: "lag + more", target: "5", activationTarget: "1", metricType: Value}
  triggers:
    - type: kafka
      name: lag
      useCachedMetrics: true
      metricType: Value
      metadata: {topic: orders}
      authenticationRef: {name: auth, kind: ClusterTriggerAuthentication}
    - {type: cron, name: more, useCachedMetrics: false, metadata: {}}
"#;

#[test]
fn a_scaled_object_with_every_field_comes_back_as_it_was() {
    let objects = objects(FULL);
    let Object::ScaledObject(object) = &objects[0].value else { panic!("{objects:?}") };
    let mut written = serde_json::to_value(object).unwrap();
    written["apiVersion"] = "keda.sh/v1alpha1".into();
    written["kind"] = "ScaledObject".into();
    let original = objects[0].source.root.as_ref().unwrap().to_json();
    assert_eq!(sorted(&written), sorted(&original));
}

#[test]
fn what_was_written_as_json_is_read_as_the_same_objects() {
    let first = objects(&format!("{}---{FULL}", crate::DEPLOYMENT.trim_end_matches("---\n")));
    let texts = first.iter().map(|object| object.source.root.as_ref().unwrap().to_json().to_string());
    let again = objects(&texts.collect::<Vec<_>>().join("\n---\n"));
    let values = |objects: &[tidegate_crds::Located<Object>]| -> Vec<Object> {
        objects.iter().map(|object| object.value.clone()).collect()
    };
    assert_eq!(values(&first), values(&again));
}

#[test]
fn every_provider_of_an_authentication_is_known() {
    let text = r#"
apiVersion: keda.sh/v1alpha1
kind: TriggerAuthentication
metadata: {name: all}
spec:
  secretTargetRef: [{parameter: a, name: b, key: c}]
  configMapTargetRef: [{parameter: a, name: b, key: c}]
  env: [{parameter: a, name: b, containerName: c}]
  filePath: creds.json
  podIdentity: {provider: aws, roleArn: a, externalID: b, identityOwner: keda, identityId: c, identityTenantId: d, identityAuthorityHost: e}
  hashiCorpVault:
    address: https://vault
    authentication: kubernetes
    namespace: ns
    mount: m
    role: r
    credential: {token: t, serviceAccount: s, serviceAccountName: sa}
    secrets: [{parameter: a, path: b, key: c, type: pki, pkiData: {commonName: a, altNames: b, ipSans: c, uriSans: d, otherSans: e, ttl: f, format: g}}, {parameter: a, path: b, key: c, type: ""}]
  azureKeyVault:
    vaultUri: https://azure
    credentials: {clientId: a, tenantId: b, clientSecret: {valueFrom: {secretKeyRef: {name: a, key: b}}}}
    podIdentity: {provider: azure-workload}
    cloud: {type: Private, keyVaultResourceURL: a, activeDirectoryEndpoint: b}
    secrets: [{parameter: a, name: b, version: c}]
  gcpSecretManager:
    credentials: {clientSecret: {valueFrom: {secretKeyRef: {name: a, key: b}}}}
    podIdentity: {provider: gcp}
    secrets: [{parameter: a, id: b, version: c}]
  awsSecretManager:
    region: eu
    credentials:
      accessKey: {valueFrom: {secretKeyRef: {name: a, key: b}}}
      accessSecretKey: {valueFrom: {secretKeyRef: {name: a, key: b}}}
      accessToken: {valueFrom: {secretKeyRef: {name: a, key: b}}}
    podIdentity: {provider: aws-eks}
    secrets: [{parameter: a, name: b, secretKey: c, versionId: d, versionStage: e}]
  boundServiceAccountToken: [{parameter: a, serviceAccountName: b}]
  oauth2:
    type: clientCredentials
    clientId: a
    clientSecret: {valueFrom: {secretKeyRef: {name: a, key: b}}}
    tokenUrl: https://a
    scopes: [a, b]
    tokenUrlParams: {a: b}
"#;
    let objects = objects(text);
    let Object::TriggerAuthentication(object) = &objects[0].value else { panic!("{objects:?}") };
    let original = objects[0].source.root.as_ref().unwrap().get("spec").unwrap().to_json();
    assert_eq!(sorted(&serde_json::to_value(&object.spec).unwrap()), sorted(&original));
}

#[test]
fn an_object_as_a_cluster_gives_it_is_taken() {
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  uid: u\n  resourceVersion: '5'\n  managedFields: \
                [{manager: kubectl, operation: Update, apiVersion: v1, time: '2026-01-01T00:00:00Z', fieldsType: FieldsV1, \
                fieldsV1: {'f:data': {'f:x': {}}}}]\nstatus: {any: thing}\n";
    assert_eq!(parse("a.yaml", text).problems, []);
}

#[test]
fn schemas_name_the_fields_of_a_manifest() {
    let schema = json_schema("ScaledObject").unwrap();
    let spec = &schema["$defs"]["ScaledObjectSpec"];
    assert!(spec["properties"]["maxReplicaCount"].is_object(), "{spec}");
    assert_eq!(spec["required"], serde_json::json!(["scaleTargetRef", "triggers"]));
    assert!(json_schema("ScalingPolicy").is_some());
    assert!(json_schema("Banana").is_none());
}

/// The same value with the keys of all maps in order.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().map(|(key, value)| (key.clone(), sorted(value))).collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(entries.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}
