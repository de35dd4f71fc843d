//! Reviews beside very many objects.

use std::sync::Mutex;
use std::time::Instant;

use kube::client::Body as KubeBody;
use serde_json::json;
use tidegate_crds::admission::ForeignHpa;
use tidegate_engine::TargetId;

use super::*;
use crate::controller::AllFacts;
use crate::watches::{Index, KnownObject};

const NAMESPACES: usize = 60;
const OBJECTS: usize = 60_000;

fn spec(number: usize) -> Value {
    let metadata =
        json!({"bootstrapServers": "kafka:9092", "consumerGroup": format!("group-{number}"), "topic": "orders"});
    json!({"scaleTargetRef": {"name": format!("worker-{number}")}, "triggers": [{"type": "kafka", "metadata": metadata}]})
}

fn namespace(number: usize) -> String {
    format!("tenant-{}", number % NAMESPACES)
}

/// 60,000 objects, each with a workload of its own.
fn crowd() -> Index {
    let index = Index::default();
    for number in 0..OBJECTS {
        let mut object = ScaledObject::default();
        object.metadata.namespace = Some(namespace(number));
        object.metadata.name = Some(format!("orders-{number}"));
        object.spec = serde_json::from_value(spec(number)).unwrap();
        let known = KnownObject { object: Arc::new(object), status: Arc::default(), unreadable: None, came: None };
        index.put_object(known);
    }
    index
}

/// Facts that note what they were asked, and how much they answered with.
struct Noted(AllFacts, Mutex<Vec<usize>>);

impl Noted {
    fn note<T>(&self, answer: Vec<T>) -> Vec<T> {
        self.1.lock().unwrap().push(answer.len());
        answer
    }
}

impl Facts for Noted {
    fn others_with_target(&self, object: &ScaledObject) -> Vec<String> {
        self.note(self.0.others_with_target(object))
    }

    fn others_with_hpa(&self, object: &ScaledObject, hpa: &str) -> Vec<String> {
        self.note(self.0.others_with_hpa(object, hpa))
    }

    fn foreign_hpas(&self, object: &ScaledObject) -> Vec<ForeignHpa> {
        self.note(self.0.foreign_hpas(object))
    }

    fn scaling_policy(&self, object: &ScaledObject) -> Option<Arc<ScalingPolicy>> {
        self.note(self.0.scaling_policy(object).into_iter().collect()).pop()
    }
}

/// A webhook that may ask nobody but its facts.
fn webhook(facts: Arc<dyn Facts + Send + Sync>) -> Webhook {
    let nobody = tower::service_fn(|request: Request<KubeBody>| async move {
        Err::<Response<KubeBody>, _>(std::io::Error::other(format!("{} is asked for", request.uri())))
    });
    Webhook::new(kube::Client::new(nobody, "default"), facts)
}

fn create(number: usize, name: &str) -> AdmissionRequest<DynamicObject> {
    let (namespace, kind) =
        (namespace(number), json!({"group": "keda.sh", "version": "v1alpha1", "kind": "ScaledObject"}));
    let object = json!({
        "apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject",
        "metadata": {"name": name, "namespace": namespace}, "spec": spec(number),
    });
    let review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "u", "kind": kind, "resource": {"group": "keda.sh", "version": "v1alpha1", "resource": "scaledobjects"},
        "name": name, "namespace": namespace, "operation": "CREATE", "userInfo": {}, "object": object, "dryRun": false,
    }});
    serde_json::from_value::<AdmissionReview<DynamicObject>>(review).unwrap().try_into().unwrap()
}

/// PAIN-29: beside 60,000 objects a review asks a handful of questions, each answered with the few objects that it is
/// about, asks nobody else, and keeps nothing
#[tokio::test]
async fn sixty_thousand_objects_cost_a_review_nothing() {
    let index = crowd();
    let facts = Arc::new(Noted(AllFacts(index.clone()), Mutex::default()));
    let webhook = webhook(Arc::<Noted>::clone(&facts));
    for number in [0, 1, NAMESPACES, OBJECTS / 2, OBJECTS - 1] {
        let new = webhook.review(Kind::ScaledObject, &create(OBJECTS + number, "newcomer")).await;
        assert!(new.allowed, "{:?}", new.result);
        let answers = std::mem::take(&mut *facts.1.lock().unwrap());
        assert!(answers.len() <= 6 && answers.iter().sum::<usize>() == 0, "{answers:?}");
        let second = webhook.review(Kind::ScaledObject, &create(number, "newcomer")).await;
        let said = second.result.message;
        assert!(!second.allowed && said.contains(&format!("\"orders-{number}\"")), "{said}");
        let answers = std::mem::take(&mut *facts.1.lock().unwrap());
        assert!(answers.len() <= 6 && answers.iter().sum::<usize>() == 1, "{answers:?}");
    }
    assert_eq!(index.ids().len(), OBJECTS);
    assert!(index.scaled_object(&TargetId::new("tenant-0", "newcomer")).is_none());
}

/// Memory of this process, in MiB.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}

/// Whoever measures runs `cargo test --release -p tidegate-operator --lib -- --ignored --nocapture reviews`.
#[tokio::test]
#[ignore = "a measurement, which asserts nothing; run it with --ignored --nocapture"]
async fn what_reviews_cost_beside_sixty_thousand_objects() {
    let before = resident();
    let index = crowd();
    let held = resident();
    let webhook = webhook(Arc::new(AllFacts(index)));
    let mut took = Vec::new();
    for number in 0..3000 {
        let request = create(OBJECTS + number, "newcomer");
        let begun = Instant::now();
        webhook.review(Kind::ScaledObject, &request).await;
        took.push(begun.elapsed());
    }
    took.sort();
    println!("60,000 objects, which the controller needs anyway: {:.0} MiB", held - before);
    println!("3,000 reviews: {:.1} MiB more, p50 {:?}, p99 {:?}", resident() - held, took[1500], took[2970]);
}
