//! `pushgate top`.

use serde_json::Value;

use crate::harness::probe::task;
use crate::harness::process::{Process, command, ended};
use crate::harness::{Service, Setup, free_port, get, subscriber};

async fn measured() -> (Service, String) {
    let probe = subscriber("probe").attempts(10);
    let service = Setup::new().subscriber(probe).measured().start().await;
    let url = format!("http://{}", service.metrics_address());
    (service, url)
}

#[tokio::test(flavor = "multi_thread")]
async fn it_prints_a_row_for_each_subscription() {
    let (service, url) = measured().await;
    service.push(&service.message(task::SUCCEED)).await;
    let mut failing = service.message(task::FAIL);
    failing.delivery_attempt = Some(9);
    service.push(&failing).await;
    let ended = ended(command(&["top", &url, "--once"])).await;
    assert!(ended.stderr.is_empty(), "{}", ended.stderr);
    let mut lines = ended.stdout.lines();
    let head = "test-project: ready, 0 of 250 pushes in flight";
    assert_eq!(lines.next(), Some(head));
    let row = lines
        .find(|line| line.starts_with("probe "))
        .expect("a row");
    let cells: Vec<&str> = row.split_whitespace().collect();
    let status = get(format!("{url}/status")).await.expect("an answer");
    let status: Value = status.json().await.expect("JSON");
    let mut subscriptions = status["subscriptions"].as_array().expect("a list").iter();
    let probe = subscriptions.find(|one| one["id"] == "probe").expect("it");
    // On a busy machine a run may take longer than the first bound.
    let [p50, p99] = ["p50", "p99"].map(|share| {
        let seconds = probe[share].as_f64().expect("a duration");
        format!("{:.0}", seconds * 1000.0)
    });
    // Subscription, rate, p50, p99, in flight, handled, duplicates, failed, refused, dead letters, attempts.
    assert_eq!(
        cells,
        [
            "probe", "-", &p50, "ms", &p99, "ms", "0/100", "1", "0", "1", "0", "0", "1"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn it_prints_a_rate_from_the_second_reading_on() {
    let (service, url) = measured().await;
    let mut top = Process::start(command(&["top", &url, "--interval=1"]));
    top.line("probe ").await;
    for _ in 0..5 {
        service.push(&service.message(task::SUCCEED)).await;
    }
    top.lines_are(8).await;
    let lines = top.lines();
    let rates = lines.iter().filter(|line| line.starts_with("probe "));
    let rates: Vec<&str> = rates
        .filter_map(|line| line.split_whitespace().nth(1))
        .collect();
    assert_eq!(rates[0], "-");
    assert!(rates[1].parse::<f64>().is_ok(), "{rates:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_reads_json() {
    let (_service, url) = measured().await;
    let ended = ended(command(&["top", &url, "--once", "--json"])).await;
    let status: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    assert_eq!(status["subscriptions"][0]["id"], "probe");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_without_a_status_is_named() {
    let service = Service::start().await;
    let nowhere = format!("http://127.0.0.1:{}", free_port());
    for (url, text) in [
        (service.url.clone(), "it answers 404"),
        (nowhere, "OTEL_METRICS_EXPORTER=prometheus"),
    ] {
        let ended = ended(command(&["top", &url, "--once"])).await;
        assert!(ended.stderr.contains(text), "{}", ended.stderr);
        assert_eq!(ended.code, Some(1));
    }
}
