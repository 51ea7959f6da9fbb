//! `pushgate describe`: prints the declarations as JSON or as a table, without settings, store or network.

use std::error::Error;

use serde::Serialize;

use super::process::print;
use crate::generate::Manifest;
use crate::service::Service;
use crate::subscriber::Subscriber;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Print the JSON Schema of the output instead
    #[arg(long)]
    schema: bool,
    /// Print a table for people instead
    #[arg(long, conflicts_with = "schema")]
    table: bool,
}

pub(super) fn run(service: &Service, arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    if arguments.schema {
        return show(&Manifest::schema());
    }
    let declared = service.declarations()?;
    match arguments.table {
        true => Ok(print(&table(declared))?),
        false => show(&Manifest::of(declared)),
    }
}

/// Returns one line for each subscriber, with columns as wide as their longest value.
fn table(declared: &[Subscriber]) -> String {
    let head = [
        "SUBSCRIPTION",
        "TOPIC",
        "IDEMPOTENCY",
        "DEADLINE",
        "ATTEMPTS",
        "OWNER",
        "PURPOSE",
    ];
    let rows = declared.iter().map(row);
    let rows: Vec<_> = [head.map(str::to_owned)].into_iter().chain(rows).collect();
    let widths: Vec<_> = (0..head.len())
        .map(|column| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    let line = |row: &[String; 7]| {
        let cells = row.iter().zip(&widths);
        let cells: Vec<_> = cells
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        cells.join("  ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

fn row(subscriber: &Subscriber) -> [String; 7] {
    let idempotency = subscriber.idempotency.as_ref();
    let key = idempotency.map(|idempotency| match idempotency.place() {
        Some(place) => format!("{} {place}", idempotency.kind()),
        None => idempotency.kind().to_owned(),
    });
    let owner = subscriber.operation.owner.clone();
    [
        subscriber.id.clone(),
        subscriber.topic.clone(),
        key.unwrap_or_default(),
        format!("{} s", subscriber.cloud.ack_deadline.as_secs()),
        subscriber.cloud.attempts.to_string(),
        owner.unwrap_or_else(|| "-".into()),
        subscriber.purpose.clone(),
    ]
}

fn show(document: &impl Serialize) -> Result<(), Box<dyn Error>> {
    let mut text = serde_json::to_string_pretty(document)?;
    text.push('\n');
    Ok(print(&text)?)
}
