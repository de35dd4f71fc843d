//! Kubernetes quantities as numbers: `500m`, `128Mi`, `1e3`.

/// The number that a quantity stands for; `None` when the text is none.
pub(crate) fn parse(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let digits = unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
    let (number, suffix) = unsigned.split_at(digits);
    if !number.bytes().any(|byte| byte.is_ascii_digit()) || number.matches('.').count() > 1 {
        return None;
    }
    let amount: f64 = number.parse().ok()?;
    let value = amount * factor(suffix)?;
    let signed = if text.starts_with('-') { -value } else { value };
    signed.is_finite().then_some(signed)
}

fn factor(suffix: &str) -> Option<f64> {
    Some(match suffix {
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "" => 1.0,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        "E" => 1e18,
        "Ki" => 1024.0,
        "Mi" => 1024_f64.powi(2),
        "Gi" => 1024_f64.powi(3),
        "Ti" => 1024_f64.powi(4),
        "Pi" => 1024_f64.powi(5),
        "Ei" => 1024_f64.powi(6),
        _ => {
            let exponent: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok().filter(|e: &i32| e.abs() <= 300)?;
            10_f64.powi(exponent)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn quantities_of_kubernetes() {
        for (text, expected) in [
            ("10", Some(10.0)),
            ("0.5", Some(0.5)),
            (".5", Some(0.5)),
            ("5.", Some(5.0)),
            ("500m", Some(0.5)),
            ("1k", Some(1e3)),
            ("10Mi", Some(10_485_760.0)),
            ("2Gi", Some(2_147_483_648.0)),
            ("1E", Some(1e18)),
            ("1e3", Some(1e3)),
            ("1E-2", Some(0.01)),
            ("+3", Some(3.0)),
            ("-3", Some(-3.0)),
            ("", None),
            (".", None),
            ("m", None),
            ("1 k", None),
            ("1K", None),
            ("1.2.3", None),
            ("1e999", None),
            ("NaN", None),
            ("0x10", None),
            ("ten", None),
        ] {
            match (parse(text), expected) {
                (Some(found), Some(expected)) => assert!((found - expected).abs() < 1e-9 * expected.abs(), "{text}"),
                (found, expected) => assert_eq!(found, expected, "{text}"),
            }
        }
    }
}
