//! Making authorities and the certificates that they sign.

use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use sha2::{Digest, Sha256};

use super::CertificateError;

/// What every authority's name begins with. It tells those that were made here, whose name can be written again.
pub(super) const NAME: &str = "tidegate-ca-";

/// Clocks of the API server may be behind by this much.
pub(super) const CLOCK_SKEW: Duration = Duration::from_secs(3600);

/// A certificate and its key, as PEM.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) certificate: String,
    pub(super) key: String,
}

/// Without the key.
impl std::fmt::Debug for Pair {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Pair").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

fn failed(error: rcgen::Error) -> CertificateError {
    CertificateError::Making(error.to_string())
}

/// From `now` (seconds since 1970), less the skew of clocks, for `lifetime`, but not beyond `last`.
fn valid(parameters: &mut CertificateParams, now: i64, lifetime: Duration, last: i64) {
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let at = |seconds: i64| epoch + Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    let seconds = |duration: Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    parameters.not_before = at(now.saturating_sub(seconds(CLOCK_SKEW)));
    parameters.not_after = at(now.saturating_add(seconds(lifetime)).min(last));
}

fn authority_parameters(name: &str) -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    parameters
}

/// A new authority with a name of its own, so that two of them are never taken for one another.
pub(super) fn new_authority(now: i64, lifetime: Duration) -> Result<Pair, CertificateError> {
    let key = KeyPair::generate().map_err(failed)?;
    let digest = Sha256::digest(key.public_key_raw());
    let unique: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    let mut parameters = authority_parameters(&format!("{NAME}{unique}"));
    valid(&mut parameters, now, lifetime, i64::MAX);
    let certificate = parameters.self_signed(&key).map_err(failed)?;
    Ok(Pair { certificate: certificate.pem(), key: key.serialize_pem() })
}

/// An authority of [`new_authority`] with its key.
#[derive(Debug)]
pub(super) struct Signer {
    issuer: Issuer<'static, KeyPair>,
    /// The certificates that it signs end with it at the latest. Seconds since 1970.
    not_after: i64,
}

impl Signer {
    /// From the authority's name, its end, and its key as PEM. `None`: not an authority of ours, or not its key.
    pub(super) fn new(name: &str, not_after: i64, public_key: &[u8], key: &str) -> Option<Signer> {
        let key = KeyPair::from_pem(key).ok()?;
        let fits = rcgen::PublicKeyData::subject_public_key_info(&key) == public_key;
        (fits && name.starts_with(NAME))
            .then(|| Signer { issuer: Issuer::new(authority_parameters(name), key), not_after })
    }

    /// A certificate for a server under these names and addresses.
    pub(super) fn sign(&self, names: &[String], now: i64, lifetime: Duration) -> Result<Pair, CertificateError> {
        let key = KeyPair::generate().map_err(failed)?;
        let mut parameters = CertificateParams::new(names.to_vec()).map_err(failed)?;
        parameters.distinguished_name = DistinguishedName::new();
        // Long names do not fit a common name; the list of names is what counts.
        parameters.distinguished_name.push(DnType::CommonName, "tidegate");
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        // KEDA's also serve as client certificates; whoever mounts the Secret for that goes on working.
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        parameters.use_authority_key_identifier_extension = true;
        valid(&mut parameters, now, lifetime, self.not_after);
        let certificate = parameters.signed_by(&key, &self.issuer).map_err(failed)?;
        Ok(Pair { certificate: certificate.pem(), key: key.serialize_pem() })
    }
}
