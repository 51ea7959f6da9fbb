//! Arguments whose declared value is more than one text or number.

use std::collections::BTreeMap;

use serde_json::Value;
use url::Url;

use super::argument::{Argument, Expected};
use super::resource::{Known, Resource, is_id};
use crate::subscriber::{SchemaLanguage, TopicSchema};

/// Compares the expiration (Google, *Subscription*, `expirationPolicy`: without one, after 31 idle days; with an empty TTL,
/// never).
pub(super) fn never_expires(found: &Resource, why: &'static str) -> Argument<'static> {
    let path = "/expiration_policy/0/ttl";
    let has_policy = found.has_block("/expiration_policy");
    let is_never = has_policy.and_then(|has| Some(has && found.text(path)?.is_empty()));
    let expected = Expected::Compared(is_never, "\"\", which is never".into());
    Argument::new(path, expected, why)
}

/// Checks that nothing changes or drops messages on their way (Google, *MessageTransform*).
pub(super) fn transforms(found: &Resource, why: &'static str) -> Argument<'static> {
    let path = "/message_transforms";
    let list = found.at(path).and_then(Value::as_array);
    let count = list.map_or(0, Vec::len);
    let is_on = |place| found.flag(&format!("{path}/{place}/disabled")) == Some(false);
    let is_none = !(0..count).any(is_on);
    let sentence = "message_transforms is set, declared is none";
    Argument::new(path, Expected::Hidden(Some(is_none), sentence), why)
}

/// Checks the form of pushes. The older one has neither the message id nor the subscription in their places (Google,
/// *PushConfig*, `attributes`).
pub(super) fn version(found: &Resource) -> Argument<'static> {
    let path = "/push_config/0/attributes/x-goog-version";
    let is_current = |version: &str| ["", "v1", "v1beta2"].contains(&version);
    let expected = Expected::Compared(found.text(path).map(is_current), "\"v1\" or nothing".into());
    let why = "pushes have another form, which the service answers with 400";
    Argument::new(path, expected, why)
}

/// Compares an endpoint, which must be an https URL (Google, *PushConfig*, `pushEndpoint`) of the subscription's path, and of
/// the service if its URLs are known.
pub(super) fn endpoint(
    found: &Resource,
    id: &str,
    service: Option<&Resource>,
    why: &'static str,
) -> Argument<'static> {
    let pointer = "/push_config/0/push_endpoint";
    let path = format!("/push/{id}");
    let url = service.and_then(|service| service.text("/uri"));
    let host = url.filter(|url| !url.is_empty()).unwrap_or("https://…");
    let is_met = found
        .text(pointer)
        .map(|endpoint| is_endpoint(endpoint, &path, service));
    let expected = Expected::Compared(is_met, format!("{host}{path}"));
    Argument::new(pointer, expected, why)
}

fn is_endpoint(found: &str, path: &str, service: Option<&Resource>) -> bool {
    let Ok(endpoint) = Url::parse(found) else {
        return false;
    };
    let is_of = |base: &str| Url::parse(base).is_ok_and(|base| base.origin() == endpoint.origin());
    let is_services = service.is_none_or(|service| match service.text("/uri") {
        None | Some("") => true,
        // A service has two: one with a random name, and one with the project's number.
        Some(url) => {
            let others = service.at("/urls").and_then(Value::as_array);
            let mut others = others.into_iter().flatten().filter_map(Value::as_str);
            is_of(url) || others.any(is_of)
        }
    });
    endpoint.scheme() == "https" && endpoint.path() == path && is_services
}

/// Compares the path at which a trigger's events arrive.
pub(super) fn path(found: &Resource, id: &str, why: &'static str) -> Argument<'static> {
    let pointer = "/destination/0/cloud_run_service/0/path";
    let path = format!("/push/{id}");
    let is_met = found.text(pointer).map(|found| found == path);
    Argument::new(
        pointer,
        Expected::Compared(is_met, format!("{path:?}")),
        why,
    )
}

/// Compares the service at which a trigger's events arrive.
pub(super) fn service(
    found: &Resource,
    service: Option<&Resource>,
    why: &'static str,
) -> Argument<'static> {
    let pointer = "/destination/0/cloud_run_service/0/service";
    let name = service.and_then(|service| service.text("/name"));
    let name = name.unwrap_or_default();
    let is_met = found
        .text(pointer)
        .map(|found| found.is_empty() || name.is_empty() || is_id(found, name));
    Argument::new(
        pointer,
        Expected::Compared(is_met, format!("{name:?}")),
        why,
    )
}

/// Compares the definition of a schema. White space in JSON is ignored.
pub(super) fn definition(
    found: &Resource,
    declared: &TopicSchema,
    why: &'static str,
) -> Argument<'static> {
    let path = "/definition";
    let parsed = |text: &str| serde_json::from_str::<Value>(text).ok();
    let is_same = found.text(path).map(|found| {
        found.replace("\r\n", "\n").trim() == declared.definition.trim()
            || declared.language == SchemaLanguage::Avro
                && parsed(found).is_some_and(|found| Some(found) == parsed(&declared.definition))
    });
    let sentence = "its definition is not the declared one";
    Argument::new(path, Expected::Hidden(is_same, sentence), why)
}

/// Returns a map of texts; `None` if one of them is not known yet.
pub(super) fn attributes(found: &Resource, pointer: &str) -> Known<BTreeMap<String, String>> {
    let mut attributes = BTreeMap::new();
    for (name, value) in found.at(pointer)?.as_object().into_iter().flatten() {
        let escaped = name.replace('~', "~0").replace('/', "~1");
        found.at(&format!("{pointer}/{escaped}"))?;
        let value = value.as_str().unwrap_or_default();
        attributes.insert(name.clone(), value.to_owned());
    }
    let unknown = found.unknown.pointer(pointer).and_then(Value::as_object);
    let is_whole =
        unknown.is_none_or(|unknown| unknown.values().all(|each| each != &Value::Bool(true)));
    is_whole.then_some(attributes)
}
