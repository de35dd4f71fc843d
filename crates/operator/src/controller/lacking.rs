//! A trigger that is not given what it needs: a Secret or an authentication that is not there (yet).
//!
//! It fails at each poll, so that failures count and a fallback comes, and it never asks its source without credentials.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use tidegate_engine::{ReadError, ReadErrorKind, Reading, Timestamp};
use tidegate_scalers::{MetricSpec, Scaler, Secret, TriggerInput, catalog};

/// What may stand for a parameter that is lacking: any text, an address, a certificate, its key. Nobody connects with it.
fn stand_ins() -> &'static [String] {
    static MADE: OnceLock<Vec<String>> = OnceLock::new();
    MADE.get_or_init(|| {
        let made = rcgen::generate_simple_self_signed(Vec::new());
        let pair = made.map(|made| [made.cert.pem(), made.signing_key.serialize_pem()]).into_iter().flatten();
        ["not known yet", "https://not.known.yet/"].map(str::to_owned).into_iter().chain(pair).collect()
    })
}

/// The metric of a trigger whose parameters are not all known: what its manifest says is enough. `None` where something
/// else is wrong with it.
pub(super) fn metric(input: &mut TriggerInput) -> Option<MetricSpec> {
    let mut tried: BTreeMap<String, usize> = BTreeMap::new();
    loop {
        let problems = match catalog::check(input) {
            Ok(found) => return Some(found.spec),
            Err(problems) => problems,
        };
        for problem in problems {
            let name = problem.parameter;
            let tries = tried.entry(name.clone()).or_default();
            let stand_in = stand_ins().get(*tries).filter(|_| !input.metadata.contains_key(&name))?;
            *tries += 1;
            input.auth.insert(name, Secret::new(stand_in.as_str()));
        }
    }
}

struct Lacking(ReadError);

/// One that fails for this reason.
pub(super) fn scaler(why: String) -> Arc<dyn Scaler> {
    Arc::new(Lacking(ReadError::new(ReadErrorKind::Configuration, why)))
}

#[async_trait]
impl Scaler for Lacking {
    async fn read(&self, _now: Timestamp, _timeout: Duration) -> Result<Reading, ReadError> {
        Err(self.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(kind: &str, metadata: &[(&str, &str)]) -> Option<String> {
        let metadata = metadata.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let mut input = TriggerInput { kind: kind.to_owned(), metadata: metadata.collect(), ..TriggerInput::default() };
        metric(&mut input).map(|spec| spec.metric.to_string())
    }

    /// FB-21: whatever a Secret would have given, certificates and keys too
    #[test]
    fn a_metric_is_known_without_what_secrets_give() {
        let query = [("serverAddress", "https://a"), ("query", "q"), ("threshold", "1")];
        for modes in ["", "bearer", "basic", "tls", "tls,basic", "custom", "apiKey", "oauth"] {
            let metadata = [&query[..], &[("authModes", modes)]].concat();
            assert_eq!(name("prometheus", &metadata).as_deref(), Some("s0-prometheus"), "{modes}");
        }
        let kafka = [("bootstrapServers", "a:1"), ("consumerGroup", "g"), ("topic", "t"), ("tls", "enable")];
        for sasl in ["none", "plaintext", "scram_sha512", "oauthbearer"] {
            let metadata = [&kafka[..], &[("sasl", sasl)]].concat();
            assert_eq!(name("kafka", &metadata).as_deref(), Some("s0-kafka-t"), "{sasl}");
        }
    }

    #[test]
    fn what_the_manifest_itself_gets_wrong_is_no_lack() {
        for wrong in [&[("query", "q"), ("serverAddress", "a"), ("threshold", "many")][..], &[("serverAddress", "a")]] {
            assert_eq!(name("prometheus", &[wrong, &[("authModes", "tls")]].concat()), None, "{wrong:?}");
        }
        assert_eq!(name("nothing", &[]), None);
    }
}
