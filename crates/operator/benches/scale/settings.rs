//! What the bench is asked for.

use crate::side::Kind;

/// The command line.
#[derive(Clone, Debug)]
pub struct Settings {
    /// ScaledObjects, each with a Deployment and a consumer group.
    pub objects: usize,
    /// Seconds over which they are made, evenly. A HorizontalPodAutoscaler looks every 15 s from when it was made on, so at 15
    /// they look at all times alike, as those of a cluster do that came one by one.
    pub over_seconds: u64,
    /// In this order.
    pub sides: Vec<Kind>,
    /// Shorter rests and fewer requests: for trying the bench itself.
    pub quick: bool,
    /// What is measured once everything is served.
    pub phases: Vec<Phase>,
}

/// A part of the bench that can be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// CPU, writes, memory and connections while nothing happens.
    Rest,
    /// Answers of the metrics API while nothing happens.
    Metric,
    /// Lag in every group at once.
    Burst,
    /// A broker that accepts connections and answers nothing.
    Stalled,
    /// The process killed and started again.
    Killed,
    /// Everything made anew with lag waiting in every group.
    Lag,
    /// A little more lag in every group at once, time after time.
    Steps,
    /// Memory while the broker gets 500 more topics of 10 partitions.
    Topics,
}

const PHASES: [(&str, Phase); 8] = [
    ("rest", Phase::Rest),
    ("metric", Phase::Metric),
    ("burst", Phase::Burst),
    ("stalled", Phase::Stalled),
    ("killed", Phase::Killed),
    ("lag", Phase::Lag),
    ("steps", Phase::Steps),
    ("topics", Phase::Topics),
];

impl Phase {
    fn parse(text: &str) -> Result<Phase, String> {
        let known = || PHASES.map(|(name, _)| name).join(", ");
        let found = PHASES.iter().find(|(name, _)| *name == text).map(|(_, phase)| *phase);
        found.ok_or_else(|| format!("unknown phase {text:?}; known: {}", known()))
    }
}

impl Settings {
    /// Understands the arguments after the program's name.
    pub fn from_args(mut args: impl Iterator<Item = String>) -> Result<Settings, String> {
        let phases = PHASES.map(|(_, phase)| phase).to_vec();
        let mut settings =
            Settings { objects: 1000, over_seconds: 15, sides: vec![Kind::Hpa, Kind::Direct], quick: false, phases };
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
            match arg.as_str() {
                "--objects" => settings.objects = number(&arg, &value()?)?,
                "--over" => settings.over_seconds = number(&arg, &value()?)?,
                "--sides" => settings.sides = value()?.split(',').map(Kind::parse).collect::<Result<_, _>>()?,
                "--phases" => settings.phases = value()?.split(',').map(Phase::parse).collect::<Result<_, _>>()?,
                "--quick" => settings.quick = true,
                // Cargo adds it.
                "--bench" => {}
                other => {
                    let known = "--objects, --over, --sides, --phases, --quick";
                    return Err(format!("unknown argument {other:?}; known: {known}"));
                }
            }
        }
        Ok(settings)
    }

    /// Whether this is wanted.
    pub fn wants(&self, phase: Phase) -> bool {
        self.phases.contains(&phase)
    }

    /// Seconds of a rest in which CPU and writes are counted.
    pub fn rest_seconds(&self) -> u64 {
        if self.quick { 20 } else { 60 }
    }

    /// Requests for a metric, one after the other.
    pub fn requests(&self) -> usize {
        if self.quick { 200 } else { 500 }
    }
}

fn number<T: std::str::FromStr>(of: &str, text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{of}: {text:?} is not a number"))
}
