//! Reads the bounded body of a request, and decompresses it.

use std::io::Read;

use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_ENCODING;
use flate2::read::MultiGzDecoder;
use tonic::Status;

use crate::api::MAX_BODY_BYTES;

/// Returns the decompressed body of a request. Google's client for Java compresses bodies unasked. `body` is `None` if it
/// could not be read. A body that is too large was read up to a wider bound, so that a client receives the response instead
/// of a closed connection.
pub(super) fn plain(body: Option<Bytes>, headers: &HeaderMap) -> Result<Bytes, Status> {
    let body = within_bound(body.ok_or_else(too_large)?)?;
    match headers
        .get(CONTENT_ENCODING)
        .map(|coding| coding.as_bytes())
    {
        None | Some(b"" | b"identity") => Ok(body),
        Some(b"gzip" | b"x-gzip") => inflated(&body),
        Some(_) => Err(Status::invalid_argument(
            "The request body has a Content-Encoding other than gzip",
        )),
    }
}

fn inflated(body: &[u8]) -> Result<Bytes, Status> {
    let bound = u64::try_from(MAX_BODY_BYTES).unwrap_or(u64::MAX);
    let mut plain = Vec::new();
    MultiGzDecoder::new(body)
        .take(bound.saturating_add(1))
        .read_to_end(&mut plain)
        .map_err(|error| {
            Status::invalid_argument(format!("The request body is not gzip: {error}"))
        })?;
    within_bound(plain.into())
}

fn within_bound(body: Bytes) -> Result<Bytes, Status> {
    if body.len() > MAX_BODY_BYTES {
        return Err(too_large());
    }
    Ok(body)
}

/// Returns the error of a body that is too large, with Google's text.
fn too_large() -> Status {
    Status::invalid_argument(format!(
        "Request payload size exceeds the limit: {MAX_BODY_BYTES} bytes."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    fn gzip(plain: &[u8]) -> Bytes {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap().into()
    }

    fn read(body: Bytes, coding: &str) -> Result<Bytes, String> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_ENCODING, coding.parse().unwrap());
        plain(Some(body), &headers).map_err(|status| status.message().to_owned())
    }

    #[test]
    fn a_body_is_bounded_after_it_is_inflated_too() {
        let limit = "Request payload size exceeds the limit: 10485760 bytes.";
        let most = vec![b' '; MAX_BODY_BYTES];
        assert_eq!(read(gzip(&most), "gzip").unwrap().len(), MAX_BODY_BYTES);
        let bomb = gzip(&vec![b' '; MAX_BODY_BYTES + 1]);
        assert!(bomb.len() < MAX_BODY_BYTES / 100);
        assert_eq!(read(bomb, "gzip").unwrap_err(), limit);
        let long = Bytes::from(vec![b' '; MAX_BODY_BYTES + 1]);
        assert_eq!(read(long, "identity").unwrap_err(), limit);
    }

    #[test]
    fn a_body_that_is_not_gzip_or_of_another_coding_is_rejected() {
        assert_eq!(read(gzip(b"{}"), "x-gzip").unwrap(), "{}");
        let rejected = read(Bytes::from_static(b"{}"), "gzip").unwrap_err();
        assert!(
            rejected.starts_with("The request body is not gzip"),
            "{rejected}"
        );
        let rejected = read(Bytes::from_static(b"{}"), "br").unwrap_err();
        assert!(rejected.contains("other than gzip"), "{rejected}");
    }
}
