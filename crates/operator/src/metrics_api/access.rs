//! Who may see what, judged by the cluster's authorization (SubjectAccessReview).
//!
//! The API server has already authorized what it passes on, so for such requests one wide question, whether the user may
//! read every external metric, spares a question for each metric: the HorizontalPodAutoscalers' controller costs one
//! review in ten seconds instead of one for each of its metrics. Whoever may not read everything, or comes directly, is
//! asked about in particular.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::authorization::v1::{
    NonResourceAttributes, ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec,
};
use kube::api::{Api, PostParams};

use super::answers::Answers;
use super::caller::{Caller, MASTERS};
use super::{GROUP, VERSION};

/// As `k8s.io/apiserver` has it: a right that is taken back works at most this much longer.
const LIFETIME: Duration = Duration::from_secs(10);
/// Whoever may not read everything is not asked about that again for a while; it costs a question, not a right.
const WIDE_LIFETIME_OF_NO: Duration = Duration::from_secs(300);
/// Answers remembered at once: a few megabytes.
const MOST: usize = 16 * 1024;

/// What somebody wants to do.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Deed {
    /// `list` this metric. No namespace: in all of them.
    Read {
        /// The namespace.
        namespace: Option<String>,
        /// The metric, which is a resource to the authorization.
        metric: String,
    },
    /// `get` this path.
    Path(&'static str),
}

/// An answer: allowed, or the reason why not.
pub(super) type Verdict = Result<(), Arc<str>>;

/// Judges deeds.
pub(super) struct Access {
    api: Api<SubjectAccessReview>,
    verdicts: Answers<(Arc<Caller>, Deed), Verdict>,
    wide: Answers<Arc<Caller>, bool>,
    narrow: Answers<Arc<Caller>, ()>,
}

impl Access {
    pub(super) fn new(client: kube::Client) -> Self {
        Access {
            api: Api::all(client),
            verdicts: Answers::new(LIFETIME, MOST),
            wide: Answers::new(LIFETIME, MOST),
            narrow: Answers::new(WIDE_LIFETIME_OF_NO, MOST),
        }
    }

    /// Whether `caller` may. `passed_on`: the API server authorized the same request before it passed it on.
    ///
    /// # Errors
    /// When the API server does not say.
    pub(super) async fn may(&self, caller: &Arc<Caller>, deed: Deed, passed_on: bool) -> Result<Verdict, kube::Error> {
        if caller.groups.iter().any(|group| group == MASTERS) {
            return Ok(Ok(()));
        }
        if passed_on && matches!(deed, Deed::Read { .. }) && self.reads_everything(caller).await? {
            return Ok(Ok(()));
        }
        let key = (Arc::clone(caller), deed);
        self.verdicts.get(&key, || self.ask(caller, &key.1)).await
    }

    async fn reads_everything(&self, caller: &Arc<Caller>) -> Result<bool, kube::Error> {
        if self.narrow.knows(caller) {
            return Ok(false);
        }
        let all = Deed::Read { namespace: None, metric: "*".to_owned() };
        let may =
            self.wide.get(caller, || async { Ok::<_, kube::Error>(self.ask(caller, &all).await?.is_ok()) }).await?;
        if !may {
            self.narrow.get(caller, || async { Ok::<_, kube::Error>(()) }).await?;
        }
        Ok(may)
    }

    async fn ask(&self, caller: &Caller, deed: &Deed) -> Result<Verdict, kube::Error> {
        let mut spec = SubjectAccessReviewSpec {
            user: Some(caller.name.clone()),
            uid: caller.uid.clone(),
            groups: Some(caller.groups.clone()),
            extra: Some(caller.extra.clone()),
            ..SubjectAccessReviewSpec::default()
        };
        match deed {
            Deed::Read { namespace, metric } => {
                spec.resource_attributes = Some(ResourceAttributes {
                    namespace: namespace.clone(),
                    verb: Some("list".to_owned()),
                    group: Some(GROUP.to_owned()),
                    version: Some(VERSION.to_owned()),
                    resource: Some(metric.clone()),
                    ..ResourceAttributes::default()
                });
            }
            Deed::Path(path) => {
                spec.non_resource_attributes =
                    Some(NonResourceAttributes { path: Some((*path).to_owned()), verb: Some("get".to_owned()) });
            }
        }
        let review = SubjectAccessReview { spec, ..SubjectAccessReview::default() };
        let status = self.api.create(&PostParams::default(), &review).await?.status.unwrap_or_default();
        Ok(match status {
            status if status.allowed && status.denied != Some(true) => Ok(()),
            status => Err(status.reason.or(status.evaluation_error).unwrap_or_default().into()),
        })
    }
}
