//! The package of the service, and the name of its program.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

/// The package of a service, as the compiler names it.
#[derive(Debug, Default)]
pub(crate) struct Package {
    pub(crate) name: Option<&'static str>,
    pub(crate) version: Option<Cow<'static, str>>,
    /// The file that makes the service.
    pub(crate) main: Option<&'static str>,
    /// The file that declares a gateway, which has no package.
    pub(crate) gateway: Option<PathBuf>,
}

impl Package {
    /// Returns the version of the service, or that of this library.
    pub(crate) fn version(&self) -> Cow<'static, str> {
        let version = self.version.clone();
        version.unwrap_or(env!("CARGO_PKG_VERSION").into())
    }
}

/// Returns the name of the program, as it was called: a service in another repository has a name of its own.
pub(crate) fn program() -> String {
    let called = std::env::args_os().next().map(PathBuf::from);
    let name = called.as_deref().and_then(Path::file_stem);
    name.map_or("pushgate".into(), |name| {
        name.to_string_lossy().into_owned()
    })
}

/// Returns the program with the declarations of a gateway, if it runs for one, as a user calls it for another command.
pub(crate) fn invocation() -> String {
    let words = std::env::args_os().skip(1);
    let words = words.map(|word| word.to_string_lossy().into_owned());
    let words = gateway(words);
    words.fold(program(), |all, word| format!("{all} {word}"))
}

/// Returns the words of the command line that choose a gateway's declarations.
fn gateway(words: impl Iterator<Item = String>) -> impl Iterator<Item = String> {
    let mut words = words.peekable();
    let gateway = words.next_if(|word| word == "gateway");
    let config = words.next_if(|word| gateway.is_some() && word.starts_with("--config"));
    let has_value = config.as_ref().is_some_and(|word| !word.contains('='));
    let value = words.next_if(|_| has_value);
    [gateway, config, value].into_iter().flatten()
}
