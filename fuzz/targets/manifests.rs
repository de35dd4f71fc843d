//! Whatever a manifest says, it is understood or refused with a place; nothing panics, and the same text says the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tidegate_crds::{Object, cross_check_all, from_json, has_errors, parse};
use tidegate_scalers::{TriggerInput, catalog};

fuzz_target!(|text: &str| {
    let parsed = parse("manifest.yaml", text);
    assert_eq!(parsed, parse("manifest.yaml", text), "the same text was read in two ways");
    assert!(parsed.broken.is_empty() || has_errors(&parsed.problems), "an object is broken and nothing says why");
    for problem in cross_check_all(&parsed.objects, &parsed.broken, &parsed.problems) {
        assert!(!problem.to_string().is_empty(), "a problem without words");
    }
    for object in &parsed.objects {
        if let Object::ScaledObject(found) = &object.value {
            check(found);
        }
    }
    // What the API server sends to admission is JSON.
    if let Ok(json) = serde_json::from_str(text) {
        let _ = from_json::<tidegate_crds::ScaledObject>(&json);
        let _ = from_json::<tidegate_crds::TriggerAuthentication>(&json);
        let _ = from_json::<tidegate_crds::ScalingPolicy>(&json);
    }
});

/// What the catalogue makes of its triggers.
fn check(object: &tidegate_crds::ScaledObject) {
    for (index, trigger) in object.spec.triggers.iter().enumerate() {
        let input = TriggerInput {
            kind: trigger.kind.clone(),
            index,
            name: trigger.name.clone(),
            metadata: trigger.metadata.clone(),
            ..TriggerInput::default()
        };
        match catalog::check(&input) {
            Ok(checked) => assert!(!checked.spec.metric.is_empty(), "a metric without a name"),
            Err(problems) => assert!(!problems.is_empty(), "a trigger is refused and nothing says why"),
        }
    }
}
