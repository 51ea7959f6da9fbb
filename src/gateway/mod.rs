//! A service whose handlers are requests to an application in any language, declared in a file.

mod application;
mod declaration;
mod fields;
mod reply;
mod request;

use std::borrow::Cow;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_saphyr::options::Options;

use self::application::Application;
use self::declaration::Declaration;
use crate::service::Service;

/// The declarations of a gateway. `paths` is read by `pushgate generate`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Declarations {
    /// The application's address, to which the paths of subscriptions are added.
    application: String,
    version: Option<String>,
    subscriptions: Vec<Declaration>,
    #[serde(default, rename = "paths")]
    _paths: IgnoredAny,
}

/// The reason why a file declares no gateway.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GatewayError {
    #[error("cannot read {}, expected the declarations of a gateway: see --config", .path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{}: {fault}", .path.display())]
    Declarations { path: PathBuf, fault: String },
    #[error("cannot prepare requests to the application")]
    Client(#[source] reqwest::Error),
}

/// Returns the service that a file declares.
///
/// # Errors
/// If the file cannot be read, or is no declaration. Faults of a declaration are found as in any service.
pub(crate) fn service(path: &Path) -> Result<Service, GatewayError> {
    let text = fs::read_to_string(path).map_err(|source| GatewayError::Read {
        path: path.to_owned(),
        source,
    })?;
    let fault = |fault: String| GatewayError::Declarations {
        path: path.to_owned(),
        fault,
    };
    let declared: Declarations = serde_saphyr::from_str_with_options(&text, options())
        .map_err(|error| fault(error.to_string()))?;
    if declared.subscriptions.is_empty() {
        return Err(fault("subscriptions is empty, expected one or more".into()));
    }
    let url = application::url(&declared.application).map_err(fault)?;
    let application = Application::new(url).map_err(GatewayError::Client)?;
    let application = Arc::new(application);
    let source = path.file_name().unwrap_or_default().to_string_lossy();
    let mut service = Service::new();
    service.package.gateway = Some(path.to_owned());
    service.package.version = declared.version.map(Cow::Owned);
    for mut declaration in declared.subscriptions {
        let path = declaration.path.take().unwrap_or_else(|| "/".into());
        let url = application.at(&path).map_err(fault)?;
        let mut subscriber = declaration.into_subscriber(&source);
        subscriber.work = application::work(&application, url, &subscriber);
        service = service.subscriber(subscriber);
    }
    Ok(service)
}

/// YAML of version 1.2: `no` and `on` are text.
fn options() -> Options {
    serde_saphyr::options! { strict_booleans: true }
}
