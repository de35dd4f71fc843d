//! "Did you mean": the known name closest to a wrong one.

/// The one of `known` that `name` was most likely meant to be, if any is close.
#[must_use]
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    known
        .into_iter()
        .filter_map(|candidate| {
            let other = candidate.to_lowercase();
            let similarity = strsim::jaro_winkler(&name, &other);
            let edits = strsim::normalized_damerau_levenshtein(&name, &other);
            (similarity >= 0.87 || edits >= 0.6).then_some((similarity + edits, candidate))
        })
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// `did you mean "x"?`, or the known names where none is close and they are few.
pub(crate) fn suggestion(name: &str, known: &[&str]) -> String {
    match nearest(name, known.iter().copied()) {
        Some(candidate) => format!("did you mean {candidate:?}?"),
        None if !known.is_empty() && known.len() <= 16 => format!("known are {}", known.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_find_their_name_and_other_words_do_not() {
        let known = ["minReplicaCount", "maxReplicaCount", "pollingInterval", "triggers"];
        assert_eq!(nearest("maxReplicas", known), Some("maxReplicaCount"));
        assert_eq!(nearest("min_replica_count", known), Some("minReplicaCount"));
        assert_eq!(nearest("trigger", known), Some("triggers"));
        assert_eq!(nearest("banana", known), None);
    }
}
