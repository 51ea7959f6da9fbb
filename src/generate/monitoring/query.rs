//! Parts of PromQL expressions.

/// Returns an expression for the increase of a counter within the window, series by series.
///
/// A series begins with its first event, which `increase` does not count. So the value of a series that is younger than the
/// window counts as a whole.
pub(super) fn increase(series: &str, window: &str) -> String {
    format!("({series} unless {series} offset {window}) or increase({series}[{window}])")
}

/// Returns a matcher for any of these values, which are escaped for a regular expression and a PromQL string.
pub(super) fn any_of<'a>(label: &str, values: impl IntoIterator<Item = &'a str>) -> String {
    let values: Vec<String> = values.into_iter().map(escaped).collect();
    format!("{label}=~\"{}\"", values.join("|"))
}

fn escaped(value: &str) -> String {
    let mut escaped = String::new();
    for character in value.chars() {
        if !character.is_alphanumeric() && !" _-~%".contains(character) {
            escaped.push_str("\\\\");
        }
        escaped.push(character);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_no_regular_expressions() {
        let matcher = any_of("subscription", ["orders.v1", "a+b-c"]);
        assert_eq!(matcher, r#"subscription=~"orders\\.v1|a\\+b-c""#);
    }
}
