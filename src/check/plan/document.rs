//! The output of `terraform show -json` for a plan or a state (HashiCorp, *JSON Output Format*), as far as it is used here.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::resource::Resource;
use crate::loggable::decoding;
use crate::loggable::encoding::{self, Utf16};

/// A plan of a thousand subscriptions is some 20 MB.
pub(crate) const LIMIT_BYTES: usize = 128 << 20;

/// The reason why a text is no plan or state.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlanError {
    #[error("it has more than {LIMIT_BYTES} bytes")]
    TooLarge,
    #[error(transparent)]
    Encoding(#[from] Utf16),
    #[error("{0}; expected the output of terraform show -json FILE")]
    NotJson(String),
    #[error("format_version is {0:?}, expected 0 or 1: this release cannot read later formats")]
    Format(String),
    #[error(
        "it has neither planned_values nor resource_changes nor values; expected the output of terraform show -json FILE for a plan, or for a state that is not empty"
    )]
    Neither,
    #[error("the plan failed and is incomplete: plan again")]
    Failed,
}

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    format_version: Option<String>,
    #[serde(default)]
    errored: bool,
    planned_values: Option<Values>,
    resource_changes: Option<Vec<Change>>,
    values: Option<Values>,
}

#[derive(Deserialize)]
struct Values {
    root_module: Option<Module>,
}

#[derive(Deserialize)]
struct Module {
    #[serde(default)]
    address: String,
    #[serde(default)]
    resources: Vec<Settled>,
    #[serde(default)]
    child_modules: Vec<Module>,
}

/// A resource as it is or will be.
#[derive(Deserialize)]
struct Settled {
    address: String,
    mode: String,
    #[serde(rename = "type")]
    kind: String,
    name: String,
    index: Option<Value>,
    #[serde(default)]
    values: Value,
    #[serde(default)]
    sensitive_values: Value,
}

/// A resource and its change.
#[derive(Deserialize)]
struct Change {
    address: String,
    #[serde(default)]
    module_address: String,
    mode: String,
    #[serde(rename = "type")]
    kind: String,
    name: String,
    index: Option<Value>,
    /// The key of a former object that a replacement has left behind. The current one has another change.
    deposed: Option<String>,
    change: Difference,
}

#[derive(Deserialize)]
struct Difference {
    actions: Vec<String>,
    #[serde(default)]
    after: Value,
    #[serde(default)]
    after_unknown: Value,
    #[serde(default)]
    after_sensitive: Value,
    #[serde(default)]
    replace_paths: Vec<Vec<Value>>,
}

/// Returns all resources that Terraform manages, in the order of their addresses.
///
/// # Errors
/// If it is no plan or state. The text names places, never a value, since values can be secrets.
pub(super) fn resources(text: &[u8]) -> Result<Vec<Resource>, PlanError> {
    if text.len() > LIMIT_BYTES {
        return Err(PlanError::TooLarge);
    }
    let document: Document = decoding::decode(encoding::utf8(text)?).map_err(PlanError::NotJson)?;
    let format = document.format_version.unwrap_or_default();
    if !["", "0", "1"].contains(&format.split('.').next().unwrap_or_default()) {
        return Err(PlanError::Format(format.chars().take(20).collect()));
    }
    if document.errored {
        return Err(PlanError::Failed);
    }
    let mut found = BTreeMap::new();
    let is_plan = document.planned_values.is_some();
    match document.planned_values.or(document.values) {
        Some(values) => settle(values.root_module, is_plan, &mut found),
        None if document.resource_changes.is_none() => return Err(PlanError::Neither),
        None => {}
    }
    // A change says more about its resource: unknown values and deletions.
    for change in document.resource_changes.unwrap_or_default() {
        if change.mode == "managed" && change.deposed.is_none() {
            found.insert(change.address.clone(), change.into());
        }
    }
    Ok(found.into_values().collect())
}

fn settle(root: Option<Module>, is_plan: bool, found: &mut BTreeMap<String, Resource>) {
    let mut modules: Vec<Module> = root.into_iter().collect();
    while let Some(module) = modules.pop() {
        for settled in module.resources {
            if settled.mode == "managed" {
                let resource = Resource {
                    module: module.address.clone(),
                    kind: settled.kind,
                    name: settled.name,
                    index: index(settled.index),
                    values: settled.values,
                    // A plan leaves out unknown values.
                    unknown: Value::Null,
                    is_partial: is_plan,
                    sensitive: settled.sensitive_values,
                    is_deleted: false,
                    replaced_for: Vec::new(),
                    address: settled.address.clone(),
                };
                found.insert(settled.address, resource);
            }
        }
        modules.extend(module.child_modules);
    }
}

impl From<Change> for Resource {
    fn from(change: Change) -> Self {
        let Difference {
            actions,
            after,
            after_unknown,
            after_sensitive,
            replace_paths,
        } = change.change;
        let names = replace_paths
            .iter()
            .filter_map(|path| path.first()?.as_str());
        Self {
            module: change.module_address,
            kind: change.kind,
            name: change.name,
            index: index(change.index),
            values: after,
            unknown: after_unknown,
            is_partial: false,
            sensitive: after_sensitive,
            is_deleted: actions.iter().any(|action| action == "delete"),
            replaced_for: names.map(str::to_owned).collect(),
            address: change.address,
        }
    }
}

fn index(index: Option<Value>) -> String {
    match index {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(key)) => key,
        Some(other) => other.to_string(),
    }
}
