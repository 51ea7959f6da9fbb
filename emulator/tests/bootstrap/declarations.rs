//! The declarations of a service as a file.

use emulator::{Bootstrap, PushForm};

use super::{DESCRIBED, defaults};

#[test]
fn declarations_become_subscriptions_that_push() {
    let error = Bootstrap::parse("d.json", DESCRIBED, &defaults()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("d.json: declarations of a service do not contain its URL")
    );
    let mut defaults = defaults();
    defaults.push_to = Some("http://127.0.0.1:8080/".to_owned());
    let found = Bootstrap::parse("d.json", DESCRIBED, &defaults).unwrap();
    assert_eq!(found.topics.len(), 4);
    let [orders, uploads, ..] = &found.subscriptions[..] else {
        panic!("{found:?}")
    };
    let push = orders.push_config.as_ref().unwrap();
    assert_eq!(
        push.endpoint,
        "http://127.0.0.1:8080/push/orders-fulfilment"
    );
    let token = push.oidc_token.as_ref().unwrap();
    assert_eq!(
        token.service_account_email,
        "push@shop.iam.gserviceaccount.com"
    );
    assert_eq!(token.audience.as_deref(), Some("http://127.0.0.1:8080"));
    let policy = orders.dead_letter_policy.as_ref().unwrap();
    assert_eq!(policy.max_delivery_attempts, 10);
    let push = uploads.push_config.as_ref().unwrap();
    assert_eq!(
        push.form,
        PushForm::Unwrapped {
            write_metadata: true
        }
    );
    let token = push.oidc_token.as_ref().unwrap();
    assert_eq!(token.service_account_email, "me@shop.example");
    assert_eq!(token.audience.as_deref(), Some("https://shop.example"));
    let newer = DESCRIBED.replace("\"version\": 1", "\"version\": 2");
    let error = Bootstrap::parse("d.json", &newer, &defaults).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("d.json:3:14: version is 2, expected 1"),
        "{error}"
    );
}

#[test]
fn a_subscriber_of_eventarc_gets_pushes_in_its_form() {
    let mut defaults = defaults();
    defaults.push_to = Some("http://127.0.0.1:8080/".to_owned());
    let described = DESCRIBED.replace("\"form\": \"evident\"", "\"form\": \"eventarc\"");
    let found = Bootstrap::parse("d.json", &described, &defaults).unwrap();
    let forms = found.subscriptions.iter();
    let forms = forms.map(|each| each.push_config.as_ref().map(|push| push.form));
    assert_eq!(
        forms.take(1).collect::<Vec<_>>(),
        [Some(PushForm::Eventarc)]
    );
}

#[test]
fn all_settings_of_declarations_are_read() {
    let mut defaults = defaults();
    defaults.push_to = Some("http://127.0.0.1:8080/".to_owned());
    let found = Bootstrap::parse("d.json", DESCRIBED, &defaults).unwrap();
    let schema = found.topics[0].schema.as_ref().unwrap();
    assert_eq!(schema.schema, found.schemas[0].name);
    assert_eq!(found.schemas[0].definition, "\"string\"");
    let [orders, uploads, ..] = &found.subscriptions[..] else {
        panic!("{found:?}")
    };
    assert_eq!(orders.filter, "attributes:paid");
    assert!(orders.enable_message_ordering && !uploads.enable_message_ordering);
    assert_eq!(orders.message_retention.as_secs(), 1200);
    assert_eq!(uploads.message_retention.as_secs(), 7 * 24 * 3600);
}
