//! What a failed gRPC call means: the kind of error, and words with advice.

use std::error::Error;

use tidegate_engine::{ReadError, ReadErrorKind};
use tonic::{Code, Status};

use super::connector::DialError;

/// Of what a server says, this much is quoted.
const QUOTED: usize = 200;

/// The error for a status. `tls`: whether the connection is encrypted.
pub(super) fn of(status: &Status, tls: bool) -> ReadError {
    if let Some(dial) = status.source().and_then(|source| find::<DialError>(source)) {
        return ReadError::new(dial.0, dial.1.as_str());
    }
    if let Some(source) = status.source() {
        return connection(source, tls);
    }
    let (kind, advice) = match status.code() {
        Code::Unauthenticated | Code::PermissionDenied => (ReadErrorKind::Unauthorized, "; check the credentials"),
        Code::DeadlineExceeded => (ReadErrorKind::Timeout, ""),
        Code::NotFound => (ReadErrorKind::NotFound, ""),
        Code::Unavailable => (ReadErrorKind::Unreachable, ""),
        Code::Unimplemented => (ReadErrorKind::Refused, "; the server does not have this call of externalscaler"),
        Code::OutOfRange | Code::DataLoss => (ReadErrorKind::Invalid, ""),
        _ => (ReadErrorKind::Refused, ""),
    };
    let said = quote(status.message());
    let said = if said.is_empty() { said } else { format!(": {said}") };
    ReadError::new(kind, format!("the server answered {:?}{said}{advice}", status.code()))
}

/// The connection broke, or what came over it is no gRPC.
fn connection(source: &(dyn Error + 'static), tls: bool) -> ReadError {
    if find::<tonic::TimeoutExpired>(source).is_some() {
        return ReadError::new(ReadErrorKind::Timeout, "no answer in time");
    }
    let mut last = source;
    while let Some(inner) = last.source() {
        last = inner;
    }
    // Since TLS 1.3 a server refuses a certificate after the handshake, and its reason may be lost with the connection.
    let advice = if tls { "; a server that does not trust the client certificate does that, too" } else { "" };
    let cause = quote(&last.to_string());
    ReadError::new(ReadErrorKind::Unreachable, format!("the connection broke before an answer: {cause}{advice}"))
}

fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut this = Some(error);
    while let Some(error) = this {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        this = error.source();
    }
    None
}

/// The beginning of what a server said, on one line.
fn quote(said: &str) -> String {
    let text = said.split_whitespace().collect::<Vec<_>>().join(" ").replace(char::is_control, "");
    match text.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text,
    }
}
