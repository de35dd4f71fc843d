//! What is known of a parameter: its names, where it may come from, what it accepts. The parser, the JSON schema, the
//! page and `tidegate scalers show` all follow from it.

use crate::value::Value;

/// Where a parameter may come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// `triggers[].metadata.<name>`.
    Metadata,
    /// `triggers[].metadata.<name>FromEnv` names an environment variable of the target's container.
    Env,
    /// A parameter of the (Cluster)TriggerAuthentication.
    Auth,
}

/// What a parameter's text is converted to, by KEDA's rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Any text.
    Text,
    /// An `http` or `https` URL; what it holds of credentials is never shown.
    Address,
    /// Text that is never shown.
    Secret,
    /// A whole number as JSON writes it.
    Integer,
    /// A number as JSON writes it.
    Number,
    /// `true`, `false`, and the short forms that Go's parser takes.
    Boolean,
    /// A Go duration as `1m30s`, or whole milliseconds.
    Duration,
    /// Values apart by commas.
    List,
    /// Whole numbers and ranges `a-b`, apart by commas.
    Ranges,
    /// Pairs `key=value`, apart by commas.
    Pairs,
}

impl Kind {
    /// In a table of the page, as `whole number`.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Kind::Text => "text",
            Kind::Address => "http or https address",
            Kind::Secret => "secret text",
            Kind::Integer => "whole number",
            Kind::Number => "number",
            Kind::Boolean => "true or false",
            Kind::Duration => "duration",
            Kind::List => "list",
            Kind::Ranges => "numbers and ranges",
            Kind::Pairs => "key=value pairs",
        }
    }
}

/// One parameter of a trigger type.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// As KEDA writes it, as `lagThreshold`.
    pub name: &'static str,
    /// Further names that are looked up after `name` in each source.
    pub aliases: &'static [&'static str],
    /// Where it may come from; the first that is not blank wins.
    pub sources: &'static [Source],
    /// What it means, in Markdown.
    pub doc: &'static str,
    /// What it is converted to.
    pub kind: Kind,
    /// May be absent without a default.
    pub optional: bool,
    /// Used when absent.
    pub default: Option<&'static str>,
    /// The only values allowed, if they are few.
    pub choices: &'static [&'static str],
    /// At most one of these may be in a list.
    pub exclusive: &'static [&'static str],
    /// The least number allowed.
    pub min: Option<f64>,
    /// The greatest number allowed.
    pub max: Option<f64>,
    /// No longer understood: giving it is an error with this advice.
    pub removed: Option<&'static str>,
    /// Still understood: giving it is a warning with this advice.
    pub deprecated: Option<&'static str>,
}

impl Parameter {
    pub(crate) fn new<T: Value>(name: &'static str, doc: &'static str, sources: &'static [Source]) -> Self {
        Parameter {
            name,
            aliases: &[],
            sources,
            doc: doc.trim(),
            kind: T::KIND,
            optional: T::OPTIONAL,
            default: None,
            choices: T::CHOICES,
            exclusive: &[],
            min: None,
            max: None,
            removed: None,
            deprecated: None,
        }
    }

    /// Whether a trigger without it is refused.
    #[must_use]
    pub fn required(&self) -> bool {
        !self.optional && self.default.is_none() && self.removed.is_none()
    }

    /// Its name and its aliases.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.aliases.iter().copied())
    }
}

/// What `parameters!` may add to a parameter, each named as it is written there.
#[allow(dead_code, reason = "each is a word of the declaration; not every build of the catalogue uses all")]
impl Parameter {
    pub(crate) fn aliases(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    pub(crate) fn default(mut self, text: &'static str) -> Self {
        self.default = Some(text);
        self
    }

    pub(crate) fn exclusive(mut self, set: &'static [&'static str]) -> Self {
        self.exclusive = set;
        self
    }

    pub(crate) fn min(mut self, least: f64) -> Self {
        self.min = Some(least);
        self
    }

    pub(crate) fn max(mut self, greatest: f64) -> Self {
        self.max = Some(greatest);
        self
    }

    pub(crate) fn removed(mut self, advice: &'static str) -> Self {
        self.removed = Some(advice);
        self.optional = true;
        self
    }

    pub(crate) fn deprecated(mut self, advice: &'static str) -> Self {
        self.deprecated = Some(advice);
        self
    }
}
