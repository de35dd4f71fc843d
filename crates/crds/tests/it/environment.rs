//! The environments of pods and triggers, and credentials.

use std::collections::BTreeMap;

use expect_test::expect;
use tidegate_crds::env::{self, Environment, PodFacts};
use tidegate_crds::{Configs, Located, Object, TriggerSources, trigger_sources};

use crate::{DEPLOYMENT, lines, objects, scaled_object};

const CONFIGS: &str = "apiVersion: v1\nkind: Secret\nmetadata: {name: login}\ndata: {user: YW5uYQ==}\nstringData: {password: hunter2}\n---\n\
                       apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {host: kafka, port: '9092', user: other}\n---\n";

/// The environment of the container `main` with these lines; its pod is `worker-1`.
fn environment(container: &str) -> Result<Environment, String> {
    let text = format!("{CONFIGS}{}", DEPLOYMENT.replace("command: [work]", container));
    let objects = objects(&text);
    let deployment = objects.iter().find_map(Located::deployment).unwrap();
    let pod = PodFacts {
        name: "worker-1".into(),
        namespace: "default".into(),
        labels: BTreeMap::from([("app".to_owned(), "worker".to_owned())]),
        ip: "127.0.0.1".into(),
        node_name: "here".into(),
        machine_cpus: 4.0,
        machine_memory: 8e9,
        ..PodFacts::default()
    };
    env::resolve(&deployment, 0, &pod, &Configs::new(&objects)).map_err(|problems| lines(&problems))
}

fn shown(environment: &Environment) -> String {
    environment.iter().map(|(name, value)| format!("{name}={}\n", value.expose())).collect()
}

#[test]
fn variables_come_from_everywhere_and_later_ones_win() {
    let found = environment(
        "envFrom: [{configMapRef: {name: settings}}, {secretRef: {name: login}}, {prefix: X_, configMapRef: {name: settings}}], \
         env: [{name: port, value: '1'}, {name: ADDRESS, value: $(host):$(port)}, {name: LATER, value: $(AFTER)}, {name: AFTER, value: $$(host)}, \
         {name: PASSWORD, valueFrom: {secretKeyRef: {name: login, key: password}}}, \
         {name: NONE, valueFrom: {secretKeyRef: {name: none, key: a, optional: true}}}, \
         {name: NO_KEY, valueFrom: {configMapKeyRef: {name: settings, key: a, optional: true}}}, {name: EMPTY}]",
    );
    expect![[r#"
        host=kafka
        port=1
        user=anna
        password=hunter2
        X_host=kafka
        X_port=9092
        X_user=other
        ADDRESS=kafka:1
        LATER=$(AFTER)
        AFTER=$(host)
        PASSWORD=hunter2
        EMPTY=
    "#]]
    .assert_eq(&shown(&found.unwrap()));
}

#[test]
fn a_pod_knows_about_itself() {
    let found = environment(
        "resources: {limits: {memory: 64Mi}, requests: {cpu: 250m}}, env: [\
         {name: A, valueFrom: {fieldRef: {fieldPath: metadata.name}}}, {name: B, valueFrom: {fieldRef: {fieldPath: \"metadata.labels['app']\"}}}, \
         {name: C, valueFrom: {fieldRef: {fieldPath: \"metadata.annotations['none']\"}}}, {name: D, valueFrom: {fieldRef: {fieldPath: status.podIP}}}, \
         {name: E, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}, {name: F, valueFrom: {resourceFieldRef: {resource: limits.memory, divisor: 1Mi}}}, \
         {name: G, valueFrom: {resourceFieldRef: {resource: limits.cpu}}}, {name: H, valueFrom: {resourceFieldRef: {resource: requests.cpu, divisor: 1m}}}, \
         {name: I, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}]",
    );
    expect![[r#"
        A=worker-1
        B=worker
        C=
        D=127.0.0.1
        E=here
        F=64
        G=4
        H=250
        I=default
    "#]]
    .assert_eq(&shown(&found.unwrap()));
}

#[test]
fn what_is_missing_is_an_error_with_its_place() {
    let missing = environment(
        "envFrom: [{secretRef: {name: logon}}], env: [{name: A, valueFrom: {configMapKeyRef: {name: settings, key: hosts}}}]",
    );
    expect![[r#"
        test.yaml:22:47: Deployment default/worker: spec.template.spec.containers[0].envFrom[0].secretRef.name: there is no Secret named "logon" in namespace "default"; did you mean "login"?
        test.yaml:22:125: Deployment default/worker: spec.template.spec.containers[0].env[0].valueFrom.configMapKeyRef.key: the ConfigMap default/settings has no key "hosts"; did you mean "host"?
    "#]].assert_eq(&missing.unwrap_err());
}

fn sources(target: &str, trigger: &str, more: &str) -> Result<TriggerSources, String> {
    let text = format!("{CONFIGS}{}---\n{more}", scaled_object(&format!("triggers: [{trigger}]\n")));
    let text = text.replace("{name: worker}\n  triggers", &format!("{{name: worker{target}}}\n  triggers")).replace(
        "- {name: main, command: [work]}",
        "- {name: main, env: [{name: A, value: main}, {name: POD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]}\n        \
         - {name: side, env: [{name: A, value: side}]}",
    );
    let objects = objects(&text);
    let object = objects.iter().find_map(Located::scaled_object).unwrap();
    trigger_sources(&objects, &object, 0, &Configs::new(&objects)).map_err(|problems| lines(&problems))
}

#[test]
fn triggers_see_the_environment_of_the_container_without_what_differs_from_pod_to_pod() {
    let trigger = "{type: kafka, metadata: {}}";
    assert_eq!(shown(&sources("", trigger, "").unwrap().env), "A=main\n");
    assert_eq!(shown(&sources(", envSourceContainerName: side", trigger, "").unwrap().env), "A=side\n");
    expect![[r#"
        test.yaml:30:34: ScaledObject default/orders: spec.scaleTargetRef.envSourceContainerName: Deployment default/worker has no container named "sid"; did you mean "side"?
    "#]].assert_eq(&sources(", envSourceContainerName: sid", trigger, "").unwrap_err());
}

fn authentication(kind: &str, spec: &str) -> Result<TriggerSources, String> {
    let trigger = format!("{{type: kafka, metadata: {{}}, authenticationRef: {{name: auth, kind: {kind}}}}}");
    sources(
        "",
        &trigger,
        &format!("apiVersion: keda.sh/v1alpha1\nkind: {kind}\nmetadata: {{name: auth}}\nspec: {spec}\n"),
    )
}

/// AUTH-05
#[test]
fn later_providers_replace_earlier_ones() {
    let found = authentication(
        "TriggerAuthentication",
        "{secretTargetRef: [{parameter: user, name: login, key: user}, {parameter: password, name: login, key: password}], \
         configMapTargetRef: [{parameter: user, name: settings, key: user}, {parameter: host, name: settings, key: host}], \
         env: [{parameter: host, name: A}, {parameter: side, name: A, containerName: side}], podIdentity: {provider: none}}",
    )
    .unwrap();
    let auth: Vec<(&str, &str)> = found.auth.iter().map(|(name, value)| (name.as_str(), value.expose())).collect();
    assert_eq!(auth, [("host", "kafka"), ("password", "hunter2"), ("side", "side"), ("user", "anna")]);
    assert_eq!(found.pod_identity, None);
    assert!(!format!("{found:?}").contains("hunter2"), "{found:?}");
    let identity = authentication("TriggerAuthentication", "{podIdentity: {provider: aws-eks}}").unwrap();
    assert_eq!(identity.pod_identity, Some("aws-eks"));
}

#[test]
fn a_cluster_wide_authentication_reads_keda_s_namespace() {
    let found =
        authentication("ClusterTriggerAuthentication", "{secretTargetRef: [{parameter: a, name: login, key: user}]}");
    expect![[r#"
        test.yaml:36:41: ClusterTriggerAuthentication auth: spec.secretTargetRef[0].name: there is no Secret named "login" in namespace "keda"; there is none at all; the kind for the whole cluster reads this namespace and no other
    "#]].assert_eq(&found.unwrap_err());
}

#[test]
fn provided_config_maps_exist_everywhere_and_own_ones_win() {
    let mut configs = Configs::new(&objects(CONFIGS));
    configs.provide("settings", [("host", "provided")]);
    configs.provide("broker", [("address", "here:1")]);
    let value = |namespace: &str, name: &str, key: &str| {
        configs.config_map(namespace, name).and_then(|data| data.get(key)).map(|value| value.expose().to_owned())
    };
    assert_eq!(value("default", "settings", "host").as_deref(), Some("kafka"));
    assert_eq!(value("other", "settings", "host").as_deref(), Some("provided"));
    assert_eq!(value("any", "broker", "address").as_deref(), Some("here:1"));
    let objects = objects(CONFIGS);
    assert!(objects.iter().all(|object| !matches!(object.value, Object::Ignored { .. })));
}
