//! Tokens at the limits of HTTP.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::mint::Issuer;
use crate::harness::probe::task;
use crate::harness::{Service, soon};

/// Sends a push with these exact lines. Returns the status, or `None` if the service disconnects.
async fn push_raw(service: &Service, lines: &[u8]) -> Option<u16> {
    let address = service.url.strip_prefix("http://").expect("an address");
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let body = service.message(task::SUCCEED).body();
    let request = [
        b"POST / HTTP/1.1\r\nhost: push.example.com\r\nconnection: close\r\n",
        lines,
        format!("\r\ncontent-length: {}\r\n\r\n{body}", body.len()).as_bytes(),
    ]
    .concat();
    // The service may disconnect before it has read everything.
    let _ = stream.write_all(&request).await;
    let mut answer = Vec::new();
    let _ = soon("the answer", stream.read_to_end(&mut answer)).await;
    let answer = String::from_utf8_lossy(&answer);
    answer.split(' ').nth(1)?.parse().ok()
}

fn line(token: impl AsRef<[u8]>) -> Vec<u8> {
    [b"authorization: Bearer ", token.as_ref()].concat()
}

#[tokio::test]
async fn of_two_authorization_headers_none_is_believed() {
    let issuer = Issuer::start().await;
    let service = issuer.service().await;
    let good = issuer.key.good();
    let runs = service.runs();
    for (name, lines) in [
        (
            "twice",
            format!("authorization: Bearer {good}\r\nauthorization: Bearer {good}"),
        ),
        (
            "good first",
            format!("authorization: Bearer {good}\r\nauthorization: Bearer x"),
        ),
        (
            "good last",
            format!("authorization: Bearer x\r\nauthorization: Bearer {good}"),
        ),
        (
            "two schemes",
            format!("authorization: Bearer {good}\r\nauthorization: Basic eA=="),
        ),
        (
            "a lower-case scheme",
            format!("authorization: Bearer {good}\r\nAUTHORIZATION: bearer {good}"),
        ),
        (
            "an empty one",
            format!("authorization: Bearer {good}\r\nauthorization:"),
        ),
        (
            "one line of two",
            format!("authorization: Bearer {good}, Bearer {good}"),
        ),
        (
            "elsewhere only",
            format!("x-serverless-authorization: Bearer {good}"),
        ),
        (
            "as a proxy's",
            format!("proxy-authorization: Bearer {good}"),
        ),
        (
            "as a cookie",
            format!("cookie: authorization=Bearer {good}"),
        ),
        ("another scheme", format!("authorization: JWT {good}")),
        ("no scheme", format!("authorization: {good}")),
        (
            "a tab behind the scheme",
            format!("authorization: Bearer\t{good}"),
        ),
        (
            "no space behind the scheme",
            format!("authorization: Bearer{good}"),
        ),
    ] {
        assert_eq!(
            push_raw(&service, lines.as_bytes()).await,
            Some(401),
            "{name}"
        );
    }
    assert_eq!(service.runs(), runs);
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let lines = format!("authorization: {scheme} {good}");
        assert_eq!(
            push_raw(&service, lines.as_bytes()).await,
            Some(204),
            "{scheme}"
        );
    }
}

#[tokio::test]
async fn bytes_that_belong_in_no_header_are_refused() {
    let issuer = Issuer::start().await;
    let service = issuer.service().await;
    let good = issuer.key.good();
    let runs = service.runs();
    let (front, back) = good.as_bytes().split_at(good.len() / 2);
    for bytes in [
        &b"\0"[..],
        b"\x01",
        b"\x08",
        b"\x0b",
        b"\x1b[31m",
        b"\x7f",
        b"\x80",
        b"\xff",
        b"\xc3\xa9",
        b"\xe2\x80\xae",
        b"\n",
        b"\r",
        b"\r\n",
        b"\r\n ",
        b"\r\n\t",
        b"\n ",
    ] {
        let token = [front, bytes, back].concat();
        for (place, token) in [
            ("inside", token),
            ("in front", [bytes, good.as_bytes()].concat()),
        ] {
            let status = push_raw(&service, &line(token)).await;
            let is_refused = status.is_none_or(|status| status == 400 || status == 401);
            assert!(is_refused, "{} {place}: {status:?}", bytes.escape_ascii());
        }
    }
    assert_eq!(service.runs(), runs);
    assert_eq!(push_raw(&service, &line(good)).await, Some(204));
}

#[tokio::test]
async fn a_token_of_a_megabyte_is_rejected() {
    let issuer = Issuer::start().await;
    let service = issuer.service().await;
    let good = issuer.key.good();
    let runs = service.runs();
    for length in [70_000, 1_000_000] {
        for token in [
            "x".repeat(length),
            format!("{good}{}", "x".repeat(length)),
            ".".repeat(length),
        ] {
            let status = push_raw(&service, &line(token)).await;
            let is_refused = status.is_none_or(|status| (400..500).contains(&status));
            assert!(is_refused, "{length}: {status:?}");
            assert_eq!(service.runs(), runs);
        }
    }
    let dots = ".".repeat(50_000);
    assert_eq!(push_raw(&service, &line(dots)).await, Some(401));
    assert_eq!(push_raw(&service, &line(good)).await, Some(204));
}
