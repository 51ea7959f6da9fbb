//! Failures of the issuer's key server: known keys keep serving, and without keys a push is answered 503.

mod flood;
mod rotation;
mod story;

use serde_json::{Value, json};

use self::story::{Story, Trouble, keys_go_on};
use crate::harness::key_server::{Answer, KeyServer};
use crate::harness::mint::{Issuer, RsaKey, with};

fn answers(status: &str, headers: &str, body: impl AsRef<[u8]>) -> Trouble {
    Trouble::Answers(Answer::reply(status, headers, body))
}

#[tokio::test]
async fn a_key_server_that_is_down_slow_or_broken_is_borne() {
    keys_go_on([
        ("down", Trouble::Down),
        ("withheld", Trouble::Answers(Answer::Withheld)),
        ("500", answers("500 Internal Server Error", "", "")),
        (
            "503",
            answers("503 Service Unavailable", "retry-after: 3600\r\n", ""),
        ),
        ("404", answers("404 Not Found", "", "no such page")),
        ("429", answers("429 Too Many Requests", "", "")),
        ("204", answers("204 No Content", "", "")),
        (
            "no HTTP",
            Trouble::Answers(Answer::Bytes(b"SSH-2.0-server\r\n".to_vec())),
        ),
        ("hung up", Trouble::Answers(Answer::Bytes(Vec::new()))),
    ])
    .await;
}

#[tokio::test]
async fn an_answer_without_keys_changes_nothing() {
    let key = RsaKey::new("good");
    let whole = json!({"keys": [key.jwk()]}).to_string();
    let half = &whole[..whole.len() / 2];
    let cut =
        |status: &str, body: &str| Trouble::Answers(Answer::cut(status, "", body, whole.len()));
    let wrong =
        |name: &str, value: Value| json!({"keys": [with(&key.jwk(), name, value)]}).to_string();
    keys_go_on([
        ("empty", answers("200 OK", "", "")),
        ("garbage", answers("200 OK", "", [0xff; 500])),
        (
            "HTML",
            answers(
                "200 OK",
                "content-type: text/html\r\n",
                "<html>Please sign in</html>",
            ),
        ),
        ("null", answers("200 OK", "", "null")),
        (
            "no field keys",
            answers("200 OK", "", key.jwk().to_string()),
        ),
        ("no keys", answers("200 OK", "", r#"{"keys":[]}"#)),
        (
            "an object of keys",
            answers(
                "200 OK",
                "",
                json!({"keys": {"good": key.jwk()}}).to_string(),
            ),
        ),
        (
            "a key without kid",
            answers("200 OK", "", wrong("kid", json!(null))),
        ),
        (
            "a key without modulus",
            answers("200 OK", "", wrong("n", json!(null))),
        ),
        (
            "a key of no base64",
            answers("200 OK", "", wrong("n", json!("n=n"))),
        ),
        (
            "an encryption key",
            answers("200 OK", "", wrong("use", json!("enc"))),
        ),
        (
            "cut in the middle, as if whole",
            answers("200 OK", "", half),
        ),
        ("cut in the middle", cut("200 OK", half)),
        ("cut at the end", cut("200 OK", &whole[..whole.len() - 1])),
        ("cut before it began", cut("200 OK", "")),
        ("a part", answers("206 Partial Content", "", &whole)),
        ("two sets", answers("200 OK", "", format!("{whole}{whole}"))),
        (
            "a set and more",
            answers("200 OK", "", format!("{whole}<html>")),
        ),
        (
            "nested",
            answers("200 OK", "", format!("{{\"keys\":{}", "[".repeat(500_000))),
        ),
        (
            "chunks of no number",
            answers("200 OK", "transfer-encoding: chunked\r\n", "zz\r\n"),
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_redirect_is_never_followed() {
    let attacker = RsaKey::new("stranger");
    let published = [attacker.jwk(), with(&attacker.jwk(), "kid", "good")];
    let server = KeyServer::start(Answer::keys(&published)).await;
    let mut story = Story::begin().await;
    story.stranger = attacker;
    for status in [
        "301 Moved Permanently",
        "302 Found",
        "303 See Other",
        "307 Temporary Redirect",
        "308 Permanent Redirect",
        "300 Multiple Choices",
        "200 OK",
    ] {
        let elsewhere = format!(
            "location: {0}\r\ncontent-location: {0}\r\nrefresh: 0; url={0}\r\n",
            server.url()
        );
        story
            .goes_on("redirect", &answers(status, &elsewhere, ""))
            .await;
    }
    assert_eq!(server.fetches(), 0, "the other server got no request");
}

#[tokio::test]
async fn an_endless_answer_is_not_read_to_its_end() {
    let story = keys_go_on([
        (
            "announced",
            Trouble::Answers(Answer::Endless { is_announced: true }),
        ),
        (
            "endless",
            Trouble::Answers(Answer::Endless {
                is_announced: false,
            }),
        ),
    ])
    .await;
    // The limit is one megabyte; the rest is in the system's buffers.
    let sent = story.issuer.server.longest_answer();
    assert!((500_000..40_000_000).contains(&sent), "{sent} bytes");
}

/// A compressed answer of 1 MB that would be 160 MB of zeros: one block of fixed codes, a zero and then copies of it.
fn bomb() -> Vec<u8> {
    let mut bytes = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let (mut bits, mut count) = (0_u32, 0);
    // The last block, fixed codes (RFC 1951, 3.2.3), and a literal zero; then a length of 258 at distance 1, many times.
    let start = [(0b011, 3), (0b0000_1100, 8)];
    let copies = std::iter::repeat_n((0b1010_0011, 13), 620_000);
    for (code, length) in start.into_iter().chain(copies) {
        bits |= code << count;
        count += length;
        while count >= 8 {
            bytes.push(bits.to_le_bytes()[0]);
            (bits, count) = (bits >> 8, count - 8);
        }
    }
    bytes
}

#[tokio::test]
async fn a_compressed_answer_is_neither_wanted_nor_unpacked() {
    let bomb = bomb();
    assert!(bomb.len() < 1024 * 1024, "{}", bomb.len());
    let story = keys_go_on([
        (
            "gzip",
            answers("200 OK", "content-encoding: gzip\r\n", &bomb),
        ),
        (
            "deflate",
            answers("200 OK", "content-encoding: deflate\r\n", &bomb[10..]),
        ),
        (
            "br",
            answers("200 OK", "content-encoding: br\r\n", [0xff; 50]),
        ),
    ])
    .await;
    for head in story.issuer.server.request_heads() {
        assert!(!head.contains("accept-encoding"), "{head}");
    }
}

#[tokio::test]
async fn a_set_of_ten_thousand_keys_is_refused_as_a_whole() {
    let good = RsaKey::new("good").jwk();
    let many = |number: usize, key: &Value| -> Vec<Value> {
        let others = (1..number).map(|id| with(key, "kid", format!("k{id}")));
        others.chain([good.clone()]).collect()
    };
    let small = json!({"kty": "RSA", "n": "AQAB", "e": "AQAB"});
    keys_go_on([
        (
            "of full size",
            Trouble::Answers(Answer::keys(&many(10_000, &good))),
        ),
        (
            "of small size",
            Trouble::Answers(Answer::keys(&many(10_000, &small))),
        ),
        (
            "one too many",
            Trouble::Answers(Answer::keys(&many(101, &good))),
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_key_is_found_among_a_hundred() {
    let issuer = Issuer::start().await;
    let other = RsaKey::new("other").jwk();
    let others = (1..100).map(|id| with(&other, "kid", format!("k{id}")));
    let keys: Vec<Value> = others.chain([issuer.key.jwk()]).collect();
    issuer.server.set_answer(Answer::keys(&keys));
    issuer.service().await;
}
