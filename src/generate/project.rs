//! The package of a service: its folder, and the paths of what is derived.

use std::borrow::Cow;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use serde::Deserialize;

use super::error::DeriveError;
use super::paths::{Paths, link};
use crate::package::Package;
use crate::subscriber::Subscriber;

const MANIFEST: &str = "Cargo.toml";

/// The places of the settings, in a manifest and in a gateway's declarations.
const METADATA: &str = "[package.metadata.pushgate]";
const PATHS: &str = "`paths`";

/// The folder of all derived files, and their paths in it.
#[derive(Debug)]
pub(crate) struct Project {
    pub(crate) root: PathBuf,
    pub(crate) paths: Paths,
    /// The version of the service.
    pub(crate) version: Cow<'static, str>,
    /// The folder from which the compiler names sources, if it is there.
    workspace: Option<PathBuf>,
}

/// The part of a gateway's declarations that is read.
#[derive(Deserialize)]
struct Gateway {
    #[serde(default)]
    paths: Paths,
}

/// The parts of a `Cargo.toml` that are read.
#[derive(Deserialize)]
struct Manifest {
    package: Option<PackageTable>,
}

#[derive(Deserialize)]
struct PackageTable {
    name: String,
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Default, Deserialize)]
struct Metadata {
    #[serde(default)]
    pushgate: Paths,
}

impl Project {
    /// Returns the project of a package whose folder is known.
    ///
    /// # Errors
    /// If the folder has no `Cargo.toml`, or a setting in it is invalid.
    pub(crate) fn at(folder: &Path, package: &Package) -> Result<Self, DeriveError> {
        if let Some(file) = &package.gateway {
            return Self::of_gateway(file, folder, package);
        }
        let manifest = Manifest::read(folder)?.ok_or_else(|| DeriveError::NotPackage {
            found: folder.to_owned(),
        })?;
        let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        let workspace = folder.ancestors().find(|each| package.has_main_in(each));
        Self::of(&folder, manifest, package, workspace)
    }

    /// Returns the project of the package around a folder, or in the workspace around it.
    ///
    /// # Errors
    /// If it is not there, or a setting in its `Cargo.toml` is invalid.
    pub(crate) fn around(start: &Path, package: &Package) -> Result<Self, DeriveError> {
        if let Some(file) = &package.gateway {
            let folder = start.join(file.parent().unwrap_or(Path::new("")));
            return Self::of_gateway(file, &folder, package);
        }
        for workspace in start.ancestors().filter(|each| package.has_main_in(each)) {
            if let Some((folder, manifest)) = package.folder_in(workspace)? {
                return Self::of(&folder, manifest, package, Some(workspace));
            }
        }
        for folder in start.ancestors() {
            match Manifest::read(folder)? {
                Some(manifest) if manifest.is_of(package) => {
                    return Self::of(folder, manifest, package, None);
                }
                _ => {}
            }
        }
        Err(DeriveError::NoPackage {
            name: package.name,
            from: start.to_owned(),
        })
    }

    /// Returns a project with the default paths.
    #[cfg(test)]
    pub(crate) fn with_defaults(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            paths: Paths::default(),
            version: "1.0.0".into(),
            workspace: None,
        }
    }

    fn of(
        folder: &Path,
        manifest: Manifest,
        package: &Package,
        workspace: Option<&Path>,
    ) -> Result<Self, DeriveError> {
        let paths = manifest.package.map(|table| table.metadata.pushgate);
        let file = folder.join(MANIFEST);
        Self::with_paths(folder, paths.unwrap_or_default(), &file, package, workspace)
    }

    /// Returns the project of a gateway: the folder of its declarations, unless another is given.
    fn of_gateway(file: &Path, folder: &Path, package: &Package) -> Result<Self, DeriveError> {
        let text = fs::read_to_string(file).map_err(|source| DeriveError::Read {
            path: file.to_owned(),
            source,
        })?;
        let read = serde_saphyr::from_str(&text);
        let gateway: Gateway = read.map_err(|error| DeriveError::Settings {
            section: PATHS,
            path: file.to_owned(),
            fault: error.to_string(),
        })?;
        Self::with_paths(folder, gateway.paths, file, package, file.parent())
    }

    fn with_paths(
        folder: &Path,
        paths: Paths,
        file: &Path,
        package: &Package,
        workspace: Option<&Path>,
    ) -> Result<Self, DeriveError> {
        paths.check().map_err(|fault| DeriveError::Settings {
            section: match package.gateway {
                Some(_) => PATHS,
                None => METADATA,
            },
            path: file.to_owned(),
            fault,
        })?;
        let root = folder.join(&paths.root);
        Ok(Self {
            root: root
                .canonicalize()
                .map_err(|source| DeriveError::Read { path: root, source })?,
            paths,
            version: package.version(),
            workspace: workspace.map(Path::to_owned),
        })
    }

    /// Returns the subscribers with the names of their sources from the root.
    pub(super) fn localized(&self, subscribers: &[Subscriber]) -> Vec<Subscriber> {
        let mut localized = subscribers.to_vec();
        for subscriber in &mut localized {
            subscriber.source = Cow::Owned(self.source(&subscriber.source));
        }
        localized
    }

    /// Returns a source, which the compiler names from the workspace, from the root. An absolute one, of another workspace, stays.
    fn source(&self, source: &str) -> String {
        let workspace = self.workspace.as_ref();
        let there = workspace.and_then(|folder| folder.join(source).canonicalize().ok());
        match there {
            Some(there) if !source.starts_with('/') => {
                let root = self.root.join(MANIFEST);
                link(&root.to_string_lossy(), &there.to_string_lossy())
            }
            _ => source.to_owned(),
        }
    }
}

/// Returns the folder that holds the sources of all declarations, with a slash, or "the source code".
pub(super) fn folder_of_sources(subscribers: &[Subscriber]) -> String {
    let mut folders = subscribers.iter().map(|subscriber| {
        Path::new(&*subscriber.source)
            .parent()
            .unwrap_or(Path::new(""))
    });
    let first = folders.next().unwrap_or(Path::new(""));
    let common = folders.fold(first.to_owned(), |common, folder| {
        let (common, folder) = (common.components(), folder.components());
        let same = common.zip(folder).take_while(|(one, other)| one == other);
        same.map(|(one, _)| one).collect()
    });
    match common.components().next() {
        Some(Component::Normal(_)) => format!("{}/", common.display()),
        _ => "the source code".into(),
    }
}

impl Manifest {
    /// Returns the manifest of a folder, or `None` without one.
    fn read(folder: &Path) -> Result<Option<Self>, DeriveError> {
        let path = folder.join(MANIFEST);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(DeriveError::Read { path, source }),
        };
        toml::from_str(&text)
            .map(Some)
            .map_err(|error| DeriveError::Settings {
                section: METADATA,
                path,
                fault: error.to_string(),
            })
    }

    /// Returns true if it is the manifest of this package, or of any if its name is not known.
    fn is_of(&self, package: &Package) -> bool {
        let table = self.package.as_ref();
        table.is_some_and(|table| package.name.is_none_or(|name| name == table.name))
    }
}

impl Package {
    /// Returns true if the folder has the file that makes the service, by the name that the compiler gives it.
    fn has_main_in(&self, folder: &Path) -> bool {
        self.main.is_some_and(|main| folder.join(main).is_file())
    }

    /// Returns the folder of this package in a workspace.
    fn folder_in(&self, workspace: &Path) -> Result<Option<(PathBuf, Manifest)>, DeriveError> {
        let main = workspace.join(self.main.unwrap_or_default());
        for folder in main.ancestors().skip(1) {
            if let Some(manifest) = Manifest::read(folder)? {
                return Ok(manifest.is_of(self).then(|| (folder.to_owned(), manifest)));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Idempotency, Message, Raw};

    /// A workspace of the packages `shop`, at its root, and `mail`, each with src/main.rs.
    struct Workspace(PathBuf);

    impl Workspace {
        fn new() -> Self {
            let root = std::env::temp_dir().join(format!("pushgate-{}", uuid::Uuid::new_v4()));
            for (folder, text) in [
                (
                    "",
                    "[package]\nname = \"shop\"\n[workspace]\nmembers = [\"mail\"]",
                ),
                (
                    "mail",
                    "[package]\nname = \"mail\"\n[package.metadata.pushgate]\nreleased = \"types\"",
                ),
            ] {
                let folder = root.join(folder);
                fs::create_dir_all(folder.join("src")).expect("a folder");
                fs::write(folder.join("Cargo.toml"), text).expect("a file");
                fs::write(folder.join("src/main.rs"), "").expect("a file");
            }
            Self(root.canonicalize().expect("a folder"))
        }

        fn found(&self, start: &str, name: &'static str, main: &'static str) -> Project {
            let package = Package {
                name: Some(name),
                main: Some(main),
                ..Package::default()
            };
            Project::around(&self.0.join(start), &package).expect("found")
        }
    }

    impl Drop for Workspace {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_service_finds_its_own_package_from_anywhere_in_the_workspace() {
        let workspace = Workspace::new();
        for start in ["", "src", "mail", "mail/src"] {
            let shop = workspace.found(start, "shop", "src/main.rs");
            assert_eq!(shop.root, workspace.0, "{start}");
            let mail = workspace.found(start, "mail", "mail/src/main.rs");
            assert_eq!(mail.root, workspace.0.join("mail"), "{start}");
            assert_eq!(mail.paths.released, "types");
        }
    }

    #[test]
    fn sources_are_named_from_the_package() {
        let workspace = Workspace::new();
        let mail = workspace.found("", "mail", "mail/src/main.rs");
        assert_eq!(mail.source("mail/src/main.rs"), "src/main.rs");
        assert_eq!(mail.source("src/main.rs"), "../src/main.rs");
        assert_eq!(mail.source("/elsewhere/main.rs"), "/elsewhere/main.rs");
    }

    #[test]
    fn the_folder_of_sources_holds_all_of_them() {
        let folder = |sources: &[&'static str]| {
            let handler = async |_: Message<Raw>| ();
            let subscribers = sources.iter().map(|source| {
                let mut subscriber =
                    Subscriber::new("mail", handler).idempotency(Idempotency::by_message_id());
                subscriber.source = Cow::Borrowed(source);
                subscriber
            });
            folder_of_sources(&subscribers.collect::<Vec<_>>())
        };
        assert_eq!(folder(&["src/mail/a.rs", "src/mail/b.rs"]), "src/mail/");
        assert_eq!(folder(&["src/mail/a.rs", "src/c.rs"]), "src/");
        assert_eq!(folder(&["a.rs", "src/c.rs"]), "the source code");
    }
}
