//! `tidegate consume`: a consumer of known speed.

use std::time::Duration;

use tidegate_lab::consume::{self, ConsumeOptions, Distribution, Failing, FailureHandling, Speed};
use tidegate_lab::units;

use super::kafka::lab_settings;
use crate::args::{ConsumeArgs, OnFailure};
use crate::exit::{Done, Failed};
use crate::live;
use crate::output::note;

/// Runs it until it is told to stop.
pub(crate) fn run(args: &ConsumeArgs) -> Done {
    let options = options(args)?;
    live::block_on(async {
        let stop = live::stop_on_signal()?;
        let summary = consume::run(options, stop).await.map_err(|error| Failed::work(error.to_string()))?;
        note(&format!(
            "consumed {} records ({} failed and skipped, {} done again), {} rebalances, {} commits",
            summary.processed, summary.skipped, summary.retried, summary.rebalances, summary.commits
        ));
        Ok(())
    })
}

fn options(args: &ConsumeArgs) -> Result<ConsumeOptions, Failed> {
    let mut options = ConsumeOptions::new(lab_settings(&args.kafka)?, args.topics.clone(), args.group.clone());
    options.speed = speed(args.rate.as_deref(), args.service_time.as_deref())?;
    options.warm_up = args.warm_up;
    options.failing = failing(args.fail_share, args.on_failure)?;
    options.commit_interval = args.commit_interval;
    options.events_file.clone_from(&args.events_file);
    options.metrics_address = args.metrics_bind_address;
    options.seed = args.seed;
    Ok(options)
}

fn failing(share: f64, on_failure: OnFailure) -> Result<Option<Failing>, Failed> {
    if !(0.0..=1.0).contains(&share) {
        return Err(Failed::input(format!("--fail-share: found {share}, expected a share from 0 to 1")));
    }
    let handling = match on_failure {
        OnFailure::Retry if share >= 1.0 => {
            return Err(Failed::input(
                "--fail-share: found 1 with --on-failure retry, which would never end; give less",
            ));
        }
        OnFailure::Retry => FailureHandling::Retry,
        OnFailure::Skip => FailureHandling::Skip,
    };
    Ok((share > 0.0).then_some(Failing { share, handling }))
}

fn speed(rate: Option<&str>, service_time: Option<&str>) -> Result<Speed, Failed> {
    match (rate, service_time) {
        (Some(text), _) => units::parse_rate(text)
            .map(Speed::Rate)
            .map_err(|expected| Failed::input(format!("--rate: found {text:?}, expected {expected}"))),
        (None, Some(text)) => distribution(text).map(Speed::ServiceTime),
        (None, None) => Ok(Speed::Unlimited),
    }
}

/// `50ms`, `exponential:50ms`, `normal:50ms:10ms`, `lognormal:50ms:20ms`.
fn distribution(text: &str) -> Result<Distribution, Failed> {
    let seconds = |part: &str| units::parse_duration(part).ok().as_ref().map(Duration::as_secs_f64);
    let parts: Vec<&str> = text.split(':').collect();
    let found = match parts.as_slice() {
        [constant] => seconds(constant).map(Distribution::Constant),
        ["exponential", mean] => seconds(mean).map(|mean| Distribution::Exponential { mean }),
        ["normal", mean, deviation] => {
            seconds(mean).zip(seconds(deviation)).map(|(mean, std_dev)| Distribution::Normal { mean, std_dev })
        }
        ["lognormal", mean, deviation] => {
            seconds(mean).zip(seconds(deviation)).map(|(mean, std_dev)| Distribution::LogNormal { mean, std_dev })
        }
        _ => None,
    };
    found.ok_or_else(|| {
        let expected = "50ms, exponential:50ms, normal:50ms:10ms or lognormal:50ms:20ms";
        Failed::input(format!("--service-time: found {text:?}, expected {expected}"))
    })
}

#[cfg(test)]
mod tests {
    use super::{distribution, speed};
    use tidegate_lab::consume::{Distribution, Speed};

    #[test]
    fn speeds_are_read_as_people_write_them() {
        assert_eq!(speed(Some("120/m"), None).unwrap(), Speed::Rate(2.0));
        assert_eq!(distribution("50ms").unwrap(), Distribution::Constant(0.05));
        assert_eq!(distribution("normal:50ms:10ms").unwrap(), Distribution::Normal { mean: 0.05, std_dev: 0.01 });
        let message = distribution("gauss:50ms").unwrap_err().message;
        assert!(message.contains("gauss:50ms") && message.contains("exponential:50ms"), "{message}");
    }
}
