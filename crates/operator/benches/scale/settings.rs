//! What the bench is asked for.

use crate::side::Kind;

/// The command line.
#[derive(Clone, Debug)]
pub struct Settings {
    /// ScaledObjects, each with a Deployment and a consumer group.
    pub objects: usize,
    /// In this order.
    pub sides: Vec<Kind>,
    /// Shorter rests and fewer requests: for trying the bench itself.
    pub quick: bool,
}

impl Settings {
    /// Understands the arguments after the program's name.
    pub fn from_args(mut args: impl Iterator<Item = String>) -> Result<Settings, String> {
        let mut settings = Settings { objects: 1000, sides: vec![Kind::Hpa, Kind::Direct], quick: false };
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
            match arg.as_str() {
                "--objects" => {
                    let text = value()?;
                    settings.objects = text.parse().map_err(|_| format!("--objects: {text:?} is not a number"))?;
                }
                "--sides" => settings.sides = value()?.split(',').map(Kind::parse).collect::<Result<_, _>>()?,
                "--quick" => settings.quick = true,
                // Cargo adds it.
                "--bench" => {}
                other => return Err(format!("unknown argument {other:?}; known: --objects, --sides, --quick")),
            }
        }
        Ok(settings)
    }

    /// Seconds of a rest in which CPU and writes are counted.
    pub fn rest_seconds(&self) -> u64 {
        if self.quick { 10 } else { 60 }
    }

    /// Requests for a metric, one after the other.
    pub fn requests(&self) -> usize {
        if self.quick { 50 } else { 500 }
    }
}
