//! A comparison with Google's emulator, as far as a busy machine allows.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

/// Runs the example briefly. Cargo builds it with the tests.
fn measure() -> Value {
    let emulator = Path::new(env!("CARGO_BIN_EXE_emulator"));
    let output = Command::new(emulator.with_file_name("examples").join("beside"))
        .arg("--emulator")
        .arg(emulator)
        .args([
            "--json", "--starts", "1", "--single", "30", "--queued", "500",
        ])
        .args([
            "--delivered",
            "1000",
            "--topics",
            "20",
            "--watch",
            "3",
            "--limit",
            "30",
        ])
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
#[ignore = "needs Java and Google's emulator (PUBSUB_EMULATOR_JAR)"]
fn it_is_faster_than_googles() {
    let measured = measure();
    eprintln!("{measured:#}");
    let ratio = |name: &str| measured["ratios"][name].as_f64().unwrap();
    assert!(ratio("ready") > 2.0);
    assert!(ratio("latency_p50") > 2.0);
    assert!(measured["emulators"][0]["in_flight"].as_u64().unwrap() >= 100);
}
