//! Replies at the beginning of a connection: versions and SASL.

use crate::kafka::wire::{Malformed, Wire};

/// One kind of request that a broker understands, with its oldest and newest version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ApiRange {
    pub(crate) key: i16,
    pub(crate) min: i16,
    pub(crate) max: i16,
}

/// ApiVersions, version 0: the error code and what the broker understands.
pub(crate) fn api_versions(body: &[u8]) -> Result<(i16, Vec<ApiRange>), Malformed> {
    let mut wire = Wire::new(body, false);
    let error = wire.i16()?;
    let count = wire.array(6)?;
    let mut ranges = Vec::with_capacity(count);
    for _ in 0..count {
        ranges.push(ApiRange { key: wire.i16()?, min: wire.i16()?, max: wire.i16()? });
    }
    Ok((error, ranges))
}

/// SaslHandshake, versions 0 and 1: the error code and the mechanisms that the broker offers.
pub(crate) fn sasl_handshake(body: &[u8]) -> Result<(i16, Vec<String>), Malformed> {
    let mut wire = Wire::new(body, false);
    let error = wire.i16()?;
    let count = wire.array(2)?;
    let mut mechanisms = Vec::with_capacity(count);
    for _ in 0..count {
        mechanisms.push(wire.text()?.to_owned());
    }
    Ok((error, mechanisms))
}

/// One answer of a SASL exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SaslAnswer {
    pub(crate) error: i16,
    pub(crate) message: Option<String>,
    pub(crate) bytes: Vec<u8>,
    /// How long the broker lets the session live, in milliseconds; 0 without a limit.
    pub(crate) lifetime_ms: i64,
}

/// SaslAuthenticate, versions 0 to 2.
pub(crate) fn sasl_authenticate(body: &[u8], version: i16) -> Result<SaslAnswer, Malformed> {
    let mut wire = Wire::new(body, version >= 2);
    let error = wire.i16()?;
    let message = wire.nullable_text()?.map(str::to_owned);
    let bytes = wire.bytes()?.to_vec();
    let lifetime_ms = if version >= 1 { wire.i64()? } else { 0 };
    Ok(SaslAnswer { error, message, bytes, lifetime_ms })
}
