//! When to make and renew what: pure, so that years pass in a test.
//!
//! A new authority is trusted before anything is signed by it: it joins the bundle first, and the serving certificate
//! follows after the overlap, when everybody has read the bundle. The old authority stays in the bundle until it has
//! expired, so that a replica that is late with its certificate is still believed.

use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::CertificateError;
use super::authority::{CLOCK_SKEW, Pair, Signer, new_authority};
use super::material::{Facts, Material};

/// The Secret's data, as KEDA's certificate rotation names it.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Stored {
    /// `tls.crt`
    pub(super) certificate: Vec<u8>,
    /// `tls.key`
    pub(super) key: Vec<u8>,
    /// `ca.crt`: the newest authority first.
    pub(super) authorities: Vec<u8>,
    /// `ca.key`: of the newest authority.
    pub(super) authority_key: Vec<u8>,
}

/// Without the keys.
impl std::fmt::Debug for Stored {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let bytes = self.certificate.len() + self.authorities.len();
        out.debug_struct("Stored").field("certificate_bytes", &bytes).finish_non_exhaustive()
    }
}

/// How long things live.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lifetimes {
    pub(super) authority: Duration,
    /// A new authority is made this long before the newest ends. Longer than a certificate lives, so that none is cut
    /// short by its authority's end.
    pub(super) renew_authority: Duration,
    pub(super) certificate: Duration,
    /// A quarter of its life, so that weeks of failed attempts do no harm.
    pub(super) renew_certificate: Duration,
    /// How long a new authority is in the bundle before it signs.
    pub(super) overlap: Duration,
}

const DAY: u64 = 24 * 3600;

impl Default for Lifetimes {
    fn default() -> Self {
        Lifetimes {
            authority: Duration::from_secs(10 * 365 * DAY),
            renew_authority: Duration::from_secs(2 * 365 * DAY),
            certificate: Duration::from_secs(365 * DAY),
            renew_certificate: Duration::from_secs(91 * DAY),
            overlap: Duration::from_secs(3600),
        }
    }
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Plan {
    /// All is well; look again no later than in so long.
    Keep(Duration),
    /// Write this; `why` is for the log.
    Write(Box<Stored>, &'static str),
}

/// Authorities kept in the bundle; more than two only after a row of accidents.
const MOST_AUTHORITIES: usize = 4;

fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

/// The authorities of a bundle that can be read, in order.
fn read_bundle(bundle: &[u8]) -> Vec<(CertificateDer<'static>, Facts)> {
    let readable = CertificateDer::pem_slice_iter(bundle).filter_map(Result::ok);
    readable.filter_map(|der| Facts::of(&der).ok().map(|facts| (der, facts))).collect()
}

/// Decides at `now` (seconds since 1970) what becomes of `stored` for a server under `names`.
///
/// # Errors
/// When making a certificate fails.
pub(super) fn plan(
    stored: &Stored,
    names: &[String],
    lifetimes: &Lifetimes,
    now: i64,
) -> Result<Plan, CertificateError> {
    let mut authorities = read_bundle(&stored.authorities);
    let key = std::str::from_utf8(&stored.authority_key).unwrap_or_default();
    let newest = authorities.first().map(|(_, facts)| facts.clone());
    let signer = newest.as_ref().and_then(|facts| Signer::new(&facts.name, facts.not_after, &facts.public_key, key));
    let authority_ends = newest.as_ref().map_or(0, |facts| facts.not_after) - seconds(lifetimes.renew_authority);
    let certificate = served(stored, &authorities, names, now);
    let renewal = certificate.as_ref().map_or(0, |facts| facts.not_after - seconds(lifetimes.renew_certificate));

    let (Some(newest), Some(signer)) = (newest, signer.filter(|_| now < authority_ends)) else {
        let made = new_authority(now, lifetimes.authority)?;
        let der = CertificateDer::from_pem_slice(made.certificate.as_bytes()).map_err(unreadable)?;
        let facts = Facts::of(&der).map_err(CertificateError::Making)?;
        authorities.insert(0, (der, facts.clone()));
        let signer = Signer::new(&facts.name, facts.not_after, &facts.public_key, &made.key)
            .ok_or_else(|| CertificateError::Making("the new authority cannot sign".to_owned()))?;
        let bundle = write_bundle(&authorities, now);
        // What is served and still good goes on until the new authority is known everywhere.
        let pair = if certificate.is_some() && now < renewal {
            None
        } else {
            Some(signer.sign(names, now, lifetimes.certificate)?)
        };
        return Ok(Plan::Write(Box::new(with(stored, pair, bundle, made.key)), "a new authority"));
    };
    let trusted_from = newest.not_before + seconds(CLOCK_SKEW) + seconds(lifetimes.overlap);
    let by_newest = certificate.as_ref().is_some_and(|facts| facts.issuer == newest.subject);
    if certificate.is_none() || now >= renewal || (!by_newest && now >= trusted_from) {
        let pair = signer.sign(names, now, lifetimes.certificate)?;
        let bundle = write_bundle(&authorities, now);
        return Ok(Plan::Write(Box::new(with(stored, Some(pair), bundle, key.to_owned())), "a new certificate"));
    }
    let next = authority_ends.min(renewal).min(if by_newest { i64::MAX } else { trusted_from });
    Ok(Plan::Keep(Duration::from_secs(u64::try_from(next - now).unwrap_or(0))))
}

fn unreadable(error: rustls::pki_types::pem::Error) -> CertificateError {
    CertificateError::Making(format!("the new authority cannot be read back: {error}"))
}

/// The certificate that is stored, if it can be served now under all `names` and is signed by one of `authorities`.
fn served(
    stored: &Stored,
    authorities: &[(CertificateDer<'static>, Facts)],
    names: &[String],
    now: i64,
) -> Option<Facts> {
    let material = Material::read(&stored.certificate, &stored.key, &stored.authorities).ok()?;
    let facts = Facts::of(material.key.cert.first()?).ok()?;
    let covered = names.iter().all(|name| facts.valid_for.contains(name));
    let signed =
        authorities.iter().any(|(_, authority)| authority.subject == facts.issuer && now < authority.not_after);
    (covered && signed && facts.not_before <= now && now < facts.not_after).then_some(facts)
}

/// The bundle without what has expired.
fn write_bundle(authorities: &[(CertificateDer<'static>, Facts)], now: i64) -> Vec<u8> {
    let good = authorities.iter().filter(|(_, facts)| now < facts.not_after).take(MOST_AUTHORITIES);
    good.map(|(der, _)| pem(der)).collect::<String>().into_bytes()
}

fn pem(der: &CertificateDer<'_>) -> String {
    use base64::Engine;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let mut pem = "-----BEGIN CERTIFICATE-----\n".to_owned();
    for line in text.as_bytes().chunks(64) {
        pem.push_str(&String::from_utf8_lossy(line));
        pem.push('\n');
    }
    pem + "-----END CERTIFICATE-----\n"
}

fn with(stored: &Stored, pair: Option<Pair>, authorities: Vec<u8>, authority_key: String) -> Stored {
    let authority_key = authority_key.into_bytes();
    match pair {
        Some(pair) => Stored {
            certificate: pair.certificate.into_bytes(),
            key: pair.key.into_bytes(),
            authorities,
            authority_key,
        },
        None => Stored { authorities, authority_key, ..stored.clone() },
    }
}

#[cfg(test)]
mod tests;
