//! The reasons for an unanswered push, with remedies.

use std::error::Error;
use std::io;

use rustls::CertificateError;
use rustls::Error as TlsError;

/// Returns an error with all its causes, and plain words for terms of the TLS library.
pub(super) fn reason(error: &(dyn Error + 'static)) -> String {
    let mut reason = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(plain) = tls_error(cause).and_then(plainly) {
            return format!("{reason}: {plain}");
        }
        reason = format!("{reason}: {cause}");
        source = cause.source();
    }
    reason
}

/// Finds the cause that connectors wrap in nested I/O errors, which do not return it as their source.
fn tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a TlsError> {
    if let Some(found) = error.downcast_ref() {
        return Some(found);
    }
    let wrapped = error.downcast_ref::<io::Error>()?.get_ref()?;
    tls_error(wrapped)
}

fn plainly(error: &TlsError) -> Option<&'static str> {
    match error {
        TlsError::InvalidMessage(_) => {
            Some("the endpoint does not speak TLS; perhaps its URL begins with http://")
        }
        TlsError::InvalidCertificate(CertificateError::UnknownIssuer) => Some(
            "the endpoint's certificate has no issuer that this machine trusts; SSL_CERT_FILE names a file of trusted authorities",
        ),
        // The TLS library has a name for this, but its type is not public.
        TlsError::InvalidCertificate(CertificateError::Other(other))
            if format!("{other:?}").contains("CaUsedAsEndEntity") =>
        {
            Some(
                "the endpoint's certificate is that of an authority (CA:TRUE), the default of many tools for self-signed \
                 certificates; create one with basicConstraints=CA:FALSE, and name it in SSL_CERT_FILE",
            )
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::push::PushError;
    use rustls::{InvalidMessage, OtherError};
    use std::sync::Arc;

    #[test]
    fn it_names_every_cause() {
        let envelope = serde_json::from_str::<String>("1").unwrap_err();
        let reason = reason(&PushError::from(envelope));
        assert!(reason.starts_with("the envelope cannot be written: invalid type"));
    }

    fn check(error: TlsError, words: &str) {
        let wrapped = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, error));
        let reason = reason(&PushError::Unreachable(Box::new(wrapped)));
        let beginning = format!("the endpoint cannot be reached: {words}");
        assert!(reason.starts_with(&beginning), "{reason}");
    }

    #[derive(Debug, thiserror::Error)]
    #[error("as its type")]
    struct CaUsedAsEndEntity;

    #[test]
    fn what_is_wrong_with_tls_is_said_plainly() {
        check(
            TlsError::InvalidMessage(InvalidMessage::InvalidContentType),
            "the endpoint does not speak TLS",
        );
        let unknown = CertificateError::UnknownIssuer;
        check(
            TlsError::InvalidCertificate(unknown),
            "the endpoint's certificate has no issuer that this machine trusts",
        );
        let own = CertificateError::Other(OtherError(Arc::new(CaUsedAsEndEntity)));
        check(
            TlsError::InvalidCertificate(own),
            "the endpoint's certificate is that of an authority",
        );
        check(
            TlsError::InvalidCertificate(CertificateError::Expired),
            "invalid peer certificate",
        );
    }
}
