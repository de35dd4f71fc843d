//! A certificate with its key and authorities, understood and ready to be served.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::provider;

/// What a handshake needs, and what the API server is told to trust.
#[derive(Clone, Debug)]
pub(super) struct Material {
    pub(super) key: Arc<CertifiedKey>,
    /// PEM.
    pub(super) authorities: Arc<str>,
    /// Seconds since 1970.
    pub(super) not_after: i64,
}

impl Material {
    /// From PEM.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub(super) fn read(certificate: &[u8], key: &[u8], authorities: &[u8]) -> Result<Material, String> {
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(certificate)
            .collect::<Result<_, _>>()
            .map_err(|error| format!("tls.crt is no PEM: {error}"))?;
        let first = chain.first().ok_or("tls.crt holds no certificate")?;
        let facts = Facts::of(first)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| format!("tls.key is no private key: {error}"))?;
        let key = CertifiedKey::from_der(chain, key, &provider())
            .map_err(|error| format!("tls.crt and tls.key do not fit: {error}"))?;
        let authorities = std::str::from_utf8(authorities).map_err(|_| "ca.crt is no PEM")?;
        Ok(Material { key: Arc::new(key), authorities: authorities.into(), not_after: facts.not_after })
    }
}

/// What is asked of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    /// The common name of its subject.
    pub(super) name: String,
    /// The subject and the issuer, as they are encoded.
    pub(super) subject: Vec<u8>,
    pub(super) issuer: Vec<u8>,
    /// Seconds since 1970.
    pub(super) not_before: i64,
    pub(super) not_after: i64,
    /// Names and addresses that it is valid for.
    pub(super) valid_for: Vec<String>,
    /// The public key, as it is encoded.
    pub(super) public_key: Vec<u8>,
}

impl Facts {
    /// From DER.
    ///
    /// # Errors
    /// When it is no certificate.
    pub(super) fn of(certificate: &CertificateDer<'_>) -> Result<Facts, String> {
        let (_, parsed) =
            X509Certificate::from_der(certificate).map_err(|error| format!("a certificate cannot be read: {error}"))?;
        let valid_for = match parsed.subject_alternative_name() {
            Ok(Some(names)) => names.value.general_names.iter().filter_map(host).collect(),
            _ => Vec::new(),
        };
        let name = parsed.subject().iter_common_name().next().and_then(|name| name.as_str().ok()).unwrap_or_default();
        Ok(Facts {
            name: name.to_owned(),
            subject: parsed.subject().as_raw().to_vec(),
            issuer: parsed.issuer().as_raw().to_vec(),
            not_before: parsed.validity().not_before.timestamp(),
            not_after: parsed.validity().not_after.timestamp(),
            valid_for,
            public_key: parsed.public_key().raw.to_vec(),
        })
    }
}

fn host(name: &x509_parser::extensions::GeneralName<'_>) -> Option<String> {
    use x509_parser::extensions::GeneralName;
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => {
            let v4 = <[u8; 4]>::try_from(*bytes).map(std::net::IpAddr::from);
            v4.or_else(|_| <[u8; 16]>::try_from(*bytes).map(std::net::IpAddr::from)).ok().map(|ip| ip.to_string())
        }
        _ => None,
    }
}
