//! Pushes with invalid tokens.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::FaultsError;
use super::chance::{self, Place};
use crate::issuer::{Claim, Forgery};

/// Pushes with an invalid token.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TokenFault {
    /// The probability that a push has an invalid token.
    pub probability: f64,
    /// The kind of forgery.
    pub forgery: ForgeryKind,
}

/// The kind of forgery. In JSON it is a name, such as `"wrong-audience"`, or
/// `"missing"` or `"any"`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ForgeryKind {
    /// This forgery.
    Forged(Forgery),
    /// No token.
    Missing,
    /// A different one each time: one of all forgeries, or no token.
    Any,
}

/// The token of one push.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TokenChoice {
    /// A valid token.
    Good,
    /// An invalid token.
    Forged(Forgery),
    /// No token.
    Missing,
}

impl TokenFault {
    pub(super) fn check(&self) -> Result<(), FaultsError> {
        chance::check("token.probability", self.probability)
    }
}

impl TokenChoice {
    /// Returns the name of the forgery in JSON.
    pub(crate) fn fault(self) -> Option<&'static str> {
        match self {
            Self::Good => None,
            Self::Forged(forgery) => Some(name(forgery)),
            Self::Missing => Some(ForgeryKind::Missing.name()),
        }
    }
}

impl ForgeryKind {
    pub(super) fn choose(self, delivery: Place<'_>) -> TokenChoice {
        match self {
            Self::Forged(forgery) => TokenChoice::Forged(forgery),
            Self::Missing => TokenChoice::Missing,
            Self::Any => {
                let chosen = delivery.below("forgery", Forgery::ALL.len() + 1);
                let forgery = Forgery::ALL.get(chosen);
                forgery.map_or(TokenChoice::Missing, |forgery| {
                    TokenChoice::Forged(*forgery)
                })
            }
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Forged(forgery) => name(forgery),
            Self::Missing => "missing",
            Self::Any => "any",
        }
    }

    fn all() -> impl Iterator<Item = Self> {
        let forged = Forgery::ALL.into_iter().map(Self::Forged);
        forged.chain([Self::Missing, Self::Any])
    }
}

fn name(forgery: Forgery) -> &'static str {
    match forgery {
        Forgery::Expired => "expired",
        Forgery::IssuedInTheFuture => "issued-in-the-future",
        Forgery::WrongAudience => "wrong-audience",
        Forgery::WrongIssuer => "wrong-issuer",
        Forgery::ForeignKey => "foreign-key",
        Forgery::UnknownKeyId => "unknown-key-id",
        Forgery::Unsigned => "unsigned",
        Forgery::PublicKeyAsSecret => "public-key-as-secret",
        Forgery::Altered => "altered",
        Forgery::EmailNotVerified => "email-not-verified",
        Forgery::Missing(Claim::Audience) => "missing-audience",
        Forgery::Missing(Claim::Email) => "missing-email",
        Forgery::Missing(Claim::EmailVerified) => "missing-email-verified",
        Forgery::Missing(Claim::Expiry) => "missing-expiry",
        Forgery::Missing(Claim::IssuedAt) => "missing-issued-at",
        Forgery::Missing(Claim::Issuer) => "missing-issuer",
        Forgery::Missing(Claim::Subject) => "missing-subject",
    }
}

impl Serialize for ForgeryKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for ForgeryKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let named = Self::all().find(|kind| kind.name() == text);
        named.ok_or_else(|| {
            let names: Vec<&str> = Self::all().map(Self::name).collect();
            D::Error::custom(format!(
                "{text:?} is no forgery, expected one of {}",
                names.join(", ")
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{from_value, json, to_value};

    #[test]
    fn every_forgery_has_a_name_of_its_own() {
        for kind in ForgeryKind::all() {
            let name = to_value(kind).unwrap();
            assert_eq!(from_value::<ForgeryKind>(name).unwrap(), kind);
        }
        let error = from_value::<ForgeryKind>(json!("stale")).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("\"stale\" is no forgery, expected one of expired,")
        );
    }
}
