//! The package of the service, and the name of its program.

use std::path::{Path, PathBuf};

/// The package of a service, as the compiler names it.
#[derive(Debug, Default)]
pub(crate) struct Package {
    pub(crate) name: Option<&'static str>,
    pub(crate) version: Option<&'static str>,
    /// The file that makes the service.
    pub(crate) main: Option<&'static str>,
}

/// Returns the name of the program, as it was called: a service in another repository has a name of its own.
pub(crate) fn program() -> String {
    let called = std::env::args_os().next().map(PathBuf::from);
    let name = called.as_deref().and_then(Path::file_stem);
    name.map_or("pushgate".into(), |name| {
        name.to_string_lossy().into_owned()
    })
}
