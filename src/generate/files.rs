//! The derived files: their expected text, and the differences on disk.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use schemars::Schema;
use serde::Serialize;

use super::error::DeriveError;
use super::project::{Project, folder_of_sources};
use super::schemas::Schemas;
use super::{Manifest, asyncapi, documents, monitoring, terraform};
use crate::subscriber::Subscriber;

/// One derived file: its path from the project's root, and its expected text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct DerivedFile {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

/// A file that differs from the declarations.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stale {
    /// The path from the project's root.
    pub(crate) path: PathBuf,
    pub(crate) kind: Staleness,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Staleness {
    Missing,
    /// The first line that differs, from 1; `None` where one of the two has ended.
    Differs {
        line: usize,
        found: Option<String>,
        expected: Option<String>,
    },
    /// The schema of a removed type.
    Superfluous,
}

/// Returns all files derived from the declarations. Reads the text around the markers of the documents.
///
/// # Errors
/// If two types have one name, or the markers are invalid.
pub(crate) fn derived(
    subscribers: &[Subscriber],
    project: &Project,
) -> Result<Vec<DerivedFile>, DeriveError> {
    let subscribers = &*project.localized(subscribers);
    let sources = folder_of_sources(subscribers);
    let schemas = Schemas::of(subscribers)?;
    let paths = &project.paths;
    let mut files = vec![
        DerivedFile::new(
            &paths.dashboard,
            json("the dashboard", &monitoring::dashboard(subscribers))?,
        ),
        DerivedFile::new(&paths.alerts, monitoring::rules(subscribers)?),
        DerivedFile::new(
            &paths.describe_schema,
            schema("the form of describe", Manifest::schema())?,
        ),
        DerivedFile::new(
            &paths.documents,
            documents::write(subscribers, &schemas, project, &sources)?,
        ),
        DerivedFile::new(
            &paths.asyncapi,
            asyncapi::write(subscribers, &schemas, project, &sources)?,
        ),
    ];
    for (name, known) in schemas.all() {
        let path = format!("{}/{name}.json", paths.schemas);
        files.push(DerivedFile::new(path, schema("a schema", known.clone())?));
    }
    files.push(DerivedFile::new(
        &paths.terraform,
        json("Terraform's variables", &terraform::variables(subscribers))?,
    ));
    Ok(files)
}

/// Returns the files that are missing, differ, or are schemas of removed types.
///
/// # Errors
/// As [`derived`], and if a file cannot be read.
pub(crate) fn stale(
    subscribers: &[Subscriber],
    project: &Project,
) -> Result<Vec<Stale>, DeriveError> {
    let files = derived(subscribers, project)?;
    let mut stale = Vec::new();
    for file in &files {
        if let Some(kind) = file.staleness(&project.root)? {
            let path = file.path.clone();
            stale.push(Stale { path, kind });
        }
    }
    let gone = superfluous(&files, project)?.into_iter();
    stale.extend(gone.map(|path| Stale {
        path,
        kind: Staleness::Superfluous,
    }));
    Ok(stale)
}

/// Returns the schemas on disk that are none of these files.
///
/// # Errors
/// If their folder cannot be read.
pub(crate) fn superfluous(
    files: &[DerivedFile],
    project: &Project,
) -> Result<BTreeSet<PathBuf>, DeriveError> {
    let schemas = Path::new(&project.paths.schemas);
    let folder = project.root.join(schemas);
    let unreadable = |source| DeriveError::Read {
        path: schemas.into(),
        source,
    };
    let entries = match fs::read_dir(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        entries => entries.map_err(unreadable)?,
    };
    let mut found = BTreeSet::new();
    for entry in entries {
        let path = schemas.join(entry.map_err(unreadable)?.file_name());
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            found.insert(path);
        }
    }
    for file in files {
        found.remove(&file.path);
    }
    Ok(found)
}

impl DerivedFile {
    fn new(path: impl Into<PathBuf>, text: String) -> Self {
        Self {
            path: path.into(),
            text,
        }
    }

    /// Returns the difference from the file on disk, if there is one. Line ends are ignored, since git may change them (`core.autocrlf`).
    ///
    /// # Errors
    /// If it cannot be read.
    pub(crate) fn staleness(&self, root: &Path) -> Result<Option<Staleness>, DeriveError> {
        match fs::read(root.join(&self.path)) {
            Ok(bytes) => {
                let (found, expected) = (String::from_utf8_lossy(&bytes), &self.text);
                let (found, expected) = (with_line_feeds(&found), with_line_feeds(expected));
                Ok((found != expected).then(|| first_difference(&found, &expected)))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Some(Staleness::Missing)),
            Err(source) => Err(DeriveError::Read {
                path: self.path.clone(),
                source,
            }),
        }
    }

    /// Replaces the file at once: readers see the old or the new one. Lines end as in the old file.
    ///
    /// # Errors
    /// If the system rejects.
    pub(crate) fn put(&self, root: &Path) -> Result<(), DeriveError> {
        let target = root.join(&self.path);
        let there = fs::read_to_string(&target).unwrap_or_default();
        // The part in a hand-written file already has the line ends of that file.
        let keeps_ends = there.contains("\r\n") && !self.text.contains("\r\n");
        let text = match keeps_ends {
            true => self.text.replace('\n', "\r\n"),
            false => self.text.clone(),
        };
        replace(&target, &text).map_err(|source| DeriveError::Write {
            path: self.path.clone(),
            source,
        })
    }
}

fn replace(target: &Path, text: &str) -> io::Result<()> {
    let folder = target.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    // A unique name, since two runs may write the same file.
    let draft = folder.join(format!(".{}.draft", uuid::Uuid::new_v4()));
    let written = fs::write(&draft, text).and_then(|()| fs::rename(&draft, target));
    if written.is_err() {
        let _ = fs::remove_file(&draft);
    }
    written
}

fn with_line_feeds(text: &str) -> String {
    text.replace("\r\n", "\n")
}

fn first_difference(found: &str, expected: &str) -> Staleness {
    // Lines include their ends, so that a missing final newline is found, too.
    let (mut found, mut expected) = (found.split_inclusive('\n'), expected.split_inclusive('\n'));
    let mut line = 1;
    loop {
        match (found.next(), expected.next()) {
            (Some(one), Some(other)) if one == other => line += 1,
            (found, expected) => {
                return Staleness::Differs {
                    line,
                    found: found.map(str::to_owned),
                    expected: expected.map(str::to_owned),
                };
            }
        }
    }
}

/// Returns the text as [`json`] does, but with the keywords in a readable order.
fn schema(what: &'static str, schema: Schema) -> Result<String, DeriveError> {
    let mut value = schema.to_value();
    value.sort_all_objects();
    let schema = Schema::try_from(value).map_err(DeriveError::serialize(what))?;
    let text = serde_json::to_string_pretty(&schema).map_err(DeriveError::serialize(what))?;
    Ok(format!("{text}\n"))
}

/// Returns pretty JSON with sorted keys, whatever the features of the JSON library are, and a final newline.
fn json(what: &'static str, document: &impl Serialize) -> Result<String, DeriveError> {
    let mut value = serde_json::to_value(document).map_err(DeriveError::serialize(what))?;
    value.sort_all_objects();
    Ok(format!("{value:#}\n"))
}
