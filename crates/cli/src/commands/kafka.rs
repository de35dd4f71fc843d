//! From the options that name a Kafka cluster to settings of the lab's clients and of the lag reader.

use std::fs;
use std::path::Path;

use tidegate_lab::kafka::{KafkaSettings, Sasl as LabSasl, Sensitive, Tls};

use crate::args::{KafkaArgs, Sasl};
use crate::exit::Failed;

/// The environment variable with the password, where no file is named.
pub(crate) const PASSWORD: &str = "TIDEGATE_KAFKA_PASSWORD";
/// The environment variable with the password of the key file.
pub(crate) const KEY_PASSWORD: &str = "TIDEGATE_KAFKA_KEY_PASSWORD";

/// Environment variables with the PEM texts themselves, as a pod gets them from a Secret, where no file is named.
const CA: &str = "TIDEGATE_KAFKA_CA";
const CERTIFICATE: &str = "TIDEGATE_KAFKA_CERT";
const KEY: &str = "TIDEGATE_KAFKA_KEY";

/// Settings for producing and consuming.
pub(crate) fn lab_settings(args: &KafkaArgs) -> Result<KafkaSettings, Failed> {
    let user = || -> Result<(String, Sensitive), Failed> { Ok((username(args)?, Sensitive::new(password(args)?))) };
    let sasl = match args.sasl {
        Sasl::None => None,
        Sasl::Plaintext => user().map(|(username, password)| Some(LabSasl::Plain { username, password }))?,
        Sasl::ScramSha256 => user().map(|(username, password)| Some(LabSasl::ScramSha256 { username, password }))?,
        Sasl::ScramSha512 => user().map(|(username, password)| Some(LabSasl::ScramSha512 { username, password }))?,
        Sasl::Oauthbearer if args.oauth_token_endpoint.is_some() => {
            let message = "producing and consuming with OAUTHBEARER takes a token that was fetched already, in the \
                           password file or TIDEGATE_KAFKA_PASSWORD; leave --oauth-token-endpoint away";
            return Err(Failed::input(message));
        }
        Sasl::Oauthbearer => {
            let principal = args.username.clone().unwrap_or_else(|| "tidegate".to_owned());
            Some(LabSasl::OauthBearer { token: Sensitive::new(password(args)?), principal })
        }
    };
    Ok(KafkaSettings { bootstrap_servers: args.bootstrap_servers.clone(), sasl, tls: tls(args)? })
}

fn tls(args: &KafkaArgs) -> Result<Option<Tls>, Failed> {
    if !wants_tls(args) {
        return Ok(None);
    }
    Ok(Some(Tls {
        ca: authority(args)?,
        certificate: certificate(args)?,
        key: key(args)?.map(Sensitive::new),
        key_password: std::env::var(KEY_PASSWORD).ok().map(Sensitive::new),
        skip_verify: args.unsafe_ssl,
    }))
}

/// Whether any option or variable asks for TLS.
pub(crate) fn wants_tls(args: &KafkaArgs) -> bool {
    let files = args.ca_file.is_some() || args.cert_file.is_some();
    args.tls || args.unsafe_ssl || files || variable(CA).is_some() || variable(CERTIFICATE).is_some()
}

/// The authorities to trust, PEM.
pub(crate) fn authority(args: &KafkaArgs) -> Result<Option<String>, Failed> {
    pem(args.ca_file.as_deref(), CA)
}

/// The client's certificate, PEM.
pub(crate) fn certificate(args: &KafkaArgs) -> Result<Option<String>, Failed> {
    pem(args.cert_file.as_deref(), CERTIFICATE)
}

/// The client's key, PEM.
pub(crate) fn key(args: &KafkaArgs) -> Result<Option<String>, Failed> {
    pem(args.key_file.as_deref(), KEY)
}

fn pem(file: Option<&Path>, name: &str) -> Result<Option<String>, Failed> {
    match file {
        Some(file) => text(file).map(Some),
        None => Ok(variable(name)),
    }
}

/// An environment variable that says something.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

/// The user name, which the mechanism needs.
pub(crate) fn username(args: &KafkaArgs) -> Result<String, Failed> {
    args.username
        .clone()
        .ok_or_else(|| Failed::input("this way to log in needs a user: give --username or set TIDEGATE_KAFKA_USERNAME"))
}

/// The password from its file or the environment.
pub(crate) fn password(args: &KafkaArgs) -> Result<String, Failed> {
    if let Some(file) = &args.password_file {
        return Ok(text(file)?.trim_end_matches(['\r', '\n']).to_owned());
    }
    std::env::var(PASSWORD).map_err(|_| {
        Failed::input(format!("this way to log in needs a password: give --password-file or set {PASSWORD}"))
    })
}

/// A file's text.
pub(crate) fn text(file: &Path) -> Result<String, Failed> {
    fs::read_to_string(file).map_err(|error| Failed::input(format!("reading {}: {error}", file.display())))
}
