//! The section "Asynchronous Components" of `m2m/README.md`, for people: whoever reads it can publish, and knows what happens then.

mod markdown;
mod marked;
mod view;
mod words;

use std::fs;
use std::io;
use std::path::Path;

use askama::Template;

pub(crate) use self::markdown::Markdown;
use self::markdown::filters;
use self::view::{DeadLetterView, ScheduleView, SubscriptionView, TopicView, Topics, View};
use super::error::DeriveError;
use super::schemas::Schemas;
use crate::dead_letter::{ERROR_ATTRIBUTE, REASON_ATTRIBUTE};
use crate::subscriber::{AfterCrash, Form, StoreDown, Subscriber};

const README: &str = "m2m/README.md";

/// The head, with a table of all there is.
#[derive(Template)]
#[template(path = "index.md")]
struct Index<'a> {
    view: &'a View<'a>,
}

#[derive(Template)]
#[template(path = "topic.md")]
struct TopicPart<'a> {
    view: &'a TopicView<'a>,
}

#[derive(Template)]
#[template(path = "subscription.md")]
struct SubscriptionPart<'a> {
    view: &'a SubscriptionView<'a>,
    declared: &'a Subscriber,
}

#[derive(Template)]
#[template(path = "schedule.md")]
struct SchedulePart<'a> {
    view: &'a ScheduleView<'a>,
}

#[derive(Template)]
#[template(path = "dead_letters.md")]
struct DeadLetterPart<'a> {
    view: &'a DeadLetterView<'a>,
}

/// The whole file: what stands around the markers, and the section between them.
///
/// # Errors
/// When the file cannot be read, or its markers are not one pair.
pub(super) fn write(
    subscribers: &[Subscriber],
    schemas: &Schemas<'_>,
    root: &Path,
) -> Result<String, DeriveError> {
    let there = match fs::read_to_string(root.join(README)) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(source) => {
            return Err(DeriveError::Read {
                path: README.into(),
                source,
            });
        }
    };
    let section = section(subscribers, schemas).map_err(DeriveError::serialize("the documents"))?;
    marked::replaced(there.as_deref(), &section).map_err(|fault| DeriveError::Markers {
        path: README.into(),
        fault,
    })
}

fn section(subscribers: &[Subscriber], schemas: &Schemas<'_>) -> askama::Result<String> {
    let topics = Topics::of(subscribers);
    let view = View::of(subscribers, &topics, schemas);
    let mut parts = vec![Index { view: &view }.render()?];
    for view in &view.topics {
        parts.push(TopicPart { view }.render()?);
    }
    for view in &view.subscriptions {
        let declared = view.declared;
        parts.push(SubscriptionPart { view, declared }.render()?);
    }
    for view in &view.schedules {
        parts.push(SchedulePart { view }.render()?);
    }
    for view in &view.dead_letters {
        parts.push(DeadLetterPart { view }.render()?);
    }
    let parts: Vec<&str> = parts.iter().map(|part| part.trim()).collect();
    Ok(format!("{}\n", parts.join("\n\n")))
}
