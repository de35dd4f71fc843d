//! A full disk under the report: it is said so, and nothing else of the run is lost.

use std::process::Command;

use nix::sys::signal::Signal;

use super::story::{consumers_run, sound, story};
use super::{Up, processes_of, records};

/// Mounts a file system of 16 KiB, in a mount namespace that ends with the run, and becomes `tidegate up`.
const ON_A_SMALL_DISK: &str =
    "mount -t tmpfs -o size=16k tmpfs \"$1\" && exec \"$2\" up \"$3\" --headless --report \"$1/out\"";

#[test]
fn under_the_report_it_is_told_and_the_records_stay() {
    let (folder, disk) = (story(), tempfile::tempdir().unwrap());
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", ON_A_SMALL_DISK, "sh"]);
    command.arg(disk.path()).arg(env!("CARGO_BIN_EXE_tidegate")).arg(folder.path()).env("NO_COLOR", "1");
    let mut up = Up::of(&mut command);
    consumers_run(folder.path());
    up.signal(Signal::SIGINT);
    let (code, printed) = up.end();
    assert_eq!(code, Some(1), "{printed}");
    assert!(printed.contains("the disk is full"), "{printed}");
    assert!(printed.contains("scaling actions"), "the summary is printed all the same: {printed}");
    sound(&records(folder.path()));
    assert_eq!(processes_of(folder.path()), Vec::<i32>::new());
}
