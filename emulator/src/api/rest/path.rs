//! Paths of requests, and the errors of unknown ones.

use axum::http::Method;
use prost_reflect::{DynamicMessage, Value};
use tonic::Status;

use super::once;

/// The path of a request, decoded.
pub(super) struct Path<'a> {
    raw: &'a str,
    /// The path after the version, or empty for other paths.
    segments: Vec<String>,
}

impl<'a> Path<'a> {
    /// Reads a path. Only percent-encoded bytes that are not UTF-8 are rejected here.
    pub(super) fn read(raw: &'a str) -> Result<Self, Status> {
        let segments = match raw.strip_prefix("/v1/") {
            Some(path) => path.split('/').map(decode).collect::<Option<_>>(),
            None => Some(Vec::new()),
        };
        let segments =
            segments.ok_or_else(|| Status::invalid_argument("The path is not UTF-8 text"))?;
        Ok(Self { raw, segments })
    }

    /// Returns the first segments of a path that matches `template`, in which `*` matches any segment. The last one ends
    /// before a colon, which only a project may have.
    pub(super) fn name(&self, template: &str, count: usize) -> Option<String> {
        if template.split('/').count() != self.segments.len() {
            return None;
        }
        let last = self.segments.len().checked_sub(1)?;
        let segments = self.segments.iter().zip(template.split('/')).enumerate();
        let variable: Option<Vec<&str>> = segments
            .map(|(place, (segment, template))| segment_of(segment, template, place == last))
            .collect();
        let mut variable = variable?;
        variable.truncate(count);
        Some(variable.join("/"))
    }

    /// Returns the error of a request without a route.
    pub(super) fn missing(&self, method: &Method, others: &[&str]) -> Status {
        let path = self.raw;
        if others.is_empty() {
            return Status::not_found(format!("The API has no method {method} {path}"));
        }
        let others = others.join(" or ");
        Status::not_found(format!(
            "The API has no method {method} {path}, but has {others} there"
        ))
    }
}

/// Returns the part of a segment that belongs to the name, if the segment matches its template.
fn segment_of<'a>(segment: &'a str, template: &str, is_last: bool) -> Option<&'a str> {
    let Some(verb) = template.strip_prefix('*') else {
        return (segment == template).then_some(segment);
    };
    let id = segment.strip_suffix(verb)?;
    let has_other_verb = is_last && id.contains(':');
    (!id.is_empty() && !has_other_verb).then_some(id)
}

/// Percent-decodes text. Invalid sequences stay as they are.
fn decode(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        let digits = match (first, after) {
            (b'%', [high, low, after @ ..]) => hex(*high).zip(hex(*low)).map(|byte| (byte, after)),
            _ => None,
        };
        match digits {
            Some(((high, low), after)) => {
                decoded.push(high * 16 + low);
                rest = after;
            }
            None => decoded.push(*first),
        }
    }
    String::from_utf8(decoded).ok()
}

fn hex(digit: u8) -> Option<u8> {
    let digit = char::from(digit).to_digit(16)?;
    u8::try_from(digit).ok()
}

/// Sets the field of the name in the path, such as `topic.name`. The request may repeat the name, but not contradict it.
pub(super) fn bind(message: &mut DynamicMessage, field: &str, name: &str) -> Result<(), Status> {
    let (first, rest) = field.split_once('.').unwrap_or((field, ""));
    match message.get_field_by_name_mut(first) {
        Some(Value::Message(nested)) if !rest.is_empty() => bind(nested, rest, name),
        Some(Value::String(found)) => {
            if !found.is_empty() && found != name {
                return Err(Status::invalid_argument(format!(
                    "The {field} {:?} of the request is not the {name} of the path",
                    once::excerpt(found)
                )));
            }
            name.clone_into(found);
            Ok(())
        }
        _ => Err(Status::internal(format!("{field} is not a name"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, (name, rest): (&str, &str), expected: Option<&str>) {
        let (template, count) = (format!("{name}{rest}"), name.split('/').count());
        let found = Path::read(path).unwrap().name(&template, count);
        assert_eq!(found.as_deref(), expected, "{path} {template}");
    }

    const TOPIC: &str = "projects/*/topics/*";

    #[test]
    fn a_name_is_what_fits_the_template() {
        let orders = Some("projects/shop/topics/orders");
        check("/v1/projects/shop/topics/orders", (TOPIC, ""), orders);
        check("/v1/projects/shop/topics/orders:publish", (TOPIC, ""), None);
        check(
            "/v1/projects/shop/topics/orders:publish",
            (TOPIC, ":publish"),
            orders,
        );
        check(
            "/v1/projects/shop/topics/orders%3Apublish",
            (TOPIC, ":publish"),
            orders,
        );
        check(
            "/v1/projects/shop/topics/or:ders:publish",
            (TOPIC, ":publish"),
            None,
        );
        check(
            "/v1/projects/shop/topics/:publish",
            (TOPIC, ":publish"),
            None,
        );
        check(
            "/v1/projects/shop/topics/orders/snapshots",
            (TOPIC, "/snapshots"),
            orders,
        );
        check(
            "/v1/projects/shop/topics/orders/snapshots",
            (TOPIC, ""),
            None,
        );
        check("/v1/projects/shop/topics/orders/", (TOPIC, ""), None);
        check("/v1/projects/shop/topics/", (TOPIC, ""), None);
        check("/v2/projects/shop/topics/orders", (TOPIC, ""), None);
        check("/v1/projects/shop/tables/orders", (TOPIC, ""), None);
        check("/health", (TOPIC, ""), None);
        let project = Some("projects/example.com:shop");
        check(
            "/v1/projects/example.com:shop/topics",
            ("projects/*", "/topics"),
            project,
        );
        let project = Some("projects/shop");
        check(
            "/v1/projects/shop/schemas:validate",
            ("projects/*", "/schemas:validate"),
            project,
        );
        check(
            "/v1/projects/shop/schemas:validate",
            ("projects/*", "/schemas"),
            None,
        );
    }

    #[test]
    fn percent_encoded_bytes_are_text() {
        assert_eq!(decode("a%20b%C3%A9").as_deref(), Some("a bé"));
        assert_eq!(decode("100%").as_deref(), Some("100%"));
        assert_eq!(decode("%zz%4").as_deref(), Some("%zz%4"));
        assert_eq!(decode("%+1").as_deref(), Some("%+1"));
        assert_eq!(decode("%FF"), None);
    }
}
