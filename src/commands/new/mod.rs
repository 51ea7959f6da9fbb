//! `pushgate new`: writes a small service of one's own.

mod files;
mod workspace;

use std::error::Error;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use self::files::{Names, files};
use self::workspace::Workspace;
use super::process::print;
use crate::environment::Environment;

/// The end of `--help`.
pub(super) const HELP: &str = "\
Writes Cargo.toml, a subscriber, a message type, tests, Dockerfile, a root of Terraform and README.md. In a workspace it adds the
service as a member; elsewhere the service is a workspace itself, with a file for CI.";

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Name of the service: of its folder, package, program, Cloud Run service, and the end of its subscription's name
    #[arg(value_parser = name)]
    name: String,
    /// Use the checkout of pushgate in this folder instead of the published package
    #[arg(long, value_name = "DIR", conflicts_with = "git")]
    path: Option<PathBuf>,
    /// Use the repository of pushgate at this URL instead of the published package
    #[arg(long, value_name = "URL")]
    git: Option<String>,
}

/// The place that pushgate comes from.
enum Origin {
    Published,
    Path(PathBuf),
    Git(String),
}

#[derive(Debug, thiserror::Error)]
enum NewError {
    #[error("{} is not empty: choose another name, or remove it", .0.display())]
    NotEmpty(PathBuf),
    #[error("--path is {}, expected a checkout of pushgate, whose Cargo.toml names the package pushgate", .0.display())]
    NotCheckout(PathBuf),
    #[error("cannot read or write {}", .0.display())]
    File(PathBuf, #[source] io::Error),
    #[error("cannot run cargo: set CARGO to it")]
    NoCargo(#[source] io::Error),
    #[error("cargo does not make the package: {0}")]
    Cargo(String),
    #[error("{} is no valid TOML", .0.display())]
    Manifest(PathBuf, #[source] toml::de::Error),
}

/// Parses the name. A Cloud Run service, its accounts and a package can have it (`name` in `terraform/variables.tf`).
fn name(text: &str) -> Result<String, String> {
    let is_inner = |each: u8| each.is_ascii_lowercase() || each.is_ascii_digit() || each == b'-';
    let bytes = text.as_bytes();
    let is_name = (3..=22).contains(&bytes.len())
        && bytes.iter().copied().all(is_inner)
        && bytes.first().is_some_and(u8::is_ascii_lowercase)
        && !text.ends_with('-');
    if !is_name {
        return Err(
            "expected 3 to 22 lower-case letters, digits or -, a letter first, and no - at the end"
                .into(),
        );
    }
    match files::DEPENDENCIES.contains(&text) {
        true => Err("it is the name of a package that the service uses".into()),
        false => Ok(text.to_owned()),
    }
}

pub(super) fn run(arguments: &Arguments, environment: &Environment) -> Result<(), Box<dyn Error>> {
    let here = std::env::current_dir()?;
    let origin = match (&arguments.path, &arguments.git) {
        (Some(path), _) => Origin::Path(checkout(path)?),
        (None, Some(url)) => Origin::Git(url.clone()),
        (None, None) => Origin::Published,
    };
    let folder = here.join(&arguments.name);
    expect_empty(&folder)?;
    workspace::init(&folder, environment.get("CARGO").unwrap_or("cargo"))?;
    let workspace = Workspace::around(&folder)?;
    let names = Names::new(&arguments.name, &origin, &workspace);
    for (path, text) in files(&names) {
        put(&folder.join(path), &text)?;
    }
    Ok(print(&next_steps(&names, &here, &workspace))?)
}

fn expect_empty(folder: &Path) -> Result<(), NewError> {
    match fs::read_dir(folder) {
        Ok(mut entries) => match entries.next() {
            Some(_) => Err(NewError::NotEmpty(folder.to_owned())),
            None => Ok(()),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(NewError::File(folder.to_owned(), error)),
    }
}

/// Returns the absolute path of a checkout.
fn checkout(path: &Path) -> Result<PathBuf, NewError> {
    let not_checkout = || NewError::NotCheckout(path.to_owned());
    let path = path.canonicalize().map_err(|_| not_checkout())?;
    let manifest = workspace::manifest(&path)?.ok_or_else(not_checkout)?;
    let package = manifest
        .get("package")
        .and_then(|package| package.get("name"));
    match package.and_then(toml::Value::as_str) {
        Some("pushgate") => Ok(path),
        _ => Err(not_checkout()),
    }
}

fn put(path: &Path, text: &str) -> Result<(), NewError> {
    let written = match path.parent() {
        Some(folder) => fs::create_dir_all(folder).and_then(|()| fs::write(path, text)),
        None => fs::write(path, text),
    };
    written.map_err(|error| NewError::File(path.to_owned(), error))
}

/// Returns the commands that come next, from the folder that this one was called in.
fn next_steps(names: &Names, here: &Path, workspace: &Workspace) -> String {
    let Names { name, select, .. } = names;
    let root = workspace.root.strip_prefix(here).unwrap_or(&workspace.root);
    let change = match root.as_os_str().is_empty() || workspace.root == here {
        true => String::new(),
        false => format!("  cd {}\n", root.display()),
    };
    let source = match names.module.contains(files::REPOSITORY_UNKNOWN) {
        true => {
            "Terraform's module has no published place yet: write its source into terraform/main.tf.\n"
        }
        false => "",
    };
    let checks = match workspace.is_new {
        true => String::new(),
        false => format!(
            "Add to CI: cargo run{select} -- generate --check, and cargo run{select} -- check.\n"
        ),
    };
    format!(
        "{name}/ is a service with one subscriber; README.md explains its files. Next:

{change}  cargo test{select}
  cargo run{select} -- dev
  cargo run{select} -- generate

{source}{checks}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_fits_a_package_and_a_cloud_run_service() {
        for good in ["shop", "shop-2", "abc", "a234567890123456789012"] {
            assert!(name(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "ab",
            "Shop",
            "2shop",
            "shop-",
            "sh_op",
            "a/b",
            "a2345678901234567890123",
            "serde",
        ] {
            assert!(name(bad).is_err(), "{bad}");
        }
    }
}
