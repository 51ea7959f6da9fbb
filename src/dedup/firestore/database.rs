//! The name of a database.

use std::fmt;
use std::str::FromStr;

use crate::environment::is_project_id;

/// A project and one of its databases, as `PROJECT/DATABASE`; the default database is `(default)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirestoreDatabase {
    pub(super) project: String,
    pub(super) database: String,
}

/// The error of a text that is not the name of a Firestore database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected PROJECT or PROJECT/DATABASE")]
pub struct NotADatabase;

impl FromStr for FirestoreDatabase {
    type Err = NotADatabase;

    fn from_str(text: &str) -> Result<Self, NotADatabase> {
        let (project, database) = match text.trim_end_matches('/').split_once('/') {
            Some((project, database)) => (project, database),
            None => (text.trim_end_matches('/'), "(default)"),
        };
        let is_name = |name: &str| {
            !name.is_empty()
                && name.len() <= 128
                && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        };
        let is_valid = is_project_id(project) && (database == "(default)" || is_name(database));
        is_valid
            .then(|| Self {
                project: project.to_owned(),
                database: database.to_owned(),
            })
            .ok_or(NotADatabase)
    }
}

impl fmt::Display for FirestoreDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.project, self.database)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, NotADatabase> {
        text.parse::<FirestoreDatabase>()
            .map(|read| read.to_string())
    }

    #[test]
    fn a_project_has_a_default_database() {
        for text in ["shop", "shop/", "shop/(default)"] {
            assert_eq!(read(text).as_deref(), Ok("shop/(default)"));
        }
    }

    #[test]
    fn a_project_may_have_named_databases() {
        let named = "example.com:shop/pushgate";
        assert_eq!(read(named).as_deref(), Ok(named));
    }

    #[test]
    fn a_malformed_database_is_refused() {
        for wrong in [
            "",
            "/",
            "/db",
            "shop/a/b",
            "shop/(other)",
            "sh op/db",
            "shop/d\u{e9}b",
        ] {
            assert_eq!(read(wrong), Err(NotADatabase), "{wrong}");
        }
    }
}
