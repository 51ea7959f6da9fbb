//! The resources that a file creates.

use emulator::{Bootstrap, Emulator, Options};

use super::{defaults, parsed};

fn example(file: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("examples")
        .join(file)
}

#[test]
fn an_undeclared_dead_letter_topic_is_created() {
    let found = parsed(
        "
topics:
  orders:
    subscriptions:
      billing: {deadLetterPolicy: {deadLetterTopic: dead}}
      mail: {deadLetterPolicy: {deadLetterTopic: dead}}
",
    );
    assert_eq!(found.topics.len(), 2);
    assert_eq!(found.topics[1].name, "projects/shop/topics/dead");
    let keeper = &found.subscriptions[2];
    assert_eq!(keeper.name, "projects/shop/subscriptions/dead");
    assert_eq!(keeper.topic, "projects/shop/topics/dead");
    assert!(keeper.push_config.is_none());
    assert_eq!(found.notes.len(), 1);
}

#[tokio::test]
async fn a_second_bootstrap_keeps_what_the_first_created() {
    let declared = Bootstrap::read(&[example("shop.yaml")], &defaults()).unwrap();
    let emulator = Emulator::start_with(Options::default()).unwrap();
    let done = emulator.bootstrap(&declared).unwrap();
    assert_eq!(done.created.len(), 8);
    assert_eq!(done.kept.len(), 0);
    assert_eq!(done.published, 2);
    let unacked = emulator.unacked_messages("projects/shop/subscriptions/orders-audit");
    assert_eq!(unacked.len(), 2);
    assert_eq!(unacked[0].ordering_key, "c-9");
    let again = emulator.bootstrap(&declared).unwrap();
    assert_eq!(again.created.len(), 0);
    assert_eq!(again.kept, done.created);
    assert_eq!(again.published, 0);
    emulator.stop().await;
}
