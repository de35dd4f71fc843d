//! What is found by target, by HorizontalPodAutoscaler and by name.

use std::collections::BTreeMap;

use tidegate_crds::{Advanced, HpaConfig, ScaleTargetRef};

use super::*;
use crate::watches::HpaOwner;

fn object(name: &str, target: &str, hpa: Option<&str>) -> KnownObject {
    let mut object = ScaledObject::default();
    object.metadata.namespace = Some("shop".into());
    object.metadata.name = Some(name.into());
    object.metadata.resource_version = Some("10".into());
    object.spec.scale_target_ref = ScaleTargetRef { name: target.into(), ..ScaleTargetRef::default() };
    let config = hpa.map(|name| HpaConfig { name: Some(name.into()), behavior: None });
    object.spec.advanced =
        config.map(|config| Advanced { horizontal_pod_autoscaler_config: Some(config), ..Advanced::default() });
    KnownObject { object: Arc::new(object), status: Arc::default(), unreadable: None, came: None }
}

fn deployment(name: &str) -> TargetKey {
    TargetKey::new("apps/v1", "Deployment", name)
}

#[test]
fn an_object_is_found_by_what_it_scales_and_by_its_hpa_until_it_changes_or_goes() {
    let index = Index::default();
    let (orders, bills) = (TargetId::new("shop", "orders"), TargetId::new("shop", "bills"));
    assert!(index.put_object(object("orders", "worker", None)).is_none());
    index.put_object(object("bills", "worker", Some("mine")));
    assert_eq!(index.scaled_objects_of("shop", &deployment("worker")), [bills.clone(), orders.clone()]);
    assert_eq!(index.scaled_objects_of("other", &deployment("worker")), []);
    assert_eq!(index.scaled_objects_with_hpa("shop", "keda-hpa-orders"), vec![orders.clone()]);
    assert_eq!(index.scaled_objects_with_hpa("shop", "mine"), vec![bills.clone()]);

    index.put_object(object("bills", "printer", None));
    assert_eq!(index.scaled_objects_of("shop", &deployment("worker")), vec![orders.clone()]);
    assert_eq!(index.scaled_objects_of("shop", &deployment("printer")), vec![bills.clone()]);
    assert_eq!(index.scaled_objects_with_hpa("shop", "mine"), []);

    assert!(index.remove_object(&orders).is_some());
    assert!(index.remove_object(&orders).is_none());
    assert_eq!(index.scaled_objects_of("shop", &deployment("worker")), []);
    assert_eq!(index.ids(), [bills]);
}

#[test]
fn hpas_are_found_by_target_and_by_owner() {
    let index = Index::default();
    let hpa = |owner: Option<&str>| {
        Arc::new(HpaBrief {
            name: "keda-hpa-orders".into(),
            uid: "u".into(),
            target: deployment("worker"),
            owner: owner.map(|name| HpaOwner { kind: "ScaledObject".into(), name: name.into(), uid: "v".into() }),
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            spec: None,
            scaling: None,
        })
    };
    let orders = TargetId::new("shop", "orders");
    assert!(index.put_hpa("shop", hpa(Some("orders"))).is_none());
    assert_eq!(index.hpas_owned_by(&orders).len(), 1);
    assert_eq!(index.hpas_of("shop", &deployment("worker")).len(), 1);
    assert!(index.put_hpa("shop", hpa(None)).is_some());
    assert_eq!(index.hpas_owned_by(&orders).len(), 0);
    assert!(index.remove_hpa(&Named::new("shop", "keda-hpa-orders")).is_some());
    assert_eq!(index.hpas_of("shop", &deployment("worker")).len(), 0);
}

#[test]
fn of_two_policies_the_first_by_name_counts() {
    let index = Index::default();
    let id = TargetId::new("shop", "orders");
    let policy = |target: &str, mode| {
        let mut policy = ScalingPolicy::default();
        policy.spec.target_ref.name = target.into();
        policy.spec.mode = mode;
        policy
    };
    let direct = Some(tidegate_crds::PolicyMode::Direct);
    assert_eq!(index.put_policy(Named::new("shop", "b"), policy("orders", direct)), vec![id.clone()]);
    assert_eq!(index.put_policy(Named::new("shop", "a"), policy("orders", None)), vec![id.clone()]);
    assert_eq!(index.scaling_policy(&id).and_then(|policy| policy.spec.mode), None);
    let moved = index.put_policy(Named::new("shop", "a"), policy("bills", None));
    assert_eq!(moved, [id.clone(), TargetId::new("shop", "bills")]);
    assert_eq!(index.scaling_policy(&id).and_then(|policy| policy.spec.mode), direct);
    assert_eq!(index.remove_policy(&Named::new("shop", "b")), vec![id.clone()]);
    assert!(index.scaling_policy(&id).is_none());
}

#[test]
fn a_status_older_than_what_the_watch_saw_is_not_taken() {
    let index = Index::default();
    let id = TargetId::new("shop", "orders");
    index.put_object(object("orders", "worker", None));
    let status = |name: &str| Status { hpa_name: Some(name.into()), ..Status::default() };
    index.put_status(&id, "9", status("old"));
    assert_eq!(index.known(&id).unwrap().status.hpa_name, None);
    index.put_status(&id, "11", status("new"));
    assert_eq!(index.known(&id).unwrap().status.hpa_name.as_deref(), Some("new"));
}
