//! The resources of one deployment of the Terraform module. A plan may contain several, or one deep in other modules.

use std::collections::BTreeMap;

use super::resource::{Known, Resource};
use crate::config::{Deployment, SETTINGS};

/// The type and the name of a resource in `terraform/`.
pub(super) type Kind = (&'static str, &'static str);

pub(super) const SERVICE: Kind = ("google_cloud_run_v2_service", "service");
pub(super) const TOPIC: Kind = ("google_pubsub_topic", "topic");
pub(super) const DEAD_LETTER_TOPIC: Kind = ("google_pubsub_topic", "dead_letter");
pub(super) const SCHEMA: Kind = ("google_pubsub_schema", "schema");
pub(super) const SUBSCRIPTION: Kind = ("google_pubsub_subscription", "subscription");
pub(super) const DEAD_LETTER_SUBSCRIPTION: Kind = ("google_pubsub_subscription", "dead_letter");
pub(super) const TRIGGER: Kind = ("google_eventarc_trigger", "trigger");
pub(super) const FIRESTORE: Kind = ("google_firestore_database", "store");
pub(super) const SCHEDULE: Kind = ("google_cloud_scheduler_job", "schedule");

/// One module's resources that remain.
pub(super) struct Stack<'a> {
    module: &'a str,
    resources: BTreeMap<(&'a str, &'a str, &'a str), &'a Resource>,
}

impl<'a> Stack<'a> {
    /// Returns every module that contains the service or one of its subscriptions.
    pub(super) fn all(resources: &'a [Resource]) -> Vec<Self> {
        let mut modules = BTreeMap::new();
        for each in resources {
            let (is_ours, inside) = modules
                .entry(each.module.as_str())
                .or_insert_with(|| (false, BTreeMap::new()));
            *is_ours |= [SERVICE, SUBSCRIPTION, TRIGGER].contains(&(&each.kind, &each.name));
            if each.remains() {
                let place = (&*each.kind, &*each.name, &*each.index);
                inside.insert(place, each);
            }
        }
        let ours = modules.into_iter().filter(|(_, (is_ours, _))| *is_ours);
        ours.map(|(module, (_, resources))| Self { module, resources })
            .collect()
    }

    pub(super) fn find(&self, (kind, name): (&str, &str), index: &str) -> Option<&'a Resource> {
        self.resources.get(&(kind, name, index)).copied()
    }

    pub(super) fn of(&self, what: Kind) -> impl Iterator<Item = &'a Resource> {
        let all = self.resources.values().copied();
        all.filter(move |each| each.is(what.0, what.1))
    }

    /// Returns the address that a resource would have.
    pub(super) fn address(&self, (kind, name): (&str, &str), index: &str) -> String {
        let module = self.module;
        let dot = if module.is_empty() { "" } else { "." };
        // An index of count, or of for_each.
        let index = match index {
            "" => String::new(),
            index if index.parse::<u32>().is_ok() => format!("[{index}]"),
            index => format!("[{index:?}]"),
        };
        format!("{module}{dot}{kind}.{name}{index}")
    }

    pub(super) fn settings(&self) -> Settings<'a> {
        Settings {
            service: self.find(SERVICE, ""),
        }
    }
}

/// The settings of the Cloud Run service.
#[derive(Clone, Copy)]
pub(super) struct Settings<'a> {
    service: Option<&'a Resource>,
}

impl<'a> Settings<'a> {
    /// Returns the variables with their places in the container.
    pub(super) fn names(self) -> Vec<(&'a str, String)> {
        let Some(service) = self.service else {
            return Vec::new();
        };
        let list = service.values.pointer("/template/0/containers/0/env");
        let list = list.and_then(|list| list.as_array());
        let named = list.into_iter().flatten().enumerate();
        named
            .filter_map(|(place, variable)| {
                let name = variable.get("name")?.as_str()?;
                Some((name, format!("/template/0/containers/0/env/{place}")))
            })
            .collect()
    }

    /// Returns the value of a variable, an empty text if it is not set. A secret's value is not known.
    pub(super) fn get(self, name: &str) -> Known<&'a str> {
        let service = self.service?;
        service.at("/template/0/containers/0/env")?;
        let Some((_, place)) = self.names().into_iter().find(|(known, _)| *known == name) else {
            return Some("");
        };
        if service.has_block(&format!("{place}/value_source"))? {
            return None;
        }
        service.text(&format!("{place}/value"))
    }

    /// Returns all settings, as far as they are known; `None` if not even the names are.
    pub(super) fn given(self) -> Known<Deployment> {
        let service = self.service?;
        let list = service.at("/template/0/containers/0/env")?.as_array()?;
        let mut given = Deployment::default();
        for place in 0..list.len() {
            let place = format!("/template/0/containers/0/env/{place}");
            let name = service.text(&format!("{place}/name"))?;
            if let Some(value) = self.get(name) {
                given.known.insert(name.into(), value.into());
            } else {
                given.unknown.insert(name.into());
            }
            if service.is_hidden(&format!("{place}/value")) {
                given.hidden.insert(name.into());
            }
        }
        Some(given)
    }

    /// Returns the value with which the service would run: the default if it is not set.
    pub(super) fn effective(self, name: &str) -> Known<&'a str> {
        let value = self.get(name)?;
        let setting = SETTINGS.iter().find(|setting| setting.name == name);
        let default = setting.and_then(|setting| setting.default);
        Some(
            Some(value)
                .filter(|value| !value.is_empty())
                .or(default)
                .unwrap_or_default(),
        )
    }

    pub(super) fn number(self, name: &str) -> Known<u64> {
        self.effective(name)?.parse().ok()
    }

    /// Returns the items between commas.
    pub(super) fn list(self, name: &str) -> Known<Vec<&'a str>> {
        let items = self.get(name)?.split(',').map(str::trim);
        Some(items.filter(|item| !item.is_empty()).collect())
    }
}
