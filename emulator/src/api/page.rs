//! Lists by pages (Google, *List pagination*).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::error::ApiError;

const DEFAULT_SIZE: usize = 100;
const MAX_SIZE: usize = 1_000;

/// One page of what is listed by name, and the token of the next; empty after the last.
///
/// # Errors
/// If the size is negative, or the token was never one.
pub(super) fn page<T>(
    all: Vec<T>,
    size: i32,
    token: &str,
    name: impl Fn(&T) -> &str,
) -> Result<(Vec<T>, String), ApiError> {
    let size = match usize::try_from(size) {
        Ok(0) => DEFAULT_SIZE,
        Ok(size) => size.min(MAX_SIZE),
        Err(_) => {
            return Err(ApiError::invalid(format!(
                "Invalid page size given (page_size={size}): it must not be negative"
            )));
        }
    };
    let first = first_name(token)?;
    let from = all
        .into_iter()
        .skip_while(|each| name(each) < first.as_str());
    let mut page: Vec<T> = from.take(size + 1).collect();
    let next = page.split_off(page.len().min(size));
    let next = next.first().map(|each| URL_SAFE_NO_PAD.encode(name(each)));
    Ok((page, next.unwrap_or_default()))
}

/// A token is the name with which the page begins.
fn first_name(token: &str) -> Result<String, ApiError> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok();
    let name = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    name.ok_or_else(|| {
        ApiError::invalid("Invalid page token given: expected the nextPageToken of an answer")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(size: i32, token: &str) -> Result<(Vec<&'static str>, String), ApiError> {
        page(vec!["a", "b", "c"], size, token, |name| name)
    }

    #[test]
    fn pages_follow_each_other_to_the_end() {
        let (first, token) = names(2, "").unwrap();
        assert_eq!(first, ["a", "b"]);
        let (second, token) = names(2, &token).unwrap();
        assert_eq!((second, token.as_str()), (vec!["c"], ""));
        assert_eq!(names(0, "").unwrap(), (vec!["a", "b", "c"], String::new()));
        assert_eq!(names(3, "").unwrap().1, "");
    }

    #[test]
    fn a_page_whose_first_has_gone_begins_with_the_next() {
        let token = URL_SAFE_NO_PAD.encode("aa");
        assert_eq!(names(1, &token).unwrap().0, ["b"]);
    }

    #[test]
    fn bad_sizes_and_tokens_are_refused() {
        assert!(names(-1, "").is_err());
        assert!(names(1, "!").is_err());
    }
}
