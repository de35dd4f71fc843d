//! Which requests we know, in which versions, and what a broker and we have in common.

use kafka_protocol::messages::ApiKey;

use crate::kafka::replies::session::ApiRange;

/// A kind of request: its key, its name in messages, and the versions that we speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Api {
    pub(crate) key: i16,
    pub(crate) name: &'static str,
    pub(crate) min: i16,
    pub(crate) max: i16,
}

const fn api(key: ApiKey, name: &'static str, min: i16, max: i16) -> Api {
    Api { key: key as i16, name, min, max }
}

/// Version 0 is understood by every broker, old and new.
pub(crate) const API_VERSIONS: Api = api(ApiKey::ApiVersions, "ApiVersions", 0, 0);
pub(crate) const SASL_HANDSHAKE: Api = api(ApiKey::SaslHandshake, "SaslHandshake", 1, 1);
pub(crate) const SASL_AUTHENTICATE: Api = api(ApiKey::SaslAuthenticate, "SaslAuthenticate", 0, 2);
/// From 4 on a request can say that topics must not be created.
pub(crate) const METADATA: Api = api(ApiKey::Metadata, "Metadata", 4, 12);
/// From 4 on many groups fit in one request.
pub(crate) const FIND_COORDINATOR: Api = api(ApiKey::FindCoordinator, "FindCoordinator", 0, 4);
/// From 8 on many groups fit in one request; from 2 on a group can be asked for all its topics.
pub(crate) const OFFSET_FETCH: Api = api(ApiKey::OffsetFetch, "OffsetFetch", 2, 8);
/// From 2 on a request can ask for what a read-committed consumer can reach.
pub(crate) const LIST_OFFSETS: Api = api(ApiKey::ListOffsets, "ListOffsets", 1, 7);
/// From 4 on replies tell aborted transactions; from 13 on topics have no names.
pub(crate) const FETCH: Api = api(ApiKey::Fetch, "Fetch", 4, 12);
pub(crate) const DESCRIBE_GROUPS: Api = api(ApiKey::DescribeGroups, "DescribeGroups", 0, 5);
pub(crate) const CONSUMER_GROUP_DESCRIBE: Api = api(ApiKey::ConsumerGroupDescribe, "ConsumerGroupDescribe", 0, 1);
pub(crate) const LIST_GROUPS: Api = api(ApiKey::ListGroups, "ListGroups", 0, 5);

/// What one broker understands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Versions(Vec<ApiRange>);

impl Versions {
    pub(crate) fn new(ranges: Vec<ApiRange>) -> Self {
        Versions(ranges)
    }

    /// The newest version of a request that both sides speak.
    pub(crate) fn common(&self, api: Api) -> Option<i16> {
        if api == API_VERSIONS {
            return Some(0);
        }
        let range = self.0.iter().find(|range| range.key == api.key)?;
        let (min, max) = (api.min.max(range.min), api.max.min(range.max));
        (min <= max).then_some(max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_newest_version_that_both_speak() {
        let versions = Versions::new(vec![
            ApiRange { key: OFFSET_FETCH.key, min: 0, max: 3 },
            ApiRange { key: LIST_OFFSETS.key, min: 8, max: 11 },
        ]);
        assert_eq!(versions.common(OFFSET_FETCH), Some(3));
        assert_eq!(versions.common(LIST_OFFSETS), None, "newer than we speak");
        assert_eq!(versions.common(FETCH), None, "unknown to the broker");
        assert_eq!(versions.common(API_VERSIONS), Some(0));
    }
}
