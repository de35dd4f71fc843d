//! The operator dies in the middle of its work, and another one starts.

use serde_json::json;

use crate::stage::Stage;

const NAMES: [&str; 5] = ["one", "two", "three", "four", "five"];

async fn all_have(stage: &Stage, replicas: i32) {
    for name in NAMES {
        stage.until_replicas(name, replicas).await;
    }
}

/// FT-02, FT-03, FT-04: killed in the middle of scaling out and in; the next one brings all to where they should be
#[tokio::test]
async fn a_new_process_finishes_what_the_dead_one_began() {
    let mut stage = Stage::new("killed").await;
    let behavior = json!({"scaleDown": {"stabilizationWindowSeconds": 0}});
    let advanced = json!({"horizontalPodAutoscalerConfig": {"behavior": behavior}});
    for name in NAMES {
        stage.deployment(name, 0).await;
        stage.policy(name, "direct").await;
        stage.scaled_object(name, json!({"advanced": advanced})).await;
    }
    for name in NAMES {
        stage.until_condition(name, "Active", "False/ScalerNotActive").await;
    }
    for (value, replicas) in [(15, 2), (25, 3), (40, 4), (5, 1), (0, 0)] {
        stage.source.says(value);
        // The first that moves shows that it is under way.
        stage.until_replicas(NAMES[0], replicas).await;
        stage.kill();
        stage.start().await;
        all_have(&stage, replicas).await;
    }
}
