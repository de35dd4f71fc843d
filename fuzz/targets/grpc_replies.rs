//! Whatever bytes an external scaler answers, they are a sound reading or an error, never a number that is none.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| tidegate_scalers::catalog::fuzzed_reply(bytes));
