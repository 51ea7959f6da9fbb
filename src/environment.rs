//! The environment variables of the process, and the project that they name.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// The environment variables of the process, for the application's own settings.
#[derive(Clone, Default)]
pub struct Environment(pub(crate) Arc<BTreeMap<String, String>>);

impl Environment {
    /// Reads the variables of this process, for your own programs. `pushgate serve` passes them to each state.
    #[must_use]
    pub fn of_process() -> Self {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }

    /// Returns the value of a variable. An empty one counts as unset.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }
}

impl fmt::Debug for Environment {
    /// Writes the names only: values may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        Self(Arc::new(
            pairs
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        ))
    }
}

/// Returns true if Pub/Sub accepts this as a project id: letters, digits, hyphens and underscores, and the domain of an old
/// project, as in `example.com:shop`. Google's rules for length and first letters apply to new projects only.
pub(crate) fn is_project_id(text: &str) -> bool {
    (1..=255).contains(&text.len())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_:.".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_is_an_id_that_pub_sub_accepts() {
        for id in ["shop-1", "my_project", "example.com:shop", "123456789012"] {
            assert!(is_project_id(id), "{id}");
        }
        for id in ["", "a/b", "a b", "sh\u{f6}p"] {
            assert!(!is_project_id(id), "{id}");
        }
    }
}
