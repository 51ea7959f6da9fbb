//! `pushgate describe`: the declarations as JSON, without settings, store or network.

use std::error::Error;
use std::io::Write as _;

use crate::derive::Manifest;
use crate::service::Service;

pub(super) fn run(service: &Service) -> Result<(), Box<dyn Error>> {
    let manifest = Manifest::of(service.declarations()?);
    let mut text = serde_json::to_string_pretty(&manifest)?;
    text.push('\n');
    Ok(std::io::stdout().write_all(text.as_bytes())?)
}
