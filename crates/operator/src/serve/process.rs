//! The process's own series under the names that Prometheus' client libraries use. Linux tells them below `/proc`.

use std::fs;

use super::page::{count, family, sample};

/// Ticks of `/proc/self/stat` in a second; Linux fixes it for user space.
const TICKS_A_SECOND: f64 = 100.0;

/// All that can be known; what cannot is left out.
pub(super) fn write(page: &mut String) {
    if let Some(seconds) = fs::read_to_string("/proc/self/stat").ok().as_deref().and_then(cpu_seconds) {
        let name = "process_cpu_seconds_total";
        family(page, name, "counter", "Total user and system CPU time spent in seconds.");
        sample(page, name, &[], seconds);
    }
    if let Some(bytes) = fs::read_to_string("/proc/self/status").ok().as_deref().and_then(resident_bytes) {
        let name = "process_resident_memory_bytes";
        family(page, name, "gauge", "Resident memory size in bytes.");
        sample(page, name, &[], count(bytes));
    }
    if let Ok(files) = fs::read_dir("/proc/self/fd") {
        let name = "process_open_fds";
        family(page, name, "gauge", "Number of open file descriptors.");
        sample(page, name, &[], count(files.count() as u64));
    }
}

/// From the text of `/proc/self/stat`. The name in brackets may hold blanks, so counting starts after it.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS_A_SECOND)
}

/// From the text of `/proc/self/status`.
fn resident_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_linux_tells_is_read() {
        let stat = "7 (a b) c) S 1 1 1 0 -1 4194560 100 0 0 0 250 150 0 0 20 0 1 0 100 1 1";
        assert_eq!(cpu_seconds(stat), Some(4.0));
        assert_eq!(resident_bytes("Name:\tx\nVmRSS:\t    2048 kB\nVmData: 1 kB\n"), Some(2048 * 1024));
        assert_eq!((cpu_seconds("nothing"), resident_bytes("nothing")), (None, None));
        let mut page = String::new();
        write(&mut page);
        assert!(page.contains("\nprocess_resident_memory_bytes "), "{page}");
    }
}
