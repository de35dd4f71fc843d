//! Finds a running `up` by its folder: `.tidegate/up.json` says who it is and where its page is.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;

use serde::{Deserialize, Serialize};
use tidegate_engine::Timestamp;

use crate::state_dir::StateDir;

/// What `up.json` holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Up {
    /// The process.
    pub pid: u32,
    /// When the process started, in the kernel's ticks since boot; with `pid` it names one process for good.
    pub start_ticks: u64,
    /// Where the page and the records API are. `None`: `--headless`.
    #[serde(default)]
    pub address: Option<SocketAddr>,
    /// Since when it runs.
    pub started: Timestamp,
}

/// The `up` that runs `folder` now, if one does.
#[must_use]
pub fn find(folder: &Path) -> Option<Up> {
    let up = read(&StateDir::of(folder))?;
    let alive = crate::guard::start_ticks(up.pid) == Some(up.start_ticks);
    alive.then_some(up)
}

pub(crate) fn read(dir: &StateDir) -> Option<Up> {
    serde_json::from_slice(&fs::read(dir.up_file()).ok()?).ok()
}

pub(crate) fn write(dir: &StateDir, up: &Up) -> io::Result<()> {
    let text = serde_json::to_vec(up).map_err(io::Error::other)?;
    crate::files::replace(&dir.up_file(), &text)
}
