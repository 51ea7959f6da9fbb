//! Control characters of a stranger's token, which must not reach the log.

use serde_json::Value;

use crate::harness::google::Google;
use crate::harness::message::TestMessage;
use crate::harness::mint::{Issuer, claims, header, with};
use crate::harness::probe::task;
use crate::harness::process::{Process, command, settings};
use crate::harness::push_to;

const EVIL: &str =
    "evil\r\n{\"severity\":\"ERROR\",\"message\":\"forged line\"}\u{2028}\u{1b}[31mforged line\n";

/// `pushgate serve` with either log format.
async fn serve(settings: &[(&str, String)]) -> (Process, String) {
    let mut command = command(&["serve"]);
    command.envs(settings.iter().map(|(name, value)| (*name, value.as_str())));
    let mut process = Process::start(command);
    let line = process.line("listening").await;
    let (_, port) = line.split_once("0.0.0.0:").expect("an address");
    let port: String = port.chars().take_while(char::is_ascii_digit).collect();
    (process, format!("http://127.0.0.1:{port}"))
}

#[tokio::test]
async fn a_token_cannot_forge_a_line_of_the_log() {
    let google = Google::start().await;
    for format in ["json", "text"] {
        let issuer = Issuer::start().await;
        let mut settings = settings(&google, "memory:");
        settings.extend(issuer.settings());
        settings.push(("PUSHGATE_LOG_FORMAT", format.into()));
        let (mut process, url) = serve(&settings).await;
        let key = &issuer.key;
        for (token, status) in [
            (key.token(&header(EVIL), &claims()), 401),
            (
                key.token(&with(&header("good"), "alg", EVIL), &claims()),
                401,
            ),
            (
                key.token(
                    &with(&header("good"), EVIL, EVIL),
                    &with(&claims(), EVIL, EVIL),
                ),
                404,
            ),
            (
                key.token(&with(&header("good"), "typ", EVIL), &claims()),
                401,
            ),
            (
                key.token(&header("good"), &with(&claims(), "iss", EVIL)),
                401,
            ),
            (
                key.token(&header("good"), &with(&claims(), "exp", EVIL)),
                401,
            ),
            (
                key.token(&header("good"), &with(&claims(), "aud", EVIL)),
                403,
            ),
            (
                key.token(&header("good"), &with(&claims(), "email", EVIL)),
                403,
            ),
        ] {
            let message = TestMessage::new("unknown", task::SUCCEED);
            assert_eq!(push_to(&url, message.body(), &token).await.status, status);
        }
        process.line("may not push here").await;
        let lines = process.lines();
        assert!(lines.len() > 8, "{lines:#?}");
        for line in lines {
            let is_whole = match format {
                "json" => serde_json::from_str::<Value>(&line)
                    .is_ok_and(|line| line["message"] != "forged line"),
                _ => line.contains(" INFO ") || line.contains(" WARN ") || line.contains(" ERROR "),
            };
            let is_tame = !line.contains(['\u{1b}', '\u{2028}', '\r']);
            assert!(is_whole && is_tame, "{line:?}");
            assert!(
                !line.contains("eyJ"),
                "no part of a token is in the log: {line:?}"
            );
        }
    }
}
