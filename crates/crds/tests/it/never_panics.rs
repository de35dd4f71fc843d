//! Any text at all is read without a panic, and every problem has a place within the text.

use proptest::prelude::*;
use tidegate_crds::{Configs, case, cross_check, parse, trigger_sources};

use crate::scaled_object;

fn read(text: &str) -> Result<(), TestCaseError> {
    let parsed = parse("any.yaml", text);
    let last = u32::try_from(text.lines().count().max(1)).unwrap() + 1;
    for problem in &parsed.problems {
        prop_assert!(problem.line >= 1 && problem.line <= last, "{problem} in {last} lines");
        prop_assert!(problem.column >= 1, "{problem}");
        prop_assert!(!problem.text().is_empty(), "{problem:?}");
    }
    let _ = cross_check(&parsed.objects);
    for object in parsed.objects.iter().filter_map(tidegate_crds::Located::scaled_object) {
        let _ = trigger_sources(&parsed.objects, &object, 0, &Configs::new(&parsed.objects));
    }
    let _ = case::parse("any.yaml", text);
    Ok(())
}

/// A good manifest with all kinds of parts.
fn good() -> String {
    scaled_object(
        "minReplicaCount: 1\nadvanced:\n  scalingModifiers: {formula: lag + 1, target: '5'}\ntriggers:\n  \
         - type: kafka\n    name: lag\n    metadata: {topic: \"a\", x: 'y'}\n    authenticationRef: {name: &n auth}\n",
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_text(text in any::<String>()) {
        read(&text)?;
    }

    #[test]
    fn any_text_of_the_letters_that_yaml_gives_a_meaning(text in "[-\\[\\]{}:,#&*!|>'\"%@` \t\na-c0-9.<~?]{0,80}") {
        read(&text)?;
    }

    #[test]
    fn a_good_manifest_with_a_part_replaced(start in 0usize..900, length in 0usize..40, part in "[-\\[\\]{}:,#&*!|>'\" \t\na-c0-9]{0,6}") {
        let mut letters: Vec<char> = good().chars().collect();
        let start = start.min(letters.len());
        let end = (start + length).min(letters.len());
        letters.splice(start..end, part.chars());
        read(&letters.into_iter().collect::<String>())?;
    }
}
