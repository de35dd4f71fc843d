//! What went wrong with a request, in words: the step and the innermost cause, never the URL's query or a header.

use std::error::Error;
use std::io;

use tidegate_engine::ReadErrorKind;

use crate::egress::Barred;

/// The kind, and the step with its cause and advice.
pub(super) fn of(error: &reqwest::Error, tls: bool) -> (ReadErrorKind, String) {
    let cause = cause(error);
    if error.is_timeout() {
        return (ReadErrorKind::Timeout, "no answer in time".to_owned());
    }
    if let Some(error) = find::<rustls::Error>(error) {
        return (ReadErrorKind::Unreachable, format!("the TLS handshake failed: {}", handshake(error)));
    }
    if let Some(refusal) = find::<Barred>(error) {
        return (ReadErrorKind::Configuration, refusal.to_string());
    }
    if error.is_connect() {
        let step = if cause.contains("lookup") { "the name could not be resolved" } else { "connecting failed" };
        return (ReadErrorKind::Unreachable, format!("{step}: {cause}"));
    }
    if error.is_body() || error.is_decode() {
        return (ReadErrorKind::Unreachable, format!("the connection broke in the middle of the answer: {cause}"));
    }
    if error.is_builder() {
        return (ReadErrorKind::Configuration, format!("the request could not be made: {cause}"));
    }
    // Since TLS 1.3 a server refuses a certificate after the handshake, and its reason may be lost with the connection.
    let advice = if tls { "; a server that does not trust the client certificate does that, too" } else { "" };
    (ReadErrorKind::Unreachable, format!("the connection broke before an answer: {cause}{advice}"))
}

fn handshake(error: &rustls::Error) -> String {
    use rustls::{AlertDescription, CertificateError};
    let advice = match error {
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => {
            "; give the certificate of the authority that signed the server's as \"ca\""
        }
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "; ask by a name that the certificate is for",
        rustls::Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            "; renew the server's certificate"
        }
        rustls::Error::AlertReceived(
            AlertDescription::CertificateRequired
            | AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::HandshakeFailure,
        ) => "; the server wants a client certificate that it trusts: see authModes tls with \"cert\" and \"key\"",
        rustls::Error::InvalidMessage(_) => "; the server does not seem to speak TLS on this port",
        _ => "",
    };
    format!("{error}{advice}")
}

/// The innermost cause.
pub(super) fn cause(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(next) = inner(last) {
        last = next;
    }
    // The outermost error of the client shows the whole URL.
    match last.downcast_ref::<reqwest::Error>() {
        Some(error) if error.is_builder() => "not a valid address or header".to_owned(),
        Some(_) => "unknown cause".to_owned(),
        None => last.to_string(),
    }
}

fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut this = Some(error);
    while let Some(error) = this {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        this = inner(error);
    }
    None
}

/// The next error inwards. An `io::Error` that wraps another one does not give it as its source.
fn inner<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    wrapped.map(|wrapped| wrapped as &(dyn Error + 'static)).or_else(|| error.source())
}
