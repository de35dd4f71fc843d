//! One trigger type, as the rest of Tidegate sees it.

use std::sync::Arc;

use super::{Checked, unknown};
use crate::declare::Parameters;
use crate::given::Given;
use crate::input::{Problem, TriggerInput};
use crate::parameter::Parameter;
use crate::scaler::{MetricSpec, Scaler};
use crate::trigger::Trigger;
use crate::wrap::{self, TriggerName};

/// One trigger type: its names, its page and its parameters.
pub struct Row {
    /// All type names in KEDA; the first is the one to prefer.
    pub names: &'static [&'static str],
    /// One sentence, from the page's first paragraph.
    pub summary: String,
    /// The user's page without the table of parameters, in Markdown.
    pub doc: &'static str,
    /// Every parameter, in the order of the page.
    pub parameters: Vec<Parameter>,
    /// Whether every key of the metadata is the source's business, so that none is unknown.
    pub any_metadata: bool,
    pub(super) check: fn(&TriggerInput) -> Result<Checked, Vec<Problem>>,
}

impl Row {
    /// The name to prefer.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.names.first().copied().unwrap_or_default()
    }

    pub(super) fn of<T: Trigger>(names: &'static [&'static str], doc: &'static str) -> Row {
        let summary = doc.split("\n\n").find(|part| !part.starts_with('#') && !part.trim().is_empty());
        let summary = summary.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
        Row {
            names,
            summary,
            doc,
            parameters: T::Config::parameters(),
            any_metadata: T::ANY_METADATA,
            check: check::<T>,
        }
    }
}

fn check<T: Trigger>(input: &TriggerInput) -> Result<Checked, Vec<Problem>> {
    let mut given = Given::new(input);
    let config = T::Config::read(&mut given);
    let spec = config.as_ref().and_then(|config| T::check(config, &mut given));
    for (key, message) in unknown::parameters(input, &T::Config::parameters()) {
        // What is misspelt in an authentication is never the source's business.
        if !T::ANY_METADATA || !input.metadata.contains_key(&key) {
            given.warn(&key, message);
        }
    }
    let sound = given.sound();
    let (mut problems, warnings) = given.finish();
    match (config, spec) {
        (Some(config), Some(spec)) if sound => {
            let (input, name) = (input.clone(), Arc::new(name(input, &spec)));
            let connect = Box::new(move |clients: &crate::Clients| -> Arc<dyn Scaler> {
                let telemetry = wrap::Telemetry::new(clients.observer(), &name);
                let clients = clients.of_trigger(telemetry, input.allowed_hosts.clone());
                wrap::all(T::connect(config, &input, &clients), name, &clients)
            });
            Ok(Checked { spec, specs_from_source: T::SPECS_FROM_SOURCE, warnings, connect })
        }
        _ => {
            if problems.is_empty() {
                problems.push(Problem { parameter: String::new(), message: "cannot be understood".to_owned() });
            }
            Err(problems)
        }
    }
}

fn name(input: &TriggerInput, spec: &MetricSpec) -> TriggerName {
    TriggerName {
        namespace: input.namespace.clone(),
        scaled_object: input.scaled_object.clone(),
        kind: input.kind.clone(),
        trigger: input.name.clone().unwrap_or_default(),
        metric: spec.metric.clone(),
    }
}

/// A row from a type and its file, whose module doc becomes the page. Only the doc is kept in the binary.
macro_rules! row {
    ($trigger:ty, $file:literal, $names:expr) => {{
        const SOURCE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/", $file));
        const LENGTH: usize = $crate::catalog::row::doc_length(SOURCE);
        static DOC: [u8; LENGTH] = $crate::catalog::row::doc_of(SOURCE);
        const NAMES: &[&str] = &$names;
        $crate::catalog::row::Row::of::<$trigger>(NAMES, std::str::from_utf8(&DOC).unwrap_or_default())
    }};
}

pub(super) use row;

/// How long the text of the leading `//!` lines is.
pub(super) const fn doc_length(source: &str) -> usize {
    copy_doc::<0>(source).1
}

/// The text of the leading `//!` lines.
pub(super) const fn doc_of<const LENGTH: usize>(source: &str) -> [u8; LENGTH] {
    copy_doc(source).0
}

/// Walks over the leading lines that begin with `//!`, copying what comes after that and one blank, as far as it fits.
const fn copy_doc<const LENGTH: usize>(source: &str) -> ([u8; LENGTH], usize) {
    let source = source.as_bytes();
    let (mut at, mut length, mut doc) = (0, 0, [0; LENGTH]);
    while at + 2 < source.len() && source[at] == b'/' && source[at + 1] == b'/' && source[at + 2] == b'!' {
        at += 3;
        if at < source.len() && source[at] == b' ' {
            at += 1;
        }
        loop {
            let byte = if at < source.len() { source[at] } else { b'\n' };
            if length < LENGTH {
                doc[length] = byte;
            }
            (at, length) = (at + 1, length + 1);
            if byte == b'\n' {
                break;
            }
        }
    }
    (doc, length)
}
