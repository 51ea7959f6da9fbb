//! Amounts of memory in the form of Kubernetes (*Quantity*), which Cloud Run uses.

/// Returns `512Mi`, `0.5Gi` or `1e9` in bytes; `None` for another form.
pub(super) fn bytes(text: &str) -> Option<u64> {
    let end = text.find(|each: char| !each.is_ascii_digit() && each != '.');
    let (number, unit) = text.split_at_checked(end.unwrap_or(text.len()))?;
    // An exponent, or the unit E alone.
    let (number, unit) = match unit.strip_prefix(['e', 'E']) {
        Some(exponent) if exponent.parse::<i8>().is_ok() => (text, ""),
        _ => (number, unit),
    };
    let factor: u64 = match unit {
        "" => 1,
        "k" => 1000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        "T" => 1_000_000_000_000,
        "Ki" => 1 << 10,
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        "Ti" => 1 << 40,
        _ => return None,
    };
    #[expect(clippy::cast_precision_loss, reason = "no instance has petabytes")]
    let bytes = number.parse::<f64>().ok()? * factor as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "in range as checked"
    )]
    (0.0..1e18).contains(&bytes).then_some(bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn memory_is_read_in_every_form_that_kubernetes_writes() {
        for (text, expected) in [
            ("536870912", Some(512 << 20)),
            ("512Mi", Some(512 << 20)),
            ("0.25Gi", Some(256 << 20)),
            ("0.5G", Some(500_000_000)),
            ("512000k", Some(512_000_000)),
            ("1Ti", Some(1 << 40)),
            ("1T", Some(1_000_000_000_000)),
            ("5e8", Some(500_000_000)),
            ("5E8", Some(500_000_000)),
            ("", None),
            ("Mi", None),
            ("1.2.3Gi", None),
            ("-1Gi", None),
            ("inf", None),
            ("1Qi", None),
            ("1e99", None),
        ] {
            assert_eq!(bytes(text), expected, "{text}");
        }
    }
}
