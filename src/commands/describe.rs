//! `pushgate describe`: prints the declarations as JSON, without settings, store or network.

use std::error::Error;

use serde::Serialize;

use super::process::print;
use crate::generate::Manifest;
use crate::service::Service;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Print the JSON Schema of the output instead
    #[arg(long)]
    schema: bool,
}

pub(super) fn run(service: &Service, arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    if arguments.schema {
        return show(&Manifest::schema());
    }
    show(&Manifest::of(service.declarations()?))
}

fn show(document: &impl Serialize) -> Result<(), Box<dyn Error>> {
    let mut text = serde_json::to_string_pretty(document)?;
    text.push('\n');
    Ok(print(&text)?)
}
