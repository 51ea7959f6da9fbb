//! The log lines of refused pushes.

use emulator::{Claim, Forgery};
use serde_json::{Value, json};

use crate::harness::google::Google;
use crate::harness::process::{Process, settings};
use crate::harness::{AUDIENCE, CALLER, push_to};

#[tokio::test]
async fn the_log_explains_each_refusal_without_secrets() {
    let google = Google::start().await;
    let (mut process, url) = Process::serve(&settings(&google, "memory:")).await;
    let issuer = google.emulator.issuer();
    let token = issuer.token(CALLER, AUDIENCE);
    let stranger = issuer.token("stranger@elsewhere.iam.gserviceaccount.com", AUDIENCE);
    let forged = |forgery| issuer.forged(forgery, CALLER, AUDIENCE);
    let secret = json!({"message": {"data": "aHVzaA==", "attributes": {"k": "hush"}, "messageId": 7}, "subscription": "hush"}).to_string();
    let table = [
        (
            token.clone(),
            "",
            "push to /push/SUBSCRIPTION): it is empty",
        ),
        (
            token.clone(),
            secret.as_str(),
            "push to /push/SUBSCRIPTION): `message.messageId` (line 1, column ",
        ),
        (
            stranger,
            "",
            "caller \"stranger@elsewhere.iam.gserviceaccount.com\" may not push here, expected \"push@test-project",
        ),
        (
            issuer.token(CALLER, "https://other.example.com"),
            "",
            "token of \"push@test-project.iam.gserviceaccount.com\" is for audience \"https://other.example.com\", expected \"https://push.example.com\"",
        ),
        ("hush".into(), "", "token refused: not a JWT"),
        (forged(Forgery::WrongIssuer), "", "claim iss is "),
        (forged(Forgery::Expired), "", "claim exp was "),
        (forged(Forgery::IssuedInTheFuture), "", "claim iat is "),
        (
            forged(Forgery::EmailNotVerified),
            "",
            "claim email_verified is false, expected true",
        ),
        (
            forged(Forgery::Missing(Claim::Email)),
            "",
            "missing field `email`",
        ),
        (
            forged(Forgery::Unsigned),
            "",
            "header alg is \"none\", expected \"RS256\"",
        ),
        (
            forged(Forgery::PublicKeyAsSecret),
            "",
            "header alg is \"HS256\", expected \"RS256\"",
        ),
        (
            forged(Forgery::ForeignKey),
            "",
            "the signature does not belong to this header and these claims",
        ),
        (
            forged(Forgery::UnknownKeyId),
            "",
            "is none of the issuer's current keys",
        ),
    ];
    for (token, body, reason) in &table {
        push_to(&url, (*body).to_owned(), token).await;
        let says = |line: &Value| {
            line["reason"]
                .as_str()
                .is_some_and(|text| text.contains(reason))
        };
        let line = process.log(says).await;
        assert_eq!(line["outcome"].as_str(), Some("refused"), "{line}");
        assert_eq!(line["severity"].as_str(), Some("WARNING"), "{line}");
    }
    let lines = process.lines();
    assert_eq!(
        lines
            .iter()
            .filter(|line| line.contains("push refused"))
            .count(),
        table.len()
    );
    for line in lines {
        assert!(!line.contains("hush") && !line.contains("aHVzaA"), "{line}");
        assert!(
            table.iter().all(|(token, ..)| !line.contains(token)),
            "{line}"
        );
    }
}
