//! The environment variables of the process, and the project that they name.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::sync::Arc;

/// The environment variables of the process, for the application's own settings.
#[derive(Clone, Default)]
pub struct Environment(pub(crate) Arc<BTreeMap<String, OsString>>);

impl Environment {
    /// Reads the variables of this process, for your own programs. `pushgate serve` passes them to each state.
    #[must_use]
    pub fn of_process() -> Self {
        let variables = std::env::vars_os();
        let named = variables.filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
        Self(Arc::new(named.collect()))
    }

    /// Returns the value of a variable. An empty one counts as unset, and so does one that is not UTF-8.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .and_then(|value| value.to_str())
            .filter(|value| !value.is_empty())
    }

    /// Returns the environment with these variables added or replaced.
    pub(crate) fn with<const N: usize>(&self, variables: [(&str, String); N]) -> Self {
        let mut all = self.0.as_ref().clone();
        all.extend(variables.map(|(name, value)| (name.to_owned(), value.into())));
        Self(Arc::new(all))
    }

    /// Returns the environment with these variables added where they are unset.
    #[cfg(feature = "dev")]
    pub(crate) fn with_defaults<const N: usize>(&self, defaults: [(&str, String); N]) -> Self {
        let is_unset = |name: &str| self.0.get(name).is_none_or(|value| value.is_empty());
        let mut all = self.0.as_ref().clone();
        for (name, value) in defaults.into_iter().filter(|(name, _)| is_unset(name)) {
            all.insert(name.to_owned(), value.into());
        }
        Self(Arc::new(all))
    }

    /// Returns true if the variable is set to a value that is not UTF-8.
    pub(crate) fn is_not_utf8(&self, name: &str) -> bool {
        self.0
            .get(name)
            .is_some_and(|value| value.to_str().is_none())
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
                .map(|(name, value)| (name.into(), value.into().into()))
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
