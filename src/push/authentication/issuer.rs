//! The issuer whose tokens are accepted.

use url::Url;

use crate::subscriber::{is_foreign, is_url};

/// Google's issuer. Its tokens have it with the scheme, and its libraries accept it without, too.
pub(super) const GOOGLE: [&str; 2] = ["https://accounts.google.com", "accounts.google.com"];

/// Returns true if this issuer is Google.
pub(crate) fn is_google(issuer: &str) -> bool {
    GOOGLE.contains(&issuer)
}

/// Returns the fault of an issuer that no token can have.
pub(crate) fn issuer_fault(issuer: &str) -> Option<&'static str> {
    if is_google(issuer) {
        None
    } else if issuer.contains(is_foreign) || !is_url(issuer) {
        Some("is not an http or https URL")
    } else if Url::parse(issuer).is_ok_and(|url| url.host_str() == Some("accounts.google.com")) {
        Some("is not the issuer in Google's tokens: https://accounts.google.com")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_that_no_token_has_is_refused() {
        for issuer in ["accounts.google.com", "http://127.0.0.1:8085"] {
            assert_eq!(issuer_fault(issuer), None, "{issuer}");
        }
        for issuer in [
            "issuer.example.com",
            "https:/issuer.example.com",
            "https://accounts.google.com/",
            "https://issuer.example.com ",
        ] {
            assert!(issuer_fault(issuer).is_some(), "{issuer}");
        }
    }
}
