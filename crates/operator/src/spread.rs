//! Waits that differ from process to process and from time to time, so that nobody comes in step.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// `around`, up to a fifth shorter or longer.
pub(crate) fn spread(around: Duration) -> Duration {
    // Each RandomState has keys of its own: enough chance for a wait, without a generator to carry around.
    let chance = RandomState::new().build_hasher().finish();
    let part = u16::try_from(chance >> 48).unwrap_or_default();
    around.mul_f64(0.8 + 0.4 * f64::from(part) / f64::from(u16::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_stay_within_a_fifth_and_differ() {
        let waits: Vec<Duration> = (0..50).map(|_| spread(Duration::from_secs(10))).collect();
        assert!(waits.iter().all(|wait| (8_000..=12_000).contains(&wait.as_millis())), "{waits:?}");
        assert!(waits.windows(2).any(|pair| pair[0] != pair[1]));
    }
}
