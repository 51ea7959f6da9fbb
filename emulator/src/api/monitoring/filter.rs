//! The filter of time series: a part of Google's grammar (Google, *Monitoring filters*).

use std::collections::BTreeMap;

use super::metric::{Metric, RESOURCE};
use crate::error::ApiError;
use crate::filter::Cursor;
use crate::resources::name::ResourceName;

/// The supported grammar, for errors.
const SUPPORTED: &str = "the emulator supports metric.type = \"TYPE\", with AND resource.type = \"pubsub_subscription\", \
     AND resource.labels.project_id = \"ID\" and AND resource.labels.subscription_id = \"ID\" if wanted; the types are";

/// A parsed filter.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Filter {
    pub(super) metric: Metric,
    project: Option<String>,
    subscription: Option<String>,
}

impl Filter {
    /// # Errors
    /// If the text is outside the supported part of the grammar. The error describes that part.
    pub(super) fn parse(text: &str) -> Result<Self, ApiError> {
        comparisons(text).and_then(Self::of).map_err(|error| {
            let types = Metric::ALL.map(Metric::name).join(" and ");
            ApiError::invalid(format!("{error}: {SUPPORTED} {types}"))
        })
    }

    fn of(mut comparisons: BTreeMap<String, String>) -> Result<Self, ApiError> {
        let metric = comparisons.remove("metric.type");
        let metric = metric.ok_or_else(|| ApiError::invalid("The filter has no metric.type"))?;
        let known = Metric::ALL.into_iter().find(|each| each.name() == metric);
        let resource = comparisons.remove("resource.type");
        let filter = Self {
            metric: known.ok_or_else(|| unsupported("metric.type", &metric))?,
            project: comparisons.remove("resource.labels.project_id"),
            subscription: comparisons.remove("resource.labels.subscription_id"),
        };
        if let Some(other) = resource.filter(|resource| resource != RESOURCE) {
            return Err(unsupported("resource.type", &other));
        }
        match comparisons.pop_first() {
            Some((selector, value)) => Err(unsupported(&selector, &value)),
            None => Ok(filter),
        }
    }

    pub(super) fn matches(&self, subscription: &ResourceName) -> bool {
        let is = |wanted: &Option<String>, found: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted == found)
        };
        is(&self.project, subscription.project()) && is(&self.subscription, subscription.id())
    }
}

/// Parses `SELECTOR = "VALUE" AND …`.
fn comparisons(text: &str) -> Result<BTreeMap<String, String>, ApiError> {
    let mut cursor = Cursor::new(text);
    let mut comparisons = BTreeMap::new();
    loop {
        let mut selector = cursor.key()?;
        while cursor.eat(".") {
            selector = format!("{selector}.{}", cursor.key()?);
        }
        // Both spellings are Google's.
        let selector = selector.replace("resource.label.", "resource.labels.");
        cursor.require("=")?;
        let value = cursor.string()?;
        if comparisons.insert(selector.clone(), value).is_some() {
            return Err(ApiError::invalid(format!(
                "The filter has {selector} twice"
            )));
        }
        if cursor.is_at_end() {
            return Ok(comparisons);
        }
        if !cursor.eat_word("AND") {
            return Err(cursor.expected("AND or the end"));
        }
    }
}

fn unsupported(selector: &str, value: &str) -> ApiError {
    ApiError::invalid(format!("The filter has {selector} = {value:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPE: &str =
        "metric.type=\"pubsub.googleapis.com/subscription/num_undelivered_messages\"";

    fn check(text: &str, name: &str, expected: bool) {
        let name = ResourceName::subscription(name).unwrap();
        let filter = Filter::parse(text).unwrap();
        assert_eq!(filter.matches(&name), expected, "{text}");
    }

    #[test]
    fn a_filter_chooses_subscriptions() {
        let name = "projects/shop/subscriptions/billing";
        check(TYPE, name, true);
        check(&format!(" {TYPE} "), name, true);
        for (part, expected) in [
            ("resource.type = \"pubsub_subscription\"", true),
            ("resource.labels.subscription_id = \"billing\"", true),
            ("resource.label.subscription_id=\"billing\"", true),
            ("resource.labels.subscription_id = \"mail\"", false),
            ("resource.labels.project_id = \"shop\"", true),
            ("resource.labels.project_id = \"other\"", false),
        ] {
            check(&format!("{TYPE} AND {part}"), name, expected);
            check(&format!("{part} AND {TYPE}"), name, expected);
        }
    }

    #[test]
    fn another_filter_is_rejected_with_what_is_supported() {
        let with = |part: &str| format!("{TYPE} {part}");
        for (text, reason) in [
            (String::new(), "expected"),
            (
                "resource.type = \"pubsub_subscription\"".to_owned(),
                "no metric.type",
            ),
            (
                "metric.type = \"pubsub.googleapis.com/topic/byte_cost\"".to_owned(),
                "byte_cost",
            ),
            (
                "metric.type = starts_with(\"pubsub\")".to_owned(),
                "a string in double quotes",
            ),
            (with("AND resource.type = \"pubsub_topic\""), "pubsub_topic"),
            (with("AND metric.labels.code = \"1\""), "metric.labels.code"),
            (with(&format!("AND {TYPE}")), "twice"),
            (
                with("OR resource.type = \"pubsub_subscription\""),
                "AND or the end",
            ),
        ] {
            let error = Filter::parse(&text).unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
            assert!(error.contains(SUPPORTED), "{text}: {error}");
        }
    }
}
