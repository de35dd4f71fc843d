//! What a run came to, in words.

use std::fmt;

use super::UpSummary;

impl fmt::Display for UpSummary {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "ran for {} s", self.ran.as_secs())?;
        for target in &self.targets {
            writeln!(
                out,
                "{}: {} decisions, {} scaling actions, at most {} replicas, {} at the end",
                target.id, target.decisions, target.changes, target.most, target.last
            )?;
            if target.findings > 0 {
                writeln!(out, "{}: {} decisions break a promise; please report it", target.id, target.findings)?;
            }
        }
        for problem in &self.problems {
            writeln!(out, "problem: {problem}")?;
        }
        write!(out, "decisions: {}", self.records.display())?;
        if let Some(report) = &self.report {
            write!(out, "\nreport: {}", report.display())?;
        }
        Ok(())
    }
}
