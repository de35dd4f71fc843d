//! Secrets that would be seen if they came out, and the log of the whole test run.

use std::io;
use std::sync::{Arc, LazyLock, Mutex, OnceLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Every secret in the tests is this text or holds it.
pub const CANARY: &str = "canary-2f9d61c07b-secret";

/// The user that goes with [`CANARY`] as a password.
pub const USER: &str = "reader";

static LOG: LazyLock<Arc<Mutex<Vec<u8>>>> = LazyLock::new(Arc::default);

struct Tee;

impl io::Write for Tee {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOG.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Begins to keep every line of the log, down to the finest level, of all libraries too.
pub fn log() {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| {
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(|| Tee).init();
    });
}

/// Fails when a text holds a secret, plain or encoded.
pub fn no_secret(what: &str, text: &str) {
    let pair = STANDARD.encode(format!("{USER}:{CANARY}"));
    for leak in [CANARY, pair.as_str(), STANDARD.encode(CANARY).as_str()] {
        assert!(!text.contains(leak), "{what} shows a secret: {text}");
    }
}

/// Fails when the log so far holds a secret.
pub fn no_secret_in_log() {
    let log = LOG.lock().unwrap();
    let text = String::from_utf8_lossy(&log);
    assert!(text.contains("TRACE"), "the log is empty, so it proves nothing");
    for line in text.lines() {
        no_secret("the log", line);
    }
}
