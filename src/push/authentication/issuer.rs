//! The issuer whose tokens are accepted.

use url::Url;

use crate::subscriber::{is_foreign, is_url};

/// Google writes its issuer with the scheme, and its own libraries take it without, too.
pub(super) const GOOGLE: [&str; 2] = ["https://accounts.google.com", "accounts.google.com"];

/// Returns true if this issuer's keys are Google's.
pub(crate) fn is_google(issuer: &str) -> bool {
    GOOGLE.contains(&issuer)
}

/// Returns why no token can be issued by this issuer, if none can.
pub(crate) fn issuer_fault(issuer: &str) -> Option<&'static str> {
    if is_google(issuer) {
        None
    } else if issuer.contains(is_foreign) || !is_url(issuer) {
        Some("is no http or https URL")
    } else if Url::parse(issuer).is_ok_and(|url| url.host_str() == Some("accounts.google.com")) {
        Some("is not as Google writes itself in tokens: https://accounts.google.com")
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
