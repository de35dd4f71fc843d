//! Certificates of the cluster: its authorities, its servers and its clients. Made anew for each cluster.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose,
};

use crate::error::Error;

/// A certificate and its key as PEM files.
#[derive(Clone, Debug)]
pub struct KeyPair {
    /// The certificate.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// An authority that signs certificates.
pub struct Authority {
    issuer: CertifiedIssuer<'static, rcgen::KeyPair>,
    folder: PathBuf,
    /// Its own certificate as a PEM file.
    pub certificate: PathBuf,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Authority").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

fn failed(name: &str) -> impl FnOnce(rcgen::Error) -> Error {
    let name = name.to_owned();
    move |cause| Error::Certificate { name, cause }
}

fn write(file: PathBuf, text: &str) -> Result<PathBuf, Error> {
    fs::write(&file, text).map_err(Error::file("writing", &file))?;
    Ok(file)
}

impl Authority {
    /// A new one; its certificates go into `folder`, which is made.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn new(name: &str, folder: &Path) -> Result<Authority, Error> {
        fs::create_dir_all(folder).map_err(Error::file("making", folder))?;
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages =
            vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
        let key = rcgen::KeyPair::generate().map_err(failed(name))?;
        let issuer = CertifiedIssuer::self_signed(params, key).map_err(failed(name))?;
        let certificate = write(folder.join("ca.crt"), &issuer.pem())?;
        Ok(Authority { issuer, folder: folder.to_owned(), certificate })
    }

    /// Its certificate, PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// Its certificate, DER.
    #[must_use]
    pub fn der(&self) -> Vec<u8> {
        self.issuer.der().to_vec()
    }

    /// A certificate for a server under these names and addresses.
    ///
    /// # Errors
    /// When a name is none, or the folder cannot be written.
    pub fn server(&self, name: &str, hosts: &[&str]) -> Result<KeyPair, Error> {
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let params = CertificateParams::new(hosts).map_err(failed(name))?;
        self.sign(params, name, &[ExtendedKeyUsagePurpose::ServerAuth])
    }

    /// A certificate for a client: a user of this name, in these groups.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn client(&self, user: &str, groups: &[&str]) -> Result<KeyPair, Error> {
        let mut params = CertificateParams::default();
        for group in groups {
            params.distinguished_name.push(DnType::OrganizationName, *group);
        }
        self.sign(params, user, &[ExtendedKeyUsagePurpose::ClientAuth])
    }

    /// A certificate for one who is server and client at once.
    ///
    /// # Errors
    /// When a name is none, or the folder cannot be written.
    pub fn peer(&self, name: &str, hosts: &[&str]) -> Result<KeyPair, Error> {
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let params = CertificateParams::new(hosts).map_err(failed(name))?;
        self.sign(params, name, &[ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth])
    }

    fn sign(
        &self,
        mut params: CertificateParams,
        name: &str,
        usages: &[ExtendedKeyUsagePurpose],
    ) -> Result<KeyPair, Error> {
        params.distinguished_name.push(DnType::CommonName, name);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = usages.to_vec();
        params.use_authority_key_identifier_extension = true;
        let key = rcgen::KeyPair::generate().map_err(failed(name))?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(failed(name))?;
        let base = name.replace(['/', ':'], "-");
        Ok(KeyPair {
            certificate: write(self.folder.join(format!("{base}.crt")), &certificate.pem())?,
            key: write(self.folder.join(format!("{base}.key")), &key.serialize_pem())?,
        })
    }
}

/// The key that signs tokens of service accounts: private and public.
pub(crate) fn service_account_keys(folder: &Path) -> Result<KeyPair, Error> {
    let key = rcgen::KeyPair::generate().map_err(failed("service accounts"))?;
    Ok(KeyPair {
        certificate: write(folder.join("service-accounts.pub"), &key.public_key_pem())?,
        key: write(folder.join("service-accounts.key"), &key.serialize_pem())?,
    })
}
