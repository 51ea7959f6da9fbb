//! Pages of lists.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::error::ApiError;

const DEFAULT_SIZE: usize = 100;
const MAX_SIZE: usize = 1_000;
/// The prefix of every token, which detects invalid ones.
const MARK: &str = "after ";

/// Returns one page of `items`, which are sorted by name, and the token of the next page. After the last page the token is
/// empty.
///
/// # Errors
/// If the size is negative, or the token is invalid.
pub(super) fn page<T>(
    items: impl IntoIterator<Item = T>,
    name: impl Fn(&T) -> &str,
    size: i32,
    token: &str,
) -> Result<(Vec<T>, String), ApiError> {
    let size = match usize::try_from(size) {
        Ok(0) => DEFAULT_SIZE,
        Ok(size) => size.min(MAX_SIZE),
        Err(_) => return Err(ApiError::invalid("The page size is negative")),
    };
    let last = last_name(token)?;
    let rest = items.into_iter();
    let mut rest = rest.skip_while(|item| name(item) <= last.as_str());
    let page: Vec<T> = rest.by_ref().take(size).collect();
    let next = match (page.last(), rest.next()) {
        (Some(last), Some(_)) => URL_SAFE_NO_PAD.encode(format!("{MARK}{}", name(last))),
        _ => String::new(),
    };
    Ok((page, next))
}

/// Returns the last name of the previous page.
fn last_name(token: &str) -> Result<String, ApiError> {
    if token.is_empty() {
        return Ok(String::new());
    }
    let text = URL_SAFE_NO_PAD.decode(token).ok();
    let text = text.and_then(|text| String::from_utf8(text).ok());
    let last = text.as_deref().and_then(|text| text.strip_prefix(MARK));
    last.map(str::to_owned)
        .ok_or_else(|| ApiError::invalid("The page token is not one that the emulator returned"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 3] = ["a", "b", "c"];

    fn check(size: i32, token: &str, expected: &[&str]) -> String {
        let (page, next) = page(NAMES, |name| name, size, token).unwrap();
        assert_eq!(page, expected);
        next
    }

    #[test]
    fn pages_follow_each_other() {
        assert_eq!(check(0, "", &["a", "b", "c"]), "");
        assert_eq!(check(3, "", &["a", "b", "c"]), "");
        assert_eq!(check(i32::MAX, "", &["a", "b", "c"]), "");
        let next = check(2, "", &["a", "b"]);
        assert_eq!(check(2, &next, &["c"]), "");
    }

    #[test]
    fn made_up_tokens_are_rejected() {
        for token in ["b", "projects/shop/topics/orders", "YWZ0ZXI", "_____w", "é"] {
            assert!(page(NAMES, |name| name, 0, token).is_err(), "{token}");
        }
    }

    #[test]
    fn a_negative_size_is_rejected() {
        assert!(page(NAMES, |name| name, -1, "").is_err());
    }
}
