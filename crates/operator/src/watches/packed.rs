//! Parts of Kubernetes objects, kept small.
//!
//! A pod template with one container takes 5 kB as a Rust value, since it has room for every field that there is; what is
//! written in it takes 200 bytes. With thousands of workloads that is most of the memory, and it is looked at seldom.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use k8s_openapi::serde::Serialize;
use k8s_openapi::serde::de::DeserializeOwned;

/// A value as compact JSON. Two are equal if their values are written alike. Cheap to clone; clones share.
pub struct Packed<T> {
    text: Arc<str>,
    of: PhantomData<fn() -> T>,
}

impl<T: Serialize + DeserializeOwned> Packed<T> {
    /// Packs a value. `None`: it cannot be written as JSON, which parts of Kubernetes objects always can.
    #[must_use]
    pub fn new(value: &T) -> Option<Self> {
        Some(Packed { text: serde_json::to_string(value).ok()?.into(), of: PhantomData })
    }

    /// The value. `None`: never, for a type that reads what it writes.
    #[must_use]
    pub fn value(&self) -> Option<T> {
        serde_json::from_str(&self.text).ok()
    }
}

impl<T> Clone for Packed<T> {
    fn clone(&self) -> Self {
        Packed { text: Arc::clone(&self.text), of: PhantomData }
    }
}

impl<T> PartialEq for Packed<T> {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl<T> fmt::Debug for Packed<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Packed").field(&self.text).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::PodTemplateSpec;
    use serde_json::json;

    #[test]
    fn what_is_packed_comes_out_as_it_was() {
        let template = json!({
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "main", "env": [{"name": "A", "value": "1"}], "resources": {"requests": {"cpu": "1"}}}]},
        });
        let template: PodTemplateSpec = serde_json::from_value(template).unwrap();
        let packed = Packed::new(&template).unwrap();
        assert_eq!(packed.value().unwrap(), template);
        assert_eq!(packed, Packed::new(&template.clone()).unwrap());
        assert_ne!(packed, Packed::new(&PodTemplateSpec::default()).unwrap());
    }
}
