//! Lists in pages.

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use serde::Deserialize;

use crate::error::ApiError;

const DEFAULT_SIZE: usize = 100;
const MAX_SIZE: usize = 1_000;

/// A query as axum hands it over.
pub(super) type Parameters = Result<Query<PageQuery>, QueryRejection>;

/// The query of a list request; other parameters, such as `$alt`, say nothing that matters here.
#[derive(Deserialize)]
pub(super) struct PageQuery {
    #[serde(default, alias = "pageSize")]
    page_size: i32,
    #[serde(default, alias = "pageToken")]
    page_token: String,
}

impl PageQuery {
    pub(super) fn read(parameters: Parameters) -> Result<Self, ApiError> {
        match parameters {
            Ok(Query(query)) => Ok(query),
            Err(rejection) => Err(ApiError::invalid(rejection.body_text())),
        }
    }

    /// One page of `items`, which are sorted by name, and the token of the next: the last name of this one.
    pub(super) fn page<T>(
        &self,
        items: Vec<T>,
        name: impl Fn(&T) -> &str,
    ) -> Result<(Vec<T>, String), ApiError> {
        let size = match usize::try_from(self.page_size) {
            Ok(0) => DEFAULT_SIZE,
            Ok(size) => size.min(MAX_SIZE),
            Err(_) => return Err(ApiError::invalid("pageSize is negative")),
        };
        let rest = items.into_iter();
        let mut rest = rest.skip_while(|item| name(item) <= self.page_token.as_str());
        let page: Vec<T> = rest.by_ref().take(size).collect();
        let next = match (page.last(), rest.next()) {
            (Some(last), Some(_)) => name(last).to_owned(),
            _ => String::new(),
        };
        Ok((page, next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(size: i32, token: &str, expected: &[&str], next: &str) {
        let query = PageQuery {
            page_size: size,
            page_token: token.to_owned(),
        };
        let (page, token) = query.page(vec!["a", "b", "c"], |name| name).unwrap();
        assert_eq!((page.as_slice(), token.as_str()), (expected, next));
    }

    #[test]
    fn pages_follow_each_other() {
        check(0, "", &["a", "b", "c"], "");
        check(2, "", &["a", "b"], "b");
        check(2, "b", &["c"], "");
        check(3, "", &["a", "b", "c"], "");
    }
}
