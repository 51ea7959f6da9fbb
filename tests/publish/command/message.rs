//! One message from the command line.

use super::{Scene, misfit, order};
use crate::harness::process::{command, ended};

#[tokio::test]
async fn one_message_is_published_with_all_its_options() {
    let scene = Scene::start().await;
    let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let ended = scene
        .publish(&[
            "--json",
            &order("A-1"),
            "--attribute=source=shop=web",
            "--ordering-key=ada",
            "--event-id=event-1",
            "--traceparent",
            traceparent,
        ])
        .await;
    assert_eq!(ended.code, Some(0));
    assert_eq!(ended.stderr, "");
    let held = scene.held();
    assert_eq!(ended.stdout, format!("{}\n", held[0].id));
    assert_eq!(held[0].data, order("A-1"));
    assert_eq!(held[0].ordering_key, "ada");
    let expected = [
        ("event-id", "event-1"),
        ("googclient_traceparent", traceparent),
        ("source", "shop=web"),
        ("traceparent", traceparent),
    ];
    let found = held[0].attributes.iter();
    let found: Vec<(&str, &str)> = found.map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn a_message_that_does_not_fit_is_not_published() {
    let scene = Scene::start().await;
    let ended = scene.publish(&["--json", &misfit()]).await;
    assert_eq!(ended.code, Some(1));
    assert_eq!(ended.stdout, "");
    assert!(
        ended
            .stderr
            .starts_with("subscriber \"orders-fulfilment\": `lines[0].priceCents`"),
        "{}",
        ended.stderr
    );
    assert!(scene.held().is_empty());
}

#[tokio::test]
async fn with_unchecked_any_data_are_published() {
    let scene = Scene::start().await;
    let ended = scene.publish(&["--json", "hush", "--unchecked"]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(scene.held().pop().expect("a message").data, "hush");
}

#[tokio::test]
async fn a_topic_that_no_subscriber_reads_is_rejected() {
    let scene = Scene::start().await;
    let publish = |more: &[&str]| {
        let mut command = command(&["publish", "projects/mall/topics/returns", "--json", "{}"]);
        command
            .args(more)
            .env("PUBSUB_EMULATOR_HOST", scene.emulator.address().to_string());
        ended(command)
    };
    let refused = publish(&[]).await;
    assert_eq!(refused.code, Some(1));
    let expected =
        "no subscriber of this program is declared for topic \"returns\", only for: orders, ";
    assert!(refused.stderr.contains(expected), "{}", refused.stderr);
    let missing = publish(&["--unchecked"]).await;
    assert_eq!(missing.code, Some(1));
    assert!(
        missing
            .stderr
            .contains("cannot publish to projects/mall/topics/returns: check that it exists"),
        "{}",
        missing.stderr
    );
    scene
        .emulator
        .create_topic("projects/mall/topics/returns")
        .expect("a topic");
    assert_eq!(publish(&["--unchecked"]).await.code, Some(0));
}

#[tokio::test]
async fn contradictory_arguments_are_rejected() {
    let table: [&[&str]; 7] = [
        &[],
        &["--json", "{}", "--file", "x"],
        &["--json", "{}", "--resume", "x"],
        &["x"],
        &["--json", "{}", "--attribute", "novalue"],
        &["--json", "{}", "--event-id-from", "id"],
        &["--json", "{}", "--traceparent", "hush"],
    ];
    for arguments in table {
        let mut command = command(&["publish", "orders"]);
        command.args(arguments);
        let ended = ended(command).await;
        assert_eq!(ended.code, Some(2), "{arguments:?}: {}", ended.stderr);
    }
    let ended = ended(command(&[
        "publish", "orders", "--resume", "x", "--file", "-",
    ]))
    .await;
    assert!(
        ended.stderr.contains("--resume needs --file FILE"),
        "{}",
        ended.stderr
    );
}

#[tokio::test]
async fn a_project_has_the_form_that_pub_sub_accepts() {
    let scene = Scene::start().await;
    let create = |project: &str| {
        let name = format!("projects/{project}/topics/orders");
        let topic = scene.emulator.create_topic(&name).expect("a topic");
        topic.subscribe("watch").expect("a subscription")
    };
    let order = order("A-1");
    for project in ["my_project", "example.com:shop"] {
        let subscription = create(project);
        let flagged = scene
            .publish(&["--json", &order, "--project", project])
            .await;
        assert_eq!(flagged.code, Some(0), "{}", flagged.stderr);
        let mut named = scene.command(&["--json", &order]);
        named.env("GOOGLE_CLOUD_PROJECT", project);
        assert_eq!(ended(named).await.code, Some(0));
        assert_eq!(subscription.unacked_messages().len(), 2);
    }
    let wrong = scene.publish(&["--json", &order, "--project", "a/b"]).await;
    assert_eq!(wrong.code, Some(2));
    let mut wrong = scene.command(&["--json", &order]);
    wrong.env("GOOGLE_CLOUD_PROJECT", "a b");
    let wrong = ended(wrong).await;
    assert!(
        wrong.stderr.contains("projects/a b/topics/orders"),
        "{}",
        wrong.stderr
    );
}
