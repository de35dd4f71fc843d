//! Certificates given as files, as cert-manager or an administrator mounts them.
//!
//! Kubernetes replaces a mounted Secret by moving one link, so a reader may see old and new files side by side for a
//! moment. What does not fit together is not used; the last good one stays until it does.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::material::Material;
use super::{CertificateError, Certificates};
use crate::serve::Condition;

/// How often the files are looked at. A kubelet takes about a minute to bring a change, so this adds little.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

#[derive(Clone, Default, PartialEq, Eq)]
struct Contents {
    certificate: Vec<u8>,
    key: Vec<u8>,
    authorities: Vec<u8>,
}

fn read(folder: &Path) -> Result<Contents, String> {
    let file = |name: &str| std::fs::read(folder.join(name)).map_err(|error| format!("{name}: {error}"));
    let authorities = match std::fs::read(folder.join("ca.crt")) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(format!("ca.crt: {error}")),
    };
    Ok(Contents { certificate: file("tls.crt")?, key: file("tls.key")?, authorities })
}

fn material(contents: &Contents) -> Result<Material, String> {
    Material::read(&contents.certificate, &contents.key, &contents.authorities)
}

/// Reads the folder and goes on looking at it until `stop`.
pub(super) fn start(
    folder: PathBuf,
    certificates: Certificates,
    condition: Condition,
    stop: &CancellationToken,
) -> Result<(), CertificateError> {
    let failed = |reason| CertificateError::Files { folder: folder.display().to_string(), reason };
    let first = read(&folder).map_err(failed)?;
    let good = material(&first).map_err(failed)?;
    certificates.replace(&good);
    let stop = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            () = follow(folder, first, good.not_after, certificates, condition) => {}
            () = stop.cancelled() => {}
        }
    });
    Ok(())
}

async fn follow(
    folder: PathBuf,
    mut used: Contents,
    mut not_after: i64,
    certificates: Certificates,
    condition: Condition,
) {
    let mut told = String::new();
    loop {
        if jiff::Timestamp::now().as_second() < not_after {
            condition.met();
        } else {
            condition.failed("the certificate has expired");
        }
        tokio::time::sleep(LOOK_AGAIN).await;
        let place = folder.clone();
        let found = tokio::task::spawn_blocking(move || read(&place)).await;
        let Ok(found) = found else { return };
        let used_now = found.and_then(|contents| {
            if contents == used { Ok(None) } else { material(&contents).map(|good| Some((contents, good))) }
        });
        match used_now {
            Ok(None) => told.clear(),
            Ok(Some((contents, good))) => {
                tracing::info!(folder = %folder.display(), "the certificate changed");
                certificates.replace(&good);
                (used, not_after) = (contents, good.not_after);
                told.clear();
            }
            Err(reason) if reason != told => {
                tracing::warn!(folder = %folder.display(), reason, "the certificate cannot be used; the last stays");
                told = reason;
            }
            Err(_) => {}
        }
    }
}
