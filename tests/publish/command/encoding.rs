//! Files that are not JSON lines in UTF-8.

use super::{Scene, orders};

#[tokio::test]
async fn a_byte_order_mark_is_skipped() {
    let scene = Scene::start().await;
    let marked = scene.write("marked.jsonl", format!("\u{feff}{}", orders(2)));
    let ended = scene.publish(&["--file", &marked]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(scene.held().len(), 2);
}

#[tokio::test]
async fn a_file_of_another_encoding_or_form_is_rejected() {
    let scene = Scene::start().await;
    let utf16: Vec<u8> = format!("\u{feff}{}", orders(2))
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let indented = "{\n  \"orderId\": \"A-1\"\n}\n";
    for (file, expected) in [
        (
            scene.write("utf16.jsonl", utf16),
            "line 1: the text is UTF-16, expected UTF-8",
        ),
        (
            scene.write("indented.json", indented),
            "line 1: the JSON document does not end in this line, expected one whole document in each line",
        ),
    ] {
        for form in [&["--file", &file][..], &["--file", &file, "--messages"]] {
            let ended = scene.publish(form).await;
            assert_eq!(ended.code, Some(1));
            assert!(ended.stderr.contains(expected), "{}", ended.stderr);
        }
    }
    assert!(scene.held().is_empty());
}
