//! Certificate authorities that every trigger trusts besides the system's: PEM files in folders, as a company's own
//! authority is mounted into a pod.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// No bundle is longer; what is has strayed into the folder.
const LONGEST: u64 = 16 << 20;

/// Authorities from folders. Cheap to clone; clones share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authorities(Arc<Vec<CertificateDer<'static>>>);

impl Authorities {
    /// Reads the files of these folders, but of no folder below them. What cannot be used is left out and told of: one
    /// line each, which names the file.
    #[must_use]
    pub fn read(folders: &[PathBuf]) -> (Authorities, Vec<String>) {
        let (mut all, mut faults) = (Vec::new(), Vec::new());
        for folder in folders {
            match files(folder) {
                Ok(files) => files.iter().for_each(|file| take(file, &mut all, &mut faults)),
                Err(error) => {
                    let hint = match error.kind() {
                        ErrorKind::NotFound | ErrorKind::NotADirectory => "name a folder that is mounted",
                        _ => "give the operator the right to read it",
                    };
                    faults.push(fault(folder, &format!("{error}; {hint}")));
                }
            }
        }
        (Authorities(Arc::new(all)), faults)
    }

    /// How many certificates there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds them to those that a connection trusts.
    pub(crate) fn add_to(&self, roots: &mut RootCertStore) {
        // Each was parsable when it was read.
        roots.add_parsable_certificates(self.0.iter().cloned());
    }
}

/// In order of names, so that logs of two starts can be compared. Mounts of Kubernetes keep the files themselves below
/// names that begin with two dots and link to them.
fn files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if !entry.file_name().as_encoded_bytes().starts_with(b"..") && !entry.path().is_dir() {
            files.push(entry.path());
        }
    }
    files.sort();
    Ok(files)
}

fn take(file: &Path, all: &mut Vec<CertificateDer<'static>>, faults: &mut Vec<String>) {
    let found = match read(file) {
        Ok(found) => found,
        Err(why) => return faults.push(fault(file, &why)),
    };
    for (place, certificate) in found.into_iter().enumerate() {
        match RootCertStore::empty().add(certificate.clone()) {
            Ok(()) if !all.contains(&certificate) => all.push(certificate),
            Ok(()) => {}
            Err(error) => faults.push(fault(file, &format!("certificate {} cannot be used: {error}", place + 1))),
        }
    }
}

fn read(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let told = |error: std::io::Error| error.to_string();
    let about = fs::metadata(file).map_err(told)?;
    // A pipe would never end.
    if !about.is_file() || about.len() > LONGEST {
        return Err("no file of certificates; take it out of the folder".to_owned());
    }
    let bytes = fs::read(file).map_err(told)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        // What such an error holds may be the file's text, and the file may be a key.
        Ok(_) | Err(_) => Err("no certificate found; expected PEM text with -----BEGIN CERTIFICATE-----".to_owned()),
    }
}

fn fault(path: &Path, why: &str) -> String {
    format!("reading certificate authorities from {}: {why}; it is left out", path.display())
}

#[cfg(test)]
mod tests;
