//! One resource of a plan or state.

use std::time::Duration;

use serde_json::Value;

/// A resource. Its module and index are empty where it has none.
#[derive(Debug)]
pub(super) struct Resource {
    pub(super) address: String,
    pub(super) module: String,
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) index: String,
    /// The arguments; null if the resource will be deleted.
    pub(super) values: Value,
    /// True at each place that is known only after apply.
    pub(super) unknown: Value,
    /// True if unknown values are left out.
    pub(super) is_partial: bool,
    /// True at each place that must not be shown.
    pub(super) sensitive: Value,
    /// True if it is deleted, or deleted and created anew.
    pub(super) is_deleted: bool,
    /// The arguments that make Terraform replace it.
    pub(super) replaced_for: Vec<String>,
}

/// A value, or `None` if it is not known yet.
pub(super) type Known<T> = Option<T>;

impl Resource {
    /// Returns true if it exists afterwards.
    pub(super) fn remains(&self) -> bool {
        !self.values.is_null()
    }

    pub(super) fn is(&self, kind: &str, name: &str) -> bool {
        self.kind == kind && self.name == name
    }

    /// Returns the value at a JSON Pointer; null if there is none.
    pub(super) fn at(&self, pointer: &str) -> Known<&Value> {
        if is_marked(&self.unknown, pointer) {
            return None;
        }
        match self.values.pointer(pointer) {
            None if self.is_partial => None,
            found => Some(found.unwrap_or(&Value::Null)),
        }
    }

    /// Returns the text there; an empty one if there is none.
    pub(super) fn text(&self, pointer: &str) -> Known<&str> {
        self.at(pointer)
            .map(|value| value.as_str().unwrap_or_default())
    }

    /// Returns the number there; Terraform writes some as text.
    pub(super) fn number(&self, pointer: &str) -> Known<Option<f64>> {
        let number = |value: &Value| value.as_f64().or_else(|| value.as_str()?.parse().ok());
        self.at(pointer).map(number)
    }

    /// Returns true if the value is true.
    pub(super) fn flag(&self, pointer: &str) -> Known<bool> {
        self.at(pointer).map(|value| value == &Value::Bool(true))
    }

    /// Returns the duration there, which Google writes as `"600s"`.
    pub(super) fn duration(&self, pointer: &str) -> Known<Option<Duration>> {
        self.text(pointer).map(seconds)
    }

    /// Returns true if there is such a block. Terraform writes blocks as lists.
    pub(super) fn has_block(&self, pointer: &str) -> Known<bool> {
        let is_there = |value: &Value| value.as_array().is_some_and(|list| !list.is_empty());
        self.at(pointer).map(is_there)
    }

    /// Returns true if the name has this id, and the project of this resource, if both are known.
    pub(super) fn is_beside(&self, name: &str, id: &str) -> bool {
        let mut steps = name.split('/');
        let project = steps.next().filter(|first| *first == "projects");
        let project = project.and_then(|_| steps.next()).unwrap_or_default();
        let own = self.text("/project").unwrap_or_default();
        is_id(name, id) && is_same_project(project, own)
    }

    /// Returns true if Terraform hides the value.
    pub(super) fn is_hidden(&self, pointer: &str) -> bool {
        is_marked(&self.sensitive, pointer)
    }

    /// Returns the value for people, unless Terraform hides it.
    pub(super) fn shown(&self, pointer: &str) -> String {
        const MOST_CHARACTERS: usize = 200;
        if self.is_hidden(pointer) {
            return "(sensitive)".into();
        }
        match self.at(pointer) {
            None => "not known yet".into(),
            Some(Value::Null) => "not set".into(),
            Some(value) => value.to_string().chars().take(MOST_CHARACTERS).collect(),
        }
    }
}

/// Returns true if a full name, `projects/P/topics/ID`, or a short one, has this id.
pub(super) fn is_id(name: &str, id: &str) -> bool {
    name.rsplit('/').next() == Some(id)
}

/// Returns false if the projects are known to differ. A project has an id and a number, and their relation is not known here.
pub(super) fn is_same_project(one: &str, other: &str) -> bool {
    let is_number = |name: &str| name.bytes().all(|each| each.is_ascii_digit());
    one == other
        || one == "-"
        || is_number(one) != is_number(other)
        || one.is_empty()
        || other.is_empty()
}

/// Returns true if the place, or one around it, is marked with true.
fn is_marked(marks: &Value, pointer: &str) -> bool {
    let mut at = Some(marks);
    for step in pointer.split('/').skip(1) {
        match at {
            Some(Value::Bool(true)) => return true,
            Some(Value::Array(list)) => {
                at = step.parse().ok().and_then(|place: usize| list.get(place))
            }
            Some(Value::Object(map)) => at = map.get(step),
            _ => return false,
        }
    }
    at == Some(&Value::Bool(true))
}

fn seconds(text: &str) -> Option<Duration> {
    let seconds = text.strip_suffix('s')?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}
