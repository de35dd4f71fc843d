//! Where the servers' programs are: put there by `cargo xtask setup` and `cargo xtask keda setup`.

use std::path::{Path, PathBuf};

use crate::error::Error;

/// The root of the repository that this crate was built in.
#[must_use]
pub fn workspace_root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().find(|folder| folder.join("Cargo.lock").exists()).unwrap_or(here).to_owned()
}

/// The folder with kube-apiserver, kube-controller-manager and kube-scheduler: `TIDEGATE_KUBERNETES_BIN`, or
/// `target/servers/kubernetes/bin`.
#[must_use]
pub fn kubernetes_programs() -> PathBuf {
    std::env::var_os("TIDEGATE_KUBERNETES_BIN")
        .map_or_else(|| workspace_root().join("target/servers/kubernetes/bin"), PathBuf::from)
}

/// One of Kubernetes' programs.
pub(crate) fn kubernetes(program: &str) -> Result<PathBuf, Error> {
    find(program, kubernetes_programs(), "cargo xtask setup")
}

/// etcd, from `PATH`.
pub(crate) fn etcd() -> Result<PathBuf, Error> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join("etcd")).find(|file| file.is_file());
    found.ok_or_else(|| Error::Missing {
        program: "etcd".to_owned(),
        folder: PathBuf::from("PATH"),
        remedy: "cargo xtask setup".to_owned(),
    })
}

/// A program in a folder.
pub(crate) fn find(program: &str, folder: PathBuf, remedy: &str) -> Result<PathBuf, Error> {
    let file = folder.join(program);
    if file.is_file() {
        return Ok(file);
    }
    Err(Error::Missing { program: program.to_owned(), folder, remedy: remedy.to_owned() })
}
