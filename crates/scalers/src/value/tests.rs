//! KEDA's conversions, one line for each text.

use std::fmt::Debug;
use std::time::Duration;

use super::{Pairs, Ranges, Value};

fn accepts<T: Value + PartialEq + Debug>(text: &str, value: T) {
    assert_eq!(T::parse(text), Ok(value), "{text:?}");
}

fn refuses<T: Value + PartialEq + Debug>(texts: &[&str]) {
    for text in texts {
        assert!(T::parse(text).is_err(), "{text:?} gave {:?}", T::parse(text));
    }
}

#[test]
fn whole_numbers_are_json_integers() {
    accepts("10", 10_i64);
    accepts("-3", -3_i64);
    accepts("9007199254740993", 9_007_199_254_740_993_i64);
    refuses::<i64>(&["+10", "010", "0x10", "10.0", "1e3", "null", "ten", "9223372036854775808"]);
}

#[test]
fn numbers_are_json_numbers() {
    accepts("0.5", 0.5);
    accepts("-1", -1.0);
    accepts("1e3", 1000.0);
    refuses::<f64>(&[".5", "5.", "+1", "NaN", "Inf", "1e999", "null"]);
}

#[test]
fn booleans_are_go_s() {
    for text in ["1", "t", "T", "TRUE", "true", "True"] {
        accepts(text, true);
    }
    for text in ["0", "f", "F", "FALSE", "false", "False"] {
        accepts(text, false);
    }
    refuses::<bool>(&["yes", "on", "enabled", "tRue"]);
}

#[test]
fn durations_are_go_s_or_milliseconds() {
    accepts("30s", Duration::from_secs(30));
    accepts("1m30s", Duration::from_secs(90));
    accepts("1.5h", Duration::from_secs(5400));
    accepts(".5s", Duration::from_millis(500));
    accepts("250us", Duration::from_micros(250));
    accepts("1500", Duration::from_millis(1500));
    accepts("0", Duration::ZERO);
    refuses::<Duration>(&["-1s", "-5", "1.5", "30x", "s", "1m30", ".s", "1 s", "NaNs", "999999999999999999999h"]);
}

#[test]
fn lists_are_trimmed() {
    accepts("a, b ,c", vec!["a".to_owned(), "b".to_owned(), "c".to_owned()]);
    accepts("1,2", vec![1_i64, 2]);
    refuses::<Vec<i64>>(&["1,,2", "1,", "1;2"]);
}

#[test]
fn ranges_include_both_ends() {
    accepts("1,3-5, 9", Ranges(vec![1, 3, 4, 5, 9]));
    accepts("4-4,4", Ranges(vec![4]));
    refuses::<Ranges>(&["-1", "5-3", "1-2-3", "a", "1,", "1--2", "+1", "0-99999999999", "0-2000000000"]);
}

#[test]
fn pairs_have_one_equals_sign() {
    let pairs = Pairs::parse("a=1, b = two words ,a=3,c=").unwrap();
    let pairs: Vec<_> = pairs.0.iter().map(|(key, value)| (key.as_str(), value.expose())).collect();
    assert_eq!(pairs, [("a", "3"), ("b", "two words"), ("c", "")]);
    refuses::<Pairs>(&["a", "a=b=c", "=b", "a=1,,b=2"]);
}
