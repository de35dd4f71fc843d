//! Values as Kubernetes quantities: at most three decimals, in the form that Kubernetes itself writes.

/// The largest number of thousandths that a quantity of three decimals can hold.
const MOST: f64 = 9_223_372_036_854_775_807.0;

/// `value` as a quantity. A negative one becomes 0, as KEDA has it. `None`: not a number, or not finite, which is an
/// error and not a value.
pub(super) fn quantity(value: f64) -> Option<String> {
    if !value.is_finite() {
        return None;
    }
    // Rounded, not cut off: 0.29 is 289.99999999999994 thousandths in binary and must stay 290m.
    let milli = (value.max(0.0) * 1000.0).round();
    #[allow(clippy::cast_possible_truncation, reason = "bounded the line before")]
    let mut number = if milli >= MOST { i64::MAX } else { milli as i64 };
    let mut suffixes = ["m", "", "k", "M", "G", "T", "P", "E"].into_iter();
    let mut suffix = suffixes.next().unwrap_or_default();
    if number == 0 {
        return Some("0".to_owned());
    }
    while number % 1000 == 0 {
        match suffixes.next() {
            Some(next) => (number, suffix) = (number / 1000, next),
            None => break,
        }
    }
    Some(format!("{number}{suffix}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tidegate_crds::quantity as read;

    /// API-11
    #[test]
    fn values_are_written_as_kubernetes_writes_them() {
        for (value, expected) in [
            (0.0, "0"),
            (-0.0, "0"),
            (-4.0, "0"),
            (7.0, "7"),
            (7.5, "7500m"),
            (0.29, "290m"),
            (0.0004, "0"),
            (0.0005, "1m"),
            (1234.5678, "1234568m"),
            (1000.0, "1k"),
            (12_000.0, "12k"),
            (1_500_000.0, "1500k"),
            (3e15, "3P"),
            (1e300, "9223372036854775807m"),
        ] {
            assert_eq!(quantity(value).as_deref(), Some(expected), "{value}");
        }
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(quantity(value), None, "{value}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_as_the_value(value in 0.0..1e12_f64) {
            let text = quantity(value).unwrap();
            let back = read(&text).unwrap();
            prop_assert!((back - value).abs() <= 0.0005 + value * 1e-15, "{value} became {text}");
        }
    }
}
