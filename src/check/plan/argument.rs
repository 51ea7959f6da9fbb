//! One argument of a resource, with the value that the declarations give it.

use std::time::Duration;

use super::resource::{Known, Resource};
use crate::check::finding::Finding;
use crate::check::rules::PLAN_DRIFT;
use crate::package::invocation;

/// A row of a resource's table: an argument, its declared value, and the consequence of another one.
pub(super) struct Argument<'a> {
    /// A JSON Pointer.
    path: &'static str,
    expected: Expected<'a>,
    why: &'static str,
}

/// A declared value.
pub(super) enum Expected<'a> {
    /// This text; an empty one for none.
    Text(&'a str),
    /// This constant that Google defines.
    Constant(&'a str),
    /// The name of a topic or schema in the same project, whole or short.
    Name(&'a str),
    Number(f64),
    Time(Duration),
    /// This duration in words, or a longer one.
    AtLeast(Duration, &'static str),
    Flag(bool),
    /// A block, which exists only if this is true.
    Block(bool),
    /// A value that was compared already, and the text of the declared one.
    Compared(Known<bool>, String),
    /// A value that was compared already and must not be shown, and the sentence for another value.
    Hidden(Known<bool>, &'static str),
}

impl<'a> Argument<'a> {
    pub(super) fn new(path: &'static str, expected: Expected<'a>, why: &'static str) -> Self {
        Self {
            path,
            expected,
            why,
        }
    }

    /// Compares the argument of this resource. A value that is not known yet does not differ.
    pub(super) fn finding(&self, resource: &Resource) -> Option<Finding> {
        if self.expected.is_met(resource, self.path) != Some(false) {
            return None;
        }
        let what = match &self.expected {
            Expected::Hidden(_, sentence) => (*sentence).to_owned(),
            expected => format!(
                "{} is {}, declared is {}",
                named(self.path),
                resource.shown(self.path),
                expected.shown()
            ),
        };
        let fix = format!(
            "run {} generate and apply the result, or change the declaration to what the cloud has",
            invocation()
        );
        let finding = PLAN_DRIFT.found(&resource.address, what, fix);
        Some(finding.because(self.why))
    }
}

impl Expected<'_> {
    fn is_met(&self, resource: &Resource, path: &str) -> Known<bool> {
        match self {
            Self::Text(text) | Self::Constant(text) => {
                resource.text(path).map(|found| found == *text)
            }
            Self::Name(id) => resource
                .text(path)
                .map(|found| resource.is_beside(found, id)),
            Self::Number(number) => resource.number(path).map(|found| found == Some(*number)),
            Self::Time(time) => resource.duration(path).map(|found| found == Some(*time)),
            Self::AtLeast(least, _) => resource
                .duration(path)
                .map(|found| found.is_some_and(|found| found >= *least)),
            Self::Flag(flag) => resource.flag(path).map(|found| found == *flag),
            Self::Block(is_there) => resource.has_block(path).map(|found| found == *is_there),
            Self::Compared(is_met, _) | Self::Hidden(is_met, _) => *is_met,
        }
    }

    fn shown(&self) -> String {
        match self {
            Self::Text("") | Self::Block(false) | Self::Hidden(..) => "none".into(),
            Self::Block(true) => "a block".into(),
            Self::Text(text) | Self::Name(text) => format!("{text:?}"),
            Self::Constant(text) | Self::AtLeast(_, text) => (*text).to_owned(),
            Self::Number(number) => number.to_string(),
            Self::Time(time) => format!("{time:?}"),
            Self::Flag(flag) => flag.to_string(),
            Self::Compared(_, text) => text.clone(),
        }
    }
}

/// Returns `/retry_policy/0/minimum_backoff` as Terraform's documents write it.
fn named(pointer: &str) -> String {
    let steps = pointer
        .split('/')
        .filter(|step| !step.is_empty() && step.parse::<u32>().is_err());
    steps.collect::<Vec<_>>().join(".")
}
