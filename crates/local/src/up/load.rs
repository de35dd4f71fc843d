//! The Scenario's part of a run: the broker, and the load on it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tidegate_console::Store;
use tidegate_crds::{
    AuthenticationKind, AuthenticationRef, Located, Object, ScaleTargetRef, ScaledObject, ScaledObjectSpec, SecretText,
    Trigger, TriggerSources, trigger_sources,
};
use tidegate_engine::Timestamp;
use tidegate_lab::broker::EmbeddedBroker;
use tidegate_lab::kafka::{KafkaSettings, Sasl, Sensitive, Tls};
use tidegate_lab::load::{self, LoadObserver, LoadPoint};
use tidegate_lab::report::Collector;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::folder::{Examined, ScenarioParts};
use crate::progress::{Progress, ProgressKind};

/// Starts the broker of a Scenario that names none.
///
/// # Errors
/// In words, when it cannot be started.
pub(crate) async fn start_broker(scenario: &ScenarioParts) -> Result<Option<EmbeddedBroker>, String> {
    if scenario.spec.bootstrap_servers.is_some() {
        return Ok(None);
    }
    let topics = scenario.spec.topics.clone();
    let started = tokio::task::spawn_blocking(move || EmbeddedBroker::start(&topics)).await;
    match started {
        Ok(Ok(broker)) => Ok(Some(broker)),
        Ok(Err(error)) => Err(error.to_string()),
        Err(error) => Err(format!("starting the embedded broker: {error}")),
    }
}

/// How the load reaches its Kafka.
///
/// # Errors
/// In words, when the credentials cannot be found or understood.
pub(crate) fn settings(
    scenario: &ScenarioParts,
    broker: Option<&EmbeddedBroker>,
    examined: &Examined,
) -> Result<KafkaSettings, String> {
    let address = scenario.spec.bootstrap_servers.as_deref().or(broker.map(EmbeddedBroker::bootstrap_servers));
    let mut settings = KafkaSettings::plaintext(address.unwrap_or_default());
    if let Some(reference) = &scenario.spec.authentication_ref {
        let sources = credentials(scenario, &reference.name, &reference.kind, examined)?;
        let get = |name: &str| sources.auth.get(name).map(|value| value.expose().trim().to_owned());
        settings.sasl = sasl(&get)?;
        if get("tls").as_deref() == Some("enable") || get("ca").is_some() {
            settings.tls = Some(Tls {
                ca: get("ca"),
                certificate: get("cert"),
                key: get("key").map(Sensitive::new),
                key_password: get("keyPassword").map(Sensitive::new),
                skip_verify: get("unsafeSsl").as_deref() == Some("true"),
            });
        }
    }
    Ok(settings)
}

/// What a trigger with the same reference would be given.
fn credentials(
    scenario: &ScenarioParts,
    name: &str,
    kind: &str,
    examined: &Examined,
) -> Result<TriggerSources, String> {
    let kind = match kind {
        "ClusterTriggerAuthentication" => AuthenticationKind::ClusterTriggerAuthentication,
        _ => AuthenticationKind::TriggerAuthentication,
    };
    let reference = AuthenticationRef { name: name.to_owned(), kind: Some(kind) };
    let trigger = Trigger { kind: "kafka".to_owned(), authentication_ref: Some(reference), ..Trigger::default() };
    let mut object = ScaledObject {
        spec: ScaledObjectSpec {
            scale_target_ref: ScaleTargetRef::default(),
            triggers: vec![trigger],
            ..ScaledObjectSpec::default()
        },
        ..ScaledObject::default()
    };
    object.metadata.namespace = Some(scenario.namespace.clone());
    let objects: &[Located<Object>] = &examined.objects;
    trigger_sources(objects, &Located::unplaced(&object), 0, &examined.configs).map_err(|problems| {
        let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
        format!("Scenario {}: authenticationRef: {}", scenario.name, texts.join("; "))
    })
}

fn sasl(get: &dyn Fn(&str) -> Option<String>) -> Result<Option<Sasl>, String> {
    let username = get("username").unwrap_or_default();
    let password = Sensitive::new(get("password").unwrap_or_default());
    match get("sasl").as_deref() {
        None | Some("" | "none") => Ok(None),
        Some("plaintext") => Ok(Some(Sasl::Plain { username, password })),
        Some("scram_sha256") => Ok(Some(Sasl::ScramSha256 { username, password })),
        Some("scram_sha512") => Ok(Some(Sasl::ScramSha512 { username, password })),
        Some("oauthbearer") => match get("token") {
            Some(token) => Ok(Some(Sasl::OauthBearer { token: Sensitive::new(token), principal: principal(username) })),
            None => Err("the load logs in with sasl oauthbearer only by a token that was fetched already; \
                         give it as the parameter token"
                .to_owned()),
        },
        Some(other) => Err(format!(
            "the load can log in with sasl none, plaintext, scram_sha256, scram_sha512 and oauthbearer; found {:?}",
            SecretText::new(other).expose()
        )),
    }
}

/// Whom a token is for; sent beside it, and of no weight where the token itself says so.
fn principal(username: String) -> String {
    if username.is_empty() { "tidegate".to_owned() } else { username }
}

/// Hears all loads of a scenario.
struct Listener {
    collector: Arc<Collector>,
    store: Arc<Store>,
    /// The newest of each load: the page shows their sum.
    points: Mutex<HashMap<Arc<str>, (u64, f64)>>,
}

impl LoadObserver for Listener {
    fn point(&self, point: &LoadPoint) {
        self.collector.load(point);
        let mut points = self.points.lock().unwrap_or_else(PoisonError::into_inner);
        points.insert(Arc::clone(&point.load), (point.produced_total, point.target_rate));
        self.store.load(sum(points.values(), point.at));
    }
}

fn sum<'a>(points: impl Iterator<Item = &'a (u64, f64)>, at: Timestamp) -> tidegate_console::LoadPoint {
    let (produced_total, target_rate) = points.fold((0, 0.0), |sum, point| (sum.0 + point.0, sum.1 + point.1));
    tidegate_console::LoadPoint { at, produced_total, target_rate }
}

/// Runs all loads of a scenario until they are over, or `stop`. What went wrong is given back.
pub(crate) async fn run(
    scenario: ScenarioParts,
    settings: KafkaSettings,
    collector: Arc<Collector>,
    store: Arc<Store>,
    progress: Arc<dyn Progress>,
    stop: CancellationToken,
) -> Vec<String> {
    let listener = Arc::new(Listener { collector: Arc::clone(&collector), store, points: Mutex::default() });
    let mut loads = JoinSet::new();
    for spec in scenario.spec.load.clone() {
        let (settings, listener, stop) = (settings.clone(), Arc::clone(&listener), stop.child_token());
        loads.spawn(async move {
            let outcome = load::run(&spec, &settings, listener, stop).await;
            (spec.name, outcome)
        });
    }
    let mut problems = Vec::new();
    let mut tell = |problem: String| {
        progress.tell(ProgressKind::Warning, &problem);
        problems.push(problem);
    };
    while let Some(joined) = loads.join_next().await {
        match joined {
            Ok((_, Ok(summary))) => {
                collector.load_finished(&summary);
                if let Some(warning) = summary.warning() {
                    tell(warning);
                }
            }
            Ok((name, Err(error))) => tell(format!("load {name}: {error}")),
            Err(error) => tell(format!("a load broke off: {error}; please report it")),
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use tidegate_lab::kafka::Sasl;

    use super::sasl;

    /// The way to log in that the parameters ask for, and no secret in what is printed of it.
    fn of(parameters: &[(&str, &str)]) -> Result<Option<Sasl>, String> {
        sasl(&|name| parameters.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn the_load_logs_in_as_a_trigger_would() {
        assert_eq!(of(&[]), Ok(None));
        let plain = of(&[("sasl", "plaintext"), ("username", "alice"), ("password", "hunter2")]).unwrap().unwrap();
        assert!(matches!(&plain, Sasl::Plain { username, .. } if username == "alice"), "{plain:?}");
        assert!(!format!("{plain:?}").contains("hunter2"));
        let token = of(&[("sasl", "oauthbearer"), ("token", "hunter2")]).unwrap().unwrap();
        assert!(matches!(&token, Sasl::OauthBearer { principal, .. } if principal == "tidegate"), "{token:?}");
        assert!(of(&[("sasl", "oauthbearer")]).unwrap_err().contains("token"));
        assert!(of(&[("sasl", "gssapi")]).unwrap_err().contains("gssapi"));
    }
}
