//! The encoding of files from editors and shells of any system: UTF-8, with or without a byte order mark.

/// The error of a text in UTF-16.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the text is UTF-16, expected UTF-8: PowerShell writes UTF-8 with | Out-File -Encoding utf8"
)]
pub(crate) struct Utf16;

/// Returns the text without its byte order mark.
///
/// # Errors
/// The text is UTF-16, with or without a mark. It is recognized by its first character, which is always ASCII here.
pub(crate) fn utf8(bytes: &[u8]) -> Result<&[u8], Utf16> {
    match bytes {
        [0xef, 0xbb, 0xbf, text @ ..] => Ok(text),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Err(Utf16),
        [first, second, ..] if (*first == 0) != (*second == 0) => Err(Utf16),
        text => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_text() {
        assert_eq!(utf8(b"\xef\xbb\xbf{}"), Ok(&b"{}"[..]));
        assert_eq!(utf8(b"{}"), Ok(&b"{}"[..]));
        assert_eq!(utf8(b""), Ok(&b""[..]));
    }

    #[test]
    fn utf_16_is_recognised_in_both_orders_with_a_mark_or_without() {
        for text in [
            &b"\xff\xfe{\0}\0"[..],
            b"\xfe\xff\0{\0}",
            b"{\0}\0",
            b"\0{\0}",
        ] {
            assert_eq!(utf8(text), Err(Utf16));
        }
    }
}
