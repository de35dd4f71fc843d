//! Clocks that are wrong: the operator's own, which jumps or is apart from the API server's, and those of other replicas. No
//! replica moves because of it, and no lease changes hands.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::json;
use tidegate_crds::ScaledObject;
use tidegate_engine::Timestamp;
use tidegate_operator::{LeaseOptions, Operator};
use tidegate_runtime::WallClock;

use crate::stage::{Stage, until};
use crate::whole::{Track, lease};

const HOUR_MS: i64 = 3_600_000;

/// A wall clock that is wrong by so many milliseconds.
#[derive(Clone, Default)]
struct Wrong(Arc<AtomicI64>);

impl Wrong {
    fn by_hours(hours: i64) -> Wrong {
        Wrong(Arc::new(AtomicI64::new(hours * HOUR_MS)))
    }

    fn jumps_to_hours(&self, hours: i64) {
        self.0.store(hours * HOUR_MS, Ordering::SeqCst);
    }

    async fn operator(&self, stage: &Stage) -> Operator {
        let wrong = Arc::clone(&self.0);
        let now =
            move || Timestamp::from_millis(jiff::Timestamp::now().as_millisecond() + wrong.load(Ordering::SeqCst));
        let clock = Arc::new(WallClock::over(now));
        tidegate_operator::start_by(clock, stage.cluster.client(), stage.options()).await.unwrap()
    }
}

/// ACT-25: hours ahead or behind, a new ScaledObject has its initial cooldown, no longer and no shorter
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_is_as_old_as_it_is_whatever_the_clocks_say() {
    for hours in [3, -3] {
        let stage = Stage::without_operator("skewed").await;
        // One that was there before the operator, and is not active: by its clock it may be made in the future.
        stage.deployment("before", 1).await;
        stage.scaled_object("before", json!({"initialCooldownPeriod": 1})).await;
        let operator = Wrong::by_hours(hours).operator(&stage).await;
        stage.until_replicas("before", 0).await;
        stage.deployment("young", 1).await;
        stage.scaled_object("young", json!({"initialCooldownPeriod": 3600})).await;
        stage.until_condition("young", "Active", "False/ScalerCooldown").await;
        stage.polls(8).await;
        assert_eq!(stage.replicas("young").await, 1, "by {hours} h");
        stage.change("young", json!({"initialCooldownPeriod": 1})).await;
        stage.until_replicas("young", 0).await;
        operator.stop().await;
    }
}

/// Ahead and back again by hours, in the middle of a cooldown
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_jumps_ends_no_cooldown() {
    let stage = Stage::without_operator("jumps").await;
    stage.deployment("web", 0).await;
    let (track, clock) = (Track::start(&stage), Wrong::default());
    let operator = clock.operator(&stage).await;
    stage.scaled_object("web", json!({"cooldownPeriod": 1800})).await;
    stage.source.says(5);
    stage.until_replicas("web", 1).await;
    stage.source.says(0);
    stage.until_condition("web", "Active", "False/ScalerCooldown").await;
    for hours in [3, -3, 0] {
        clock.jumps_to_hours(hours);
        stage.polls(5).await;
        assert_eq!(stage.replicas("web").await, 1, "after a jump to {hours} h");
    }
    // It is at work all the same.
    stage.change("web", json!({"cooldownPeriod": 1})).await;
    track.until("web", "is at zero", |count| count == 0).await;
    stage.source.says(5);
    track.until("web", "is activated", |count| count == 1).await;
    assert_eq!(track.of("web"), [0, 1, 0, 1]);
    operator.stop().await;
}

/// LE-04: a status that was written by a clock that was ahead
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_last_activity_in_the_future_happened_before_now() {
    let mut stage = Stage::without_operator("ahead").await;
    for (name, cooldown) in [("long", 3600), ("short", 2)] {
        stage.deployment(name, 1).await;
        stage.scaled_object(name, json!({"cooldownPeriod": cooldown})).await;
        let future = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(3);
        let status = Patch::Merge(json!({"status": {"lastActiveTime": future.to_string()}}));
        stage.api::<ScaledObject>().patch_status(name, &PatchParams::default(), &status).await.unwrap();
    }
    stage.start().await;
    stage.until_replicas("short", 0).await;
    stage.polls(4).await;
    assert_eq!(stage.replicas("long").await, 1);
}

/// A lease of somebody whose clock is wrong by so many hours: it is held as long as it is renewed, and ends by our own
/// clock.
async fn lease_of_another(hours: i64) {
    let stage = Stage::without_operator("other").await;
    let leases: Api<Lease> = stage.api();
    let renew = async |count: i64| {
        let now = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(hours);
        let time = format!("{now:.6}");
        let spec = json!({
            "holderIdentity": "other", "leaseDurationSeconds": 20, "renewTime": time, "leaseTransitions": count,
        });
        let object = json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "operator.keda.sh"}, "spec": spec,
        });
        leases.patch("operator.keda.sh", &PatchParams::apply("other").force(), &Patch::Apply(object)).await.unwrap();
    };
    renew(0).await;
    let mut options = stage.options();
    options.lease = Some(LeaseOptions { retry_period: Duration::from_millis(200), ..lease("ours") });
    let operator = tidegate_operator::start(stage.cluster.client(), options).await.unwrap();
    for count in 1..=8 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert!(!operator.leading(), "a lease that is renewed was taken, by {hours} h");
        renew(count).await;
    }
    until("the lease of one that is gone is taken", async || operator.leading()).await;
    operator.stop().await;
}

/// LE-01, LE-02: whatever the clock of the holder says
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_is_not_taken_because_clocks_differ() {
    tokio::join!(lease_of_another(3), lease_of_another(-3));
}
