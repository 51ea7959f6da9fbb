//! Callers and audiences that no token can have: rejected at start instead of answering 401 or 403 to every push.

use url::Url;

/// Returns the reason if no token can come from this caller.
pub(crate) fn caller_fault(email: &str) -> Option<&'static str> {
    let (name, domain) = email.split_once('@').unwrap_or_default();
    if email.contains(':') {
        Some("is written as a member of an IAM policy: expected the e-mail alone")
    } else if name.is_empty() || domain.is_empty() || domain.contains('@') {
        Some("is no e-mail")
    } else if email.contains(is_foreign) || email.contains(['/', '\\', '(', ')', '[', ']']) {
        Some("has a character that no e-mail in a token has")
    } else if email.contains(|each: char| each.is_uppercase()) {
        Some("has capital letters, which no e-mail in a token has")
    } else {
        None
    }
}

/// Returns the reason if no token can be for this audience.
pub(crate) fn audience_fault(audience: &str) -> Option<&'static str> {
    if audience.is_empty() {
        Some("is empty")
    } else if audience.contains(is_foreign) {
        Some("has white space, a comma, a semicolon or a quotation mark")
    } else if is_http(audience) && !is_url(audience) {
        Some("is no URL although it begins like one")
    } else if looks_like_a_host(audience) {
        Some("is a URL without its scheme, such as https://")
    } else {
        None
    }
}

/// Returns true for a character that no e-mail, audience or issuer in a token has.
pub(crate) fn is_foreign(each: char) -> bool {
    each.is_whitespace() || each.is_control() || [',', ';', '"', '\'', '<', '>'].contains(&each)
}

fn is_http(text: &str) -> bool {
    let scheme = text.split(':').next().unwrap_or_default();
    text.contains(':') && ["http", "https"].contains(&scheme.to_ascii_lowercase().as_str())
}

/// Returns true for an http or https URL with a host.
pub(crate) fn is_url(text: &str) -> bool {
    let rest = text.split_once("://").map(|(_, rest)| rest);
    let begins_well = rest.is_some_and(|rest| !rest.starts_with('/'));
    is_http(text) && begins_well && Url::parse(text).is_ok_and(|url| url.has_host())
}

/// Returns true for a host name, perhaps with a port and a path: a URL that lacks its scheme. Any other text can be an audience.
/// The client ids of Google's OAuth look like host names, too.
fn looks_like_a_host(text: &str) -> bool {
    let rest = text.trim_start_matches('/');
    let host = rest.split(['/', ':', '?']).next().unwrap_or_default();
    let labels: Vec<&str> = host.split('.').collect();
    let is_label = |label: &&str| {
        !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    let is_name = labels.len() > 1 && labels.iter().all(is_label);
    text.starts_with("//") || is_name && !host.ends_with(".apps.googleusercontent.com")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_that_no_token_names_is_refused() {
        for email in [
            "push@shop.iam.gserviceaccount.com",
            "push@my_shop.iam.gserviceaccount.com",
            "123-compute@developer.gserviceaccount.com",
        ] {
            assert_eq!(caller_fault(email), None, "{email}");
        }
        for (email, fault) in [
            ("serviceAccount:push@shop.iam.gserviceaccount.com", "IAM"),
            ("user:ada@example.com", "IAM"),
            ("projects/-/serviceAccounts/push@shop.com", "a character"),
            ("push", "no e-mail"),
            ("@shop.com", "no e-mail"),
            ("push@", "no e-mail"),
            ("push@a@b", "no e-mail"),
            ("Push@shop.com", "capital letters"),
            ("<push@shop.com>", "a character"),
            ("pu sh@shop.com", "a character"),
        ] {
            let found = caller_fault(email).expect(email);
            assert!(found.contains(fault), "{email}: {found}");
        }
    }

    #[test]
    fn an_audience_that_no_token_is_for_is_refused() {
        for audience in [
            "orders",
            "https://push.example.com",
            "https://pushgate.europe-west1.shop.internal",
            "http://127.0.0.1:8080",
            "32555940559-abc.apps.googleusercontent.com",
        ] {
            assert_eq!(audience_fault(audience), None, "{audience}");
        }
        for (audience, fault) in [
            ("", "empty"),
            ("push.example.com", "without its scheme"),
            ("//push.example.com/push", "without its scheme"),
            ("push.example.com:443/push/orders", "without its scheme"),
            ("https:/push.example.com", "no URL"),
            ("https:///push", "no URL"),
            ("https://", "no URL"),
            ("\"https://push.example.com\"", "quotation"),
            ("https://push.example.com /", "white space"),
        ] {
            let found = audience_fault(audience).expect(audience);
            assert!(found.contains(fault), "{audience}: {found}");
        }
    }
}
