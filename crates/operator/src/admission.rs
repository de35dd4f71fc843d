//! The admission webhook.

/// The paths under which webhooks ask, as KEDA's.
pub(crate) const PATHS: [&str; 6] = [
    "/validate-keda-sh-v1alpha1-scaledobject",
    "/validate-keda-sh-v1alpha1-scaledjob",
    "/validate-keda-sh-v1alpha1-triggerauthentication",
    "/validate-keda-sh-v1alpha1-clustertriggerauthentication",
    "/validate-eventing-keda-sh-v1alpha1-cloudeventsource",
    "/validate-eventing-keda-sh-v1alpha1-clustercloudeventsource",
];
