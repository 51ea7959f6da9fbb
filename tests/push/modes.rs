//! Verification of signatures by this service or by Cloud Run, which may replace them by a marker.

use emulator::Forgery;

use crate::harness::probe::task;
use crate::harness::{AUDIENCE, CALLER, Service, Setup, client};

const MARKER: &str = "SIGNATURE_REMOVED_BY_GOOGLE";

fn without_signature(token: &str) -> String {
    let (signed, _) = token.rsplit_once('.').expect("a JWT");
    format!("{signed}.{MARKER}")
}

async fn behind_cloud_run() -> Service {
    let setup = Setup::new().setting("PUSHGATE_AUTHENTICATION", "platform");
    setup.start().await
}

#[tokio::test]
async fn by_default_a_removed_signature_is_no_signature() {
    let service = Service::start().await;
    let token = without_signature(&service.token());
    let reply = service
        .push_with(&service.message(task::SUCCEED), &token)
        .await;
    assert_eq!(reply.status, 401);
    assert_eq!(service.runs(), 0);
}

#[tokio::test]
async fn behind_the_platforms_check_a_removed_signature_is_accepted() {
    let service = behind_cloud_run().await;
    let intact = service.token();
    for token in [without_signature(&intact), intact] {
        let reply = service
            .push_with(&service.message(task::SUCCEED), &token)
            .await;
        assert_eq!(reply.status, 204);
    }
    assert_eq!(service.runs(), 2);
}

#[tokio::test]
async fn behind_the_platforms_check_a_present_signature_is_verified() {
    let service = behind_cloud_run().await;
    for marker in ["signature_removed_by_google", "SIGNATURE_REMOVED", ""] {
        let token = service.token();
        let (signed, _) = token.rsplit_once('.').expect("a JWT");
        let token = format!("{signed}.{marker}");
        let reply = service
            .push_with(&service.message(task::SUCCEED), &token)
            .await;
        assert_eq!(reply.status, 401, "{marker:?}");
    }
    let issuer = service.google.emulator.issuer();
    let forged = issuer.forged(Forgery::ForeignKey, CALLER, AUDIENCE);
    let reply = service
        .push_with(&service.message(task::SUCCEED), &forged)
        .await;
    assert_eq!(reply.status, 401);
    assert_eq!(service.runs(), 0);
}

#[tokio::test]
async fn behind_the_platforms_check_every_claim_is_verified() {
    let service = behind_cloud_run().await;
    for forgery in Forgery::ALL {
        let issuer = service.google.emulator.issuer();
        let token = without_signature(&issuer.forged(forgery, CALLER, AUDIENCE));
        let expected = match forgery {
            Forgery::WrongAudience => 403,
            // Only the signature is wrong, which the platform has checked.
            Forgery::ForeignKey | Forgery::UnknownKeyId => 204,
            Forgery::Altered => continue, // says whatever it was altered to
            _ => 401,
        };
        let reply = service
            .push_with(&service.message(task::SUCCEED), &token)
            .await;
        assert_eq!(reply.status, expected, "{forgery:?}");
    }
    let issuer = service.google.emulator.issuer();
    let stranger = issuer.token("stranger@elsewhere.iam.gserviceaccount.com", AUDIENCE);
    let token = without_signature(&stranger);
    let reply = service
        .push_with(&service.message(task::SUCCEED), &token)
        .await;
    assert_eq!(reply.status, 403);
}

#[tokio::test]
async fn a_header_that_the_platform_checks_instead_is_refused() {
    let service = behind_cloud_run().await;
    let token = without_signature(&service.token());
    let push = client()
        .post(&service.url)
        .bearer_auth(&token)
        .header("x-serverless-authorization", format!("Bearer {token}"))
        .body(service.message(task::SUCCEED).body());
    let status = push.send().await.expect("an answer").status();
    assert_eq!(status.as_u16(), 401);
    assert_eq!(service.runs(), 0);
}

#[tokio::test]
async fn behind_the_platforms_check_a_service_is_ready_without_keys() {
    use crate::harness::google::{Google, Keys};
    let google = std::sync::Arc::new(Google::with_keys(Keys::Status(500)).await);
    let service = Setup::new()
        .google(&google)
        .setting("PUSHGATE_AUTHENTICATION", "platform")
        .start()
        .await;
    assert_eq!(service.ready().await, 200);
    let token = without_signature(&service.token());
    let reply = service
        .push_with(&service.message(task::SUCCEED), &token)
        .await;
    assert_eq!(reply.status, 204);
    let reply = service.push(&service.message(task::SUCCEED)).await;
    assert_eq!(reply.status, 503, "a signature that is there is checked");
}

#[tokio::test]
async fn only_the_listed_audiences_are_accepted() {
    let service = Setup::new()
        .setting(
            "PUSHGATE_AUDIENCE",
            "https://old.example.com, https://new.example.com",
        )
        .start()
        .await;
    let issuer = service.google.emulator.issuer();
    for (audience, expected) in [
        ("https://old.example.com", 204),
        ("https://new.example.com", 204),
        ("https://old.example.com, https://new.example.com", 403),
        (AUDIENCE, 403),
    ] {
        let token = issuer.token(CALLER, audience);
        let reply = service
            .push_with(&service.message(task::SUCCEED), &token)
            .await;
        assert_eq!(reply.status, expected, "{audience}");
    }
}
