//! The Secrets and ConfigMaps that environments and credentials are taken from.

use std::collections::{BTreeMap, HashMap};

use k8s_openapi::api::core::v1::{ConfigMap, Secret};

use crate::object::{Located, Object};
use crate::secret::SecretText;

/// The ConfigMap that `tidegate up` provides in every namespace when a Scenario uses the embedded broker.
pub const BROKER_CONFIG_MAP: &str = "tidegate-broker";

/// Its key with the broker's address.
pub const BROKER_ADDRESS_KEY: &str = "bootstrapServers";

/// Where KEDA looks for what a ClusterTriggerAuthentication names.
const KEDA_NAMESPACE: &str = "keda";

/// Secrets and ConfigMaps by namespace and name.
#[derive(Clone, Debug)]
pub struct Configs {
    /// The namespace of the objects that a ClusterTriggerAuthentication names. KEDA's is `keda`.
    pub cluster_namespace: String,
    secrets: HashMap<(String, String), BTreeMap<String, SecretText>>,
    config_maps: HashMap<(String, String), BTreeMap<String, SecretText>>,
    everywhere: HashMap<String, BTreeMap<String, SecretText>>,
    /// Objects that may exist and could not be read, with the reason.
    withheld: HashMap<(ConfigKind, String, String), String>,
    /// Whether only what is referenced was put in here, so that names which are not here may exist all the same.
    partial: bool,
}

impl Default for Configs {
    fn default() -> Self {
        Configs {
            cluster_namespace: KEDA_NAMESPACE.into(),
            secrets: HashMap::new(),
            config_maps: HashMap::new(),
            everywhere: HashMap::new(),
            withheld: HashMap::new(),
            partial: false,
        }
    }
}

impl Configs {
    /// Those among `objects`.
    #[must_use]
    pub fn new(objects: &[Located<Object>]) -> Self {
        let mut configs = Configs::default();
        for object in objects {
            let key = (object.value.namespace().to_owned(), object.value.name().to_owned());
            match &object.value {
                Object::Secret(secret) => {
                    configs.secrets.insert(key, secret_data(secret));
                }
                Object::ConfigMap(map) => {
                    configs.config_maps.insert(key, config_map_data(map));
                }
                _ => {}
            }
        }
        configs
    }

    /// For a driver that fetches what is referenced and nothing else. Names are not suggested then: which others there are
    /// is not known.
    #[must_use]
    pub fn partial(cluster_namespace: &str) -> Self {
        Configs { cluster_namespace: cluster_namespace.to_owned(), partial: true, ..Configs::default() }
    }

    /// Adds one object's keys and values.
    pub fn insert(&mut self, kind: ConfigKind, namespace: &str, name: &str, data: BTreeMap<String, SecretText>) {
        let map = match kind {
            ConfigKind::Secret => &mut self.secrets,
            ConfigKind::ConfigMap => &mut self.config_maps,
        };
        map.insert((namespace.to_owned(), name.to_owned()), data);
    }

    /// Notes that an object could not be read, and why; whoever needs it is told so.
    pub fn withhold(&mut self, kind: ConfigKind, namespace: &str, name: &str, reason: impl Into<String>) {
        self.withheld.insert((kind, namespace.to_owned(), name.to_owned()), reason.into());
    }

    /// Why an object could not be read.
    pub(crate) fn withheld(&self, kind: ConfigKind, namespace: &str, name: &str) -> Option<&str> {
        self.withheld.get(&(kind, namespace.to_owned(), name.to_owned())).map(String::as_str)
    }

    /// Whether objects that are not in here may exist.
    pub(crate) fn is_partial(&self) -> bool {
        self.partial
    }

    /// Adds a ConfigMap that exists in every namespace; one of the same name in a manifest goes before it.
    pub fn provide<K: Into<String>, V: Into<String>>(&mut self, name: &str, data: impl IntoIterator<Item = (K, V)>) {
        let data = data.into_iter().map(|(key, value)| (key.into(), SecretText::new(value))).collect();
        self.everywhere.insert(name.to_owned(), data);
    }

    /// A Secret's keys and values. Values that are not UTF-8 are left out.
    #[must_use]
    pub fn secret(&self, namespace: &str, name: &str) -> Option<&BTreeMap<String, SecretText>> {
        self.secrets.get(&(namespace.to_owned(), name.to_owned()))
    }

    /// A ConfigMap's keys and values.
    #[must_use]
    pub fn config_map(&self, namespace: &str, name: &str) -> Option<&BTreeMap<String, SecretText>> {
        self.config_maps.get(&(namespace.to_owned(), name.to_owned())).or_else(|| self.everywhere.get(name))
    }

    /// One object's keys and values.
    ///
    /// # Errors
    /// That it is missing, or why it could not be read.
    pub fn find(&self, kind: ConfigKind, namespace: &str, name: &str) -> Result<&BTreeMap<String, SecretText>, String> {
        self.get(kind, namespace, name).ok_or_else(|| match self.withheld(kind, namespace, name) {
            Some(why) => format!("the {} {namespace}/{name} cannot be read: {why}", kind.name()),
            None => format!("there is no {} named {name:?} in namespace {namespace:?}", kind.name()),
        })
    }

    /// One of the two kinds.
    pub(crate) fn get(&self, kind: ConfigKind, namespace: &str, name: &str) -> Option<&BTreeMap<String, SecretText>> {
        match kind {
            ConfigKind::Secret => self.secret(namespace, name),
            ConfigKind::ConfigMap => self.config_map(namespace, name),
        }
    }

    /// The names of one kind in a namespace, for suggestions.
    pub(crate) fn names(&self, kind: ConfigKind, namespace: &str) -> Vec<&str> {
        let map = match kind {
            ConfigKind::Secret => &self.secrets,
            ConfigKind::ConfigMap => &self.config_maps,
        };
        let mut names: Vec<&str> =
            map.keys().filter(|(in_namespace, _)| in_namespace == namespace).map(|(_, name)| name.as_str()).collect();
        names.sort_unstable();
        names
    }
}

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConfigKind {
    /// A Secret.
    Secret,
    /// A ConfigMap.
    ConfigMap,
}

impl ConfigKind {
    /// As written in `kind`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            ConfigKind::Secret => "Secret",
            ConfigKind::ConfigMap => "ConfigMap",
        }
    }
}

/// A Secret's keys and values. Values that are not UTF-8 are left out.
#[must_use]
pub fn secret_data(secret: &Secret) -> BTreeMap<String, SecretText> {
    let encoded = secret.data.iter().flatten().filter_map(|(key, value)| {
        let text = std::str::from_utf8(&value.0).ok()?;
        Some((key.clone(), SecretText::new(text)))
    });
    let plain = secret.string_data.iter().flatten().map(|(key, value)| (key.clone(), SecretText::new(value.as_str())));
    encoded.chain(plain).collect()
}

/// A ConfigMap's keys and values, those of `binaryData` not among them.
#[must_use]
pub fn config_map_data(map: &ConfigMap) -> BTreeMap<String, SecretText> {
    map.data.iter().flatten().map(|(key, value)| (key.clone(), SecretText::new(value.as_str()))).collect()
}
