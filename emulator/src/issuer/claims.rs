//! The claims of a push token.

use aws_lc_rs::digest;
use serde::Serialize;

/// `exp` minus `iat` in Google's samples (Google, *Authentication for push subscriptions*, "JWT format").
pub(super) const LIFETIME_SECONDS: i64 = 3600;

/// A claim of a push token (Google, *Authentication for push subscriptions*, "JWT format").
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Claim {
    /// `aud`
    Audience,
    /// `email`
    Email,
    /// `email_verified`
    EmailVerified,
    /// `exp`
    Expiry,
    /// `iat`
    IssuedAt,
    /// `iss`
    Issuer,
    /// `sub`
    Subject,
}

/// The claims of one token. Only a forged token lacks one.
#[derive(Serialize)]
pub(super) struct Claims {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) aud: Option<String>,
    azp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) email_verified: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) exp: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) iat: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) iss: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<String>,
}

impl Claims {
    /// Returns the claims of a valid token for an hour from `now`, in seconds since 1970. `azp` and `sub` are the account's
    /// numeric id (Google, *Authentication for push subscriptions*, "JWT format").
    pub(super) fn new(now: i64, issuer: &str, email: &str, audience: &str) -> Self {
        let account = account_number(email);
        Self {
            aud: Some(audience.to_owned()),
            azp: account.clone(),
            email: Some(email.to_owned()),
            email_verified: Some(true),
            exp: Some(now + LIFETIME_SECONDS),
            iat: Some(now),
            iss: Some(issuer.to_owned()),
            sub: Some(account),
        }
    }

    pub(super) fn shift(&mut self, seconds: i64) {
        self.iat = self.iat.map(|time| time + seconds);
        self.exp = self.exp.map(|time| time + seconds);
    }

    pub(super) fn leave_out(&mut self, claim: Claim) {
        match claim {
            Claim::Audience => self.aud = None,
            Claim::Email => self.email = None,
            Claim::EmailVerified => self.email_verified = None,
            Claim::Expiry => self.exp = None,
            Claim::IssuedAt => self.iat = None,
            Claim::Issuer => self.iss = None,
            Claim::Subject => self.sub = None,
        }
    }
}

/// Returns a numeric id for an account, the same in every run.
fn account_number(email: &str) -> String {
    let digest = digest::digest(&digest::SHA256, email.as_bytes());
    let number = digest
        .as_ref()
        .iter()
        .take(8)
        .fold(0, |number, byte| number << 8 | u64::from(*byte));
    format!("1{number:020}")
}

#[cfg(test)]
mod tests {
    use super::account_number;

    #[test]
    fn account_numbers_have_21_digits() {
        let number = account_number("push@shop.iam.gserviceaccount.com");
        assert_eq!(number.len(), 21);
        assert!(number.bytes().all(|byte| byte.is_ascii_digit()));
    }

    #[test]
    fn an_account_keeps_its_number() {
        let number = account_number("push@shop.iam.gserviceaccount.com");
        assert_eq!(number, account_number("push@shop.iam.gserviceaccount.com"));
        assert_ne!(number, account_number("other@shop.iam.gserviceaccount.com"));
    }
}
