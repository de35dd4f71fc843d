//! The environment variables of KEDA's programs: read and checked in one place, with an error that names the variable.

use std::time::Duration;

/// What the variables say. What is absent or empty has KEDA's default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Variables {
    pub(super) namespaces: Vec<String>,
    pub(super) label_selector: Option<String>,
    pub(super) authentication_label_selector: Option<String>,
    pub(super) own_namespace: String,
    pub(super) identity: Option<String>,
    pub(super) cluster_object_namespace: Option<String>,
    pub(super) restrict_secret_access: bool,
    pub(super) bound_token_lifetime: Duration,
    pub(super) http_timeout: Duration,
    pub(super) lease_duration: Duration,
    pub(super) renew_deadline: Duration,
    pub(super) retry_period: Duration,
}

/// KEDA's variables that have nothing to set here: the name, and why.
const WITHOUT_EFFECT: &[(&str, &str)] = &[
    ("KEDA_SCALEDOBJECT_CTRL_MAX_RECONCILES", "objects are not taken by a fixed number of workers"),
    ("KEDA_SCALEDJOB_CTRL_MAX_RECONCILES", "ScaledJobs are not served yet"),
    ("KEDA_HTTP_MIN_TLS_VERSION", "connections use TLS 1.2 at least, and TLS 1.3 wherever the server speaks it"),
    ("KEDA_SERVICE_MIN_TLS_VERSION", "servers speak TLS 1.2 and 1.3"),
    ("KEDA_HTTP_TLS_CIPHER_LIST", "only cipher suites that are held to be secure are compiled in"),
    ("KEDA_SERVICE_TLS_CIPHER_LIST", "only cipher suites that are held to be secure are compiled in"),
    ("KEDA_HTTP_DISABLE_KEEP_ALIVE", "connections are shared and kept"),
    ("RAW_METRICS_GRPC_PROTOCOL", "the service of raw metrics is not served yet"),
    ("RAW_METRICS_MODE", "the service of raw metrics is not served yet"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "metrics are given to Prometheus only"),
    ("OTEL_EXPORTER_OTLP_HEADERS", "metrics are given to Prometheus only"),
    ("HTTP_PROXY", "triggers connect directly, so that addresses can be judged before a connection is made"),
    ("HTTPS_PROXY", "triggers connect directly, so that addresses can be judged before a connection is made"),
];

/// Where values come from, for tests.
pub(super) type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

struct Reader<'a> {
    lookup: Lookup<'a>,
    problems: Vec<String>,
}

impl Reader<'_> {
    fn text(&self, name: &str) -> Option<String> {
        (self.lookup)(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    fn parsed<T>(&mut self, name: &str, default: T, expected: &str, parse: impl Fn(&str) -> Option<T>) -> T {
        let Some(text) = self.text(name) else { return default };
        match parse(&text) {
            Some(value) => value,
            None => {
                self.problems.push(format!("environment variable {name}: found {text:?}, expected {expected}"));
                default
            }
        }
    }

    fn span(&mut self, name: &str, default: Duration) -> Duration {
        self.parsed(name, default, "a span of time above zero, as 15s, 500ms or 1m30s", span)
    }

    fn selector(&mut self, name: &str) -> Option<String> {
        let expected = "a label selector, as team=payments,tier!=test or team in (a, b)";
        self.parsed(name, None, expected, |text| selector(text).then(|| Some(text.to_owned())))
    }

    fn all(&mut self) -> Variables {
        let hours = |hours: u64| Duration::from_secs(hours * 3600);
        let expected = "1h to 6h";
        let namespaces = self.text("WATCH_NAMESPACE").unwrap_or_default();
        Variables {
            namespaces: namespaces
                .split(',')
                .map(str::trim)
                .filter(|name| !name.is_empty())
                .map(str::to_owned)
                .collect(),
            label_selector: self.selector("WATCH_LABEL_SELECTOR"),
            authentication_label_selector: self.selector("WATCH_LABEL_SELECTOR_FOR_TRIGGERAUTH"),
            own_namespace: self.text("POD_NAMESPACE").unwrap_or_else(|| "keda".to_owned()),
            identity: self.text("POD_NAME").or_else(|| self.text("HOSTNAME")),
            cluster_object_namespace: self.text("KEDA_CLUSTER_OBJECT_NAMESPACE"),
            restrict_secret_access: self.parsed("KEDA_RESTRICT_SECRET_ACCESS", false, "true or false", switch),
            bound_token_lifetime: self.parsed("KEDA_BOUND_SERVICE_ACCOUNT_TOKEN_EXPIRY", hours(1), expected, |text| {
                span(text).filter(|span| (hours(1)..=hours(6)).contains(span))
            }),
            http_timeout: self.parsed(
                "KEDA_HTTP_DEFAULT_TIMEOUT",
                Duration::from_secs(3),
                "milliseconds, 1 or more",
                |text| text.parse::<u64>().ok().filter(|millis| *millis > 0).map(Duration::from_millis),
            ),
            lease_duration: self.span("KEDA_OPERATOR_LEADER_ELECTION_LEASE_DURATION", Duration::from_secs(15)),
            renew_deadline: self.span("KEDA_OPERATOR_LEADER_ELECTION_RENEW_DEADLINE", Duration::from_secs(10)),
            retry_period: self.span("KEDA_OPERATOR_LEADER_ELECTION_RETRY_PERIOD", Duration::from_secs(2)),
        }
    }

    /// Rules between variables, and numbers that KEDA would refuse although they have no effect here.
    fn check(&mut self, variables: &Variables) {
        for name in ["KEDA_SCALEDOBJECT_CTRL_MAX_RECONCILES", "KEDA_SCALEDJOB_CTRL_MAX_RECONCILES"] {
            self.parsed(name, 1, "a whole number", |text| text.parse::<u32>().ok());
        }
        let prefix = "KEDA_OPERATOR_LEADER_ELECTION";
        if variables.renew_deadline >= variables.lease_duration {
            self.problems.push(format!(
                "environment variable {prefix}_RENEW_DEADLINE: found {:?}, expected less than {prefix}_LEASE_DURATION ({:?}): \
                 a leader must give up before others take over",
                variables.renew_deadline, variables.lease_duration
            ));
        }
        if variables.retry_period >= variables.renew_deadline {
            self.problems.push(format!(
                "environment variable {prefix}_RETRY_PERIOD: found {:?}, expected less than {prefix}_RENEW_DEADLINE ({:?})",
                variables.retry_period, variables.renew_deadline
            ));
        }
    }
}

/// Reads the variables. Gives warnings about those without effect.
///
/// # Errors
/// Each value that is not understood.
pub(super) fn read(lookup: Lookup<'_>) -> Result<(Variables, Vec<String>), Vec<String>> {
    let mut reader = Reader { lookup, problems: Vec::new() };
    let variables = reader.all();
    reader.check(&variables);
    let warnings = WITHOUT_EFFECT
        .iter()
        .filter(|(name, _)| reader.text(name).is_some())
        .map(|(name, why)| format!("environment variable {name} has no effect: {why}"))
        .collect();
    if reader.problems.is_empty() { Ok((variables, warnings)) } else { Err(reader.problems) }
}

/// A span above zero as Go writes it: `15s`, `1m30s`, `500ms`.
fn span(text: &str) -> Option<Duration> {
    let span = text.parse::<jiff::SignedDuration>().ok()?;
    Duration::try_from(span).ok().filter(|span| !span.is_zero())
}

/// As Go's `strconv.ParseBool` reads it.
fn switch(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// Whether the API server could read this as a label selector: each requirement outside of parentheses has a key, and
/// `in` and `notin` have values.
fn selector(text: &str) -> bool {
    let mut depth = 0_u32;
    let mut requirements = vec![String::new()];
    for character in text.chars() {
        match character {
            '(' => depth += 1,
            ')' if depth == 0 => return false,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                requirements.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(requirement) = requirements.last_mut() {
            requirement.push(character);
        }
    }
    depth == 0 && requirements.iter().all(|requirement| is_requirement(requirement.trim()))
}

fn is_requirement(text: &str) -> bool {
    let key = |key: &str| {
        let key = key.trim();
        let part = |part: &str| {
            !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        };
        match key.split_once('/') {
            Some((prefix, name)) => part(prefix) && part(name),
            None => part(key),
        }
    };
    let value = |value: &str| value.trim().chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    if let Some((left, set)) = text.split_once('(') {
        let Some((left, operator)) = left.trim().rsplit_once(char::is_whitespace) else { return false };
        let Some(set) = set.strip_suffix(')') else { return false };
        return key(left) && matches!(operator, "in" | "notin") && set.split(',').all(value);
    }
    for operator in ["!=", "==", "="] {
        if let Some((left, right)) = text.split_once(operator) {
            return key(left) && value(right);
        }
    }
    key(text.strip_prefix('!').unwrap_or(text))
}

#[cfg(test)]
mod tests;
