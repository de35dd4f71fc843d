//! The records themselves: keys and values, the same for the same seed.

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::consume::standard_normal;
use crate::scenario::{KeySpec, MessageSpec, SizeSpec};

/// Kafka's brokers take no larger records by default.
pub(crate) const LARGEST: u32 = 1_000_000;

/// Makes one record after the other.
#[derive(Debug)]
pub(crate) struct Messages {
    spec: MessageSpec,
    random: SmallRng,
    partitions: u32,
    /// How many were made.
    sequence: u64,
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Made {
    /// `None`: by the key.
    pub(crate) partition: Option<i32>,
    pub(crate) key: Option<String>,
    pub(crate) value: Vec<u8>,
}

impl Messages {
    pub(crate) fn new(spec: &MessageSpec, seed: u64, partitions: u32) -> Self {
        Messages {
            spec: spec.clone(),
            random: SmallRng::seed_from_u64(seed),
            partitions: partitions.max(1),
            sequence: 0,
        }
    }

    /// The next record. Its value begins with its number, counted from 0, and a space.
    pub(crate) fn next(&mut self) -> Made {
        let sequence = self.sequence;
        self.sequence += 1;
        let (partition, key) = match self.spec.key {
            KeySpec::None => {
                let partition = sequence % u64::from(self.partitions);
                (i32::try_from(partition).ok(), None)
            }
            KeySpec::Sequence => (None, Some(format!("key-{sequence}"))),
            KeySpec::Random { keys } => (None, Some(self.random_key(keys))),
            KeySpec::Hot { share, keys } => {
                let hot = self.random.random::<f64>() < share;
                (None, Some(if hot { "hot".to_owned() } else { self.random_key(keys) }))
            }
        };
        let size = self.size() as usize;
        let mut value = format!("{sequence} ").into_bytes();
        if value.len() > size {
            // Too small for all of it: the last digits tell neighbours apart.
            value.drain(..value.len() - size);
        }
        value.resize(size, b'.');
        Made { partition, key, value }
    }

    fn random_key(&mut self, keys: u64) -> String {
        format!("key-{}", self.random.random_range(0..keys.max(1)))
    }

    fn size(&mut self) -> u32 {
        let bytes = match self.spec.size {
            SizeSpec::Constant(bytes) => f64::from(bytes),
            SizeSpec::Uniform { min, max } => f64::from(self.random.random_range(min..=max.max(min))),
            SizeSpec::Normal { mean, std_dev } => mean + std_dev * standard_normal(&mut self.random),
            SizeSpec::Exponential { mean } => -mean * (1.0 - self.random.random::<f64>()).ln(),
        };
        bytes.round().clamp(0.0, f64::from(LARGEST)) as u32
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn made(key: KeySpec, size: SizeSpec, count: usize) -> Vec<Made> {
        let mut messages = Messages::new(&MessageSpec { size, key }, 42, 10);
        (0..count).map(|_| messages.next()).collect()
    }

    #[test]
    fn without_keys_partitions_come_in_turn() {
        let partitions: Vec<_> =
            made(KeySpec::None, SizeSpec::Constant(8), 11).iter().map(|made| made.partition.unwrap()).collect();
        assert_eq!(partitions, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0]);
    }

    #[test]
    fn a_hot_key_has_its_share() {
        let mut counts = HashMap::<_, u32>::new();
        for made in made(KeySpec::Hot { share: 0.7, keys: 1000 }, SizeSpec::Constant(8), 10_000) {
            *counts.entry(made.key.unwrap()).or_default() += 1;
        }
        assert!((6800..7200).contains(&counts["hot"]), "{}", counts["hot"]);
        assert!(counts.len() > 900);
    }

    #[test]
    fn sequence_keys_never_come_twice_and_values_carry_their_number() {
        let all = made(KeySpec::Sequence, SizeSpec::Constant(16), 100);
        for (number, made) in all.iter().enumerate() {
            assert_eq!(made.key.as_deref(), Some(format!("key-{number}").as_str()));
            assert_eq!(made.value.len(), 16);
            assert!(made.value.starts_with(format!("{number} ").as_bytes()));
        }
    }

    #[test]
    fn sizes_follow_their_distribution_and_are_seeded() {
        let mean = |size| {
            let all = made(KeySpec::None, size, 20_000);
            all.iter().map(|made| made.value.len() as f64).sum::<f64>() / 20_000.0
        };
        assert!((mean(SizeSpec::Uniform { min: 100, max: 300 }) - 200.0).abs() < 5.0);
        assert!((mean(SizeSpec::Normal { mean: 200.0, std_dev: 30.0 }) - 200.0).abs() < 5.0);
        assert!((mean(SizeSpec::Exponential { mean: 200.0 }) - 200.0).abs() < 8.0);
        let size = SizeSpec::Uniform { min: 0, max: 300 };
        assert_eq!(made(KeySpec::Random { keys: 5 }, size, 50), made(KeySpec::Random { keys: 5 }, size, 50));
    }
}
