//! Invalid tokens, which a careful receiver must reject.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::claims::{Claim, Claims};
use super::key::{Header, KeyError, SigningKey, encode};

const DAY_SECONDS: i64 = 24 * 60 * 60;

/// The fault in a forged token.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Forgery {
    /// Issued and expired yesterday.
    Expired,
    /// Issued tomorrow.
    IssuedInTheFuture,
    /// For another service.
    WrongAudience,
    /// From another issuer, though signed by a published key.
    WrongIssuer,
    /// Signed by an unpublished key, with the id of a published one.
    ForeignKey,
    /// Signed by an unpublished key, with its own id.
    UnknownKeyId,
    /// `alg` is `none`, and there is no signature.
    Unsigned,
    /// `alg` is `HS256`, and the secret is the published key as PEM.
    PublicKeyAsSecret,
    /// The claims were changed after signing.
    Altered,
    /// The claim `email_verified` is false.
    EmailNotVerified,
    /// One claim is missing, which Google's tokens all have. A receiver must check most of these claims. Rejecting a token
    /// without `sub`, which OpenID Connect requires, is stricter than Google's list of checks.
    Missing(Claim),
}

impl Forgery {
    /// All forgeries, for tests of each.
    pub const ALL: [Self; 17] = [
        Self::Expired,
        Self::IssuedInTheFuture,
        Self::WrongAudience,
        Self::WrongIssuer,
        Self::ForeignKey,
        Self::UnknownKeyId,
        Self::Unsigned,
        Self::PublicKeyAsSecret,
        Self::Altered,
        Self::EmailNotVerified,
        Self::Missing(Claim::Audience),
        Self::Missing(Claim::Email),
        Self::Missing(Claim::EmailVerified),
        Self::Missing(Claim::Expiry),
        Self::Missing(Claim::IssuedAt),
        Self::Missing(Claim::Issuer),
        Self::Missing(Claim::Subject),
    ];

    /// Makes the token from the current key and valid claims. `foreign` returns an unpublished key.
    ///
    /// # Errors
    /// If it needs a foreign key, which cannot be made.
    pub(super) fn forge<'a>(
        self,
        key: &SigningKey,
        mut claims: Claims,
        foreign: impl FnOnce() -> Result<&'a SigningKey, KeyError>,
    ) -> Result<String, KeyError> {
        match self {
            Self::Expired => claims.shift(-DAY_SECONDS),
            Self::IssuedInTheFuture => claims.shift(DAY_SECONDS),
            Self::WrongAudience => claims.aud = Some("https://another-service.example".to_owned()),
            Self::WrongIssuer => claims.iss = Some("https://another-issuer.example".to_owned()),
            Self::EmailNotVerified => claims.email_verified = Some(false),
            Self::Missing(claim) => claims.leave_out(claim),
            Self::ForeignKey => return Ok(foreign()?.sign_as(key.id(), &claims)),
            Self::UnknownKeyId => return Ok(foreign()?.sign(&claims)),
            Self::Unsigned => return Ok(unsigned(key, &claims)),
            Self::PublicKeyAsSecret => return Ok(signed_with_public_key(key, &claims)),
            Self::Altered => return Ok(altered(key, claims)),
        }
        Ok(key.sign(&claims))
    }
}

fn unsigned(key: &SigningKey, claims: &Claims) -> String {
    let header = Header {
        alg: "none",
        kid: key.id(),
        typ: "JWT",
    };
    format!("{}.{}.", encode(&header), encode(claims))
}

fn signed_with_public_key(key: &SigningKey, claims: &Claims) -> String {
    let header = Header {
        alg: "HS256",
        kid: key.id(),
        typ: "JWT",
    };
    let signed = format!("{}.{}", encode(&header), encode(claims));
    let secret = hmac::Key::new(hmac::HMAC_SHA256, key.public_pem().as_bytes());
    let signature = hmac::sign(&secret, signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// Signs the claims of another account, and then replaces them with the wanted ones.
fn altered(key: &SigningKey, mut claims: Claims) -> String {
    let wanted = encode(&claims);
    claims.email = Some("somebody-else@example.com".to_owned());
    let token = key.sign(&claims);
    let mut parts = token.split('.');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(header), Some(_), Some(signature)) => format!("{header}.{wanted}.{signature}"),
        _ => token,
    }
}
