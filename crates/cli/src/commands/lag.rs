//! `tidegate lag`: what the lag reader sees.

mod exporter;

use std::io::IsTerminal;

use tidegate_engine::ReadError;
use tidegate_scalers::Secret;
use tidegate_scalers::kafka::{ConnectionSettings, GroupLag, LagQuery, LagReader, LagReport};

use super::kafka::{KEY_PASSWORD, authority, certificate, key, password, wants_tls};
use crate::args::{KafkaArgs, LagArgs, OutputFormat, Sasl};
use crate::exit::{Done, Failed};
use crate::live;
use crate::output::{Table, json, line, note, yaml};

/// Runs it.
pub(crate) fn run(args: &LagArgs) -> Done {
    let reader = LagReader::new(settings(&args.kafka)?);
    let some = |names: &[String]| (!names.is_empty()).then(|| names.to_vec());
    let query = LagQuery { groups: some(&args.groups), topics: some(&args.topics) };
    live::block_on(async {
        let stop = live::stop_on_signal()?;
        if let Some(address) = args.metrics_bind_address {
            return exporter::serve(address, reader, query, args.timeout, stop).await;
        }
        loop {
            let reading = tokio::select! {
                reading = reader.read(&query, args.timeout) => reading,
                () = stop.cancelled() => return Ok(()),
            };
            match (reading, args.watch) {
                (Ok(report), watch) => print(&report, args.output, watch.is_some())?,
                // Watching goes on: the fault may pass.
                (Err(error), Some(_)) => note(&format!("tidegate: {error}")),
                (Err(error), None) => return Err(Failed::work(format!("{error}{}", advice(&error, args)))),
            }
            let Some(every) = args.watch else { return Ok(()) };
            tokio::select! {
                () = tokio::time::sleep(every) => {}
                () = stop.cancelled() => return Ok(()),
            }
        }
    })
}

/// A broker that cannot list its groups (the embedded one) can still be asked for groups by name.
fn advice(error: &ReadError, args: &LagArgs) -> &'static str {
    if args.groups.is_empty() && error.message.contains("ListGroups") { "; name the groups with --group" } else { "" }
}

/// The settings, understood by the same code as a trigger's parameters.
fn settings(args: &KafkaArgs) -> Result<ConnectionSettings, Failed> {
    let mut given: Vec<(&str, String)> = vec![("bootstrapServers", args.bootstrap_servers.clone())];
    let sasl = match args.sasl {
        Sasl::None => "none",
        Sasl::Plaintext => "plaintext",
        Sasl::ScramSha256 => "scram_sha256",
        Sasl::ScramSha512 => "scram_sha512",
        Sasl::Oauthbearer => "oauthbearer",
    };
    given.push(("sasl", sasl.to_owned()));
    given.push(("tls", if wants_tls(args) { "enable" } else { "disable" }.to_owned()));
    given.push(("unsafeSsl", args.unsafe_ssl.to_string()));
    if args.sasl != Sasl::None {
        given.push(("password", password(args)?));
    }
    let optional = [
        ("username", args.username.clone()),
        ("oauthTokenEndpointUri", args.oauth_token_endpoint.clone()),
        ("scopes", args.oauth_scopes.clone()),
        ("ca", authority(args)?),
        ("cert", certificate(args)?),
        ("key", key(args)?),
        ("keyPassword", std::env::var(KEY_PASSWORD).ok()),
    ];
    given.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value?))));
    let find = |name: &str| given.iter().find(|(known, _)| *known == name).map(|(_, value)| Secret::new(value.clone()));
    ConnectionSettings::from_parameters(&find).map_err(|problems| {
        let lines: Vec<String> =
            problems.iter().map(|problem| format!("{}: {}", problem.parameter, problem.message)).collect();
        Failed::input(lines.join("\n"))
    })
}

fn print(report: &LagReport, format: OutputFormat, watching: bool) -> Done {
    match format {
        OutputFormat::Json => return json(report),
        OutputFormat::Yaml => return yaml(report),
        OutputFormat::Table | OutputFormat::Wide => {}
    }
    if watching && std::io::stdout().is_terminal() {
        // Home and clear, so that the table stands still.
        line("\u{1b}[H\u{1b}[2J")?;
    }
    let wide = format == OutputFormat::Wide;
    line(&if wide { partitions(report) } else { groups(report) })?;
    for group in &report.groups {
        if let Some(error) = &group.error {
            note(&format!("tidegate: group {}: {error}", group.group));
        }
    }
    note(&format!("{} groups at {}, {} requests", report.groups.len(), report.at, report.requests));
    Ok(())
}

/// One row a group and topic.
fn groups(report: &LagReport) -> String {
    let mut table = Table::new(&["GROUP", "STATE", "MEMBERS", "TOPIC", "PARTITIONS", "COMMITTED", "END", "LAG"]);
    for group in &report.groups {
        let mut start = 0;
        for chunk in group.partitions.chunk_by(|left, right| left.topic == right.topic) {
            start += chunk.len();
            let lags: Option<i64> = chunk.iter().map(|partition| partition.lag).sum();
            let committed: i64 = chunk.iter().filter_map(|partition| partition.committed).sum();
            let end: i64 = chunk.iter().map(|partition| partition.end).sum();
            table.row(head(group).into_iter().chain([
                chunk[0].topic.to_string(),
                chunk.len().to_string(),
                committed.to_string(),
                end.to_string(),
                lags.map_or("-".to_owned(), |lag| lag.to_string()),
            ]));
        }
        if start == 0 {
            table.row(head(group).into_iter().chain(std::iter::repeat_n("-".to_owned(), 5)));
        }
    }
    table.render()
}

/// One row a partition.
fn partitions(report: &LagReport) -> String {
    let headings = ["GROUP", "STATE", "MEMBERS", "TOPIC", "PARTITION", "COMMITTED", "LOG-START", "END", "LAG"];
    let mut table = Table::new(&headings);
    let number = |value: Option<i64>| value.map_or("-".to_owned(), |value| value.to_string());
    for group in &report.groups {
        for partition in &group.partitions {
            table.row(head(group).into_iter().chain([
                partition.topic.to_string(),
                partition.partition.to_string(),
                number(partition.committed),
                number(partition.log_start),
                partition.end.to_string(),
                number(partition.lag),
            ]));
        }
    }
    table.render()
}

fn head(group: &GroupLag) -> [String; 3] {
    let members = group.members.map_or("-".to_owned(), |members| members.to_string());
    [group.group.to_string(), group.state.as_deref().unwrap_or("-").to_owned(), members]
}
