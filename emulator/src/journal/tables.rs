//! The tables of the journal's file.

use std::collections::HashMap;

use redb::{
    Database, Error, ReadableDatabase, ReadableTable, TableDefinition, TableHandle,
    WriteTransaction,
};

use super::batch::Batch;
use super::change::{AckState, Kind, Saved, SavedMessage, SavedResource};

/// The version of this layout. Every change of a table needs a new version.
pub(super) const VERSION: u32 = 1;
const VERSION_KEY: &str = "version";

const FORMAT: TableDefinition<&str, u32> = TableDefinition::new("format");
/// The value of each kind and name.
const RESOURCES: TableDefinition<(u8, &str), &[u8]> = TableDefinition::new("resources");
/// The topic and the message of each sequence.
const MESSAGES: TableDefinition<u64, (&str, &[u8])> = TableDefinition::new("messages");
const SUBSCRIPTIONS: TableDefinition<&str, u32> = TableDefinition::new("subscriptions");
/// The state of each subscription number and sequence: sixteen bytes each, adjacent for each subscription.
const ACK_STATES: TableDefinition<(u32, u64), u32> = TableDefinition::new("holds");

/// The saved content, and the numbers of the subscriptions.
pub(super) struct Contents {
    pub(super) saved: Saved,
    pub(super) numbers: HashMap<String, u32>,
}

/// Creates the tables of an empty file.
pub(super) fn create(database: &Database) -> Result<(), Error> {
    let transaction = database.begin_write()?;
    transaction
        .open_table(FORMAT)?
        .insert(VERSION_KEY, VERSION)?;
    transaction.open_table(RESOURCES)?;
    transaction.open_table(MESSAGES)?;
    transaction.open_table(SUBSCRIPTIONS)?;
    transaction.open_table(ACK_STATES)?;
    Ok(transaction.commit()?)
}

/// Returns the version of a file, or `None` for a file of another program.
pub(super) fn version(database: &Database) -> Result<Option<u32>, Error> {
    let transaction = database.begin_read()?;
    let has_format = transaction
        .list_tables()?
        .any(|table| table.name() == FORMAT.name());
    if !has_format {
        return Ok(None);
    }
    let found = transaction.open_table(FORMAT)?.get(VERSION_KEY)?;
    Ok(found.map(|found| found.value()))
}

/// Writes a whole batch or nothing. It is on the disk when this returns.
pub(super) fn write(database: &Database, batch: Batch) -> Result<(), Error> {
    let transaction = database.begin_write()?;
    write_resources(&transaction, &batch)?;
    write_messages(&transaction, &batch)?;
    write_ack_states(&transaction, &batch)?;
    Ok(transaction.commit()?)
}

fn write_resources(transaction: &WriteTransaction, batch: &Batch) -> Result<(), Error> {
    let mut table = transaction.open_table(RESOURCES)?;
    for ((kind, name), value) in &batch.resources {
        let key = (*kind, name.as_str());
        match value {
            Some(value) => table.insert(key, value.as_slice())?,
            None => table.remove(key)?,
        };
    }
    Ok(())
}

fn write_messages(transaction: &WriteTransaction, batch: &Batch) -> Result<(), Error> {
    let mut table = transaction.open_table(MESSAGES)?;
    for (sequence, message) in &batch.messages {
        match message {
            Some((topic, value)) => table.insert(sequence, (topic.as_str(), value.as_slice()))?,
            None => table.remove(sequence)?,
        };
    }
    Ok(())
}

fn write_ack_states(transaction: &WriteTransaction, batch: &Batch) -> Result<(), Error> {
    let mut table = transaction.open_table(SUBSCRIPTIONS)?;
    for (name, number) in &batch.subscriptions {
        match number {
            Some(number) => table.insert(name.as_str(), number)?,
            None => table.remove(name.as_str())?,
        };
    }
    let mut table = transaction.open_table(ACK_STATES)?;
    for number in &batch.forgotten {
        table.retain_in((*number, 0)..=(*number, u64::MAX), |_, _| false)?;
    }
    for (key, state) in &batch.ack_states {
        match state {
            Some(state) => table.insert(key, state.code())?,
            None => table.remove(key)?,
        };
    }
    Ok(())
}

pub(super) fn read(database: &Database) -> Result<Contents, Error> {
    let transaction = database.begin_read()?;
    let mut saved = Saved::default();
    for row in transaction.open_table(RESOURCES)?.iter()? {
        let (key, value) = row?;
        let (kind, name) = key.value();
        saved.resources.push(SavedResource {
            kind: Kind::from_code(kind).ok_or_else(|| unknown("kind", kind))?,
            name: name.to_owned(),
            value: value.value().to_owned(),
        });
    }
    for row in transaction.open_table(MESSAGES)?.iter()? {
        let (sequence, message) = row?;
        let (topic, value) = message.value();
        saved.messages.push(SavedMessage {
            sequence: sequence.value(),
            topic: topic.to_owned(),
            value: value.to_owned(),
        });
    }
    let mut numbers = HashMap::new();
    for row in transaction.open_table(SUBSCRIPTIONS)?.iter()? {
        let (name, number) = row?;
        numbers.insert(name.value().to_owned(), number.value());
    }
    let table = transaction.open_table(ACK_STATES)?;
    for (name, number) in &numbers {
        let rows = table.range((*number, 0)..=(*number, u64::MAX))?;
        let rows = rows.map(|row| {
            let (key, state) = row?;
            Ok((key.value().1, AckState::from_code(state.value())))
        });
        let states = rows.collect::<Result<Vec<_>, Error>>()?;
        if !states.is_empty() {
            saved.ack_states.insert(name.clone(), states);
        }
    }
    Ok(Contents { saved, numbers })
}

fn unknown(what: &str, found: u8) -> Error {
    Error::Corrupted(format!("unknown {what} {found}"))
}
