//! A little disorder, so that replicas and objects do not all try again in the same instant.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::ops::Range;

/// A number of the range, evenly.
pub(crate) fn jitter(range: Range<f64>) -> f64 {
    // The standard library seeds each hasher differently; that is random enough for this.
    let random = RandomState::new().build_hasher().finish();
    let part = (random >> 11) as f64 / (1_u64 << 53) as f64;
    range.start + (range.end - range.start) * part
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_in_its_range_and_varies() {
        let drawn: Vec<f64> = (0..50).map(|_| jitter(0.5..1.5)).collect();
        assert!(drawn.iter().all(|number| (0.5..1.5).contains(number)), "{drawn:?}");
        assert!(drawn.iter().any(|number| *number != drawn[0]));
    }
}
