//! Parameters in the query.

use reqwest::Method;
use serde_json::json;

use super::{SUBSCRIPTION, TOPIC, call, get, put, with_topic};

#[tokio::test]
async fn query_parameters_are_fields_of_the_request() {
    let emulator = with_topic().await;
    for (query, code) in [
        ("pageSize=1&pageToken=", 200),
        ("page_size=1", 200),
        ("", 200),
        (
            "alt=json&$alt=json&key=k&prettyPrint=false&%24.xgafv=2&$prettyPrint=true",
            200,
        ),
        ("pageSize=-1", 400),
        ("pageSize=many", 400),
        ("pageSize=1&pageSize=2", 400),
        ("pageSize=", 400),
        ("pageToken=madeUp", 400),
        ("surprise=1", 400),
        ("pageSize.deeper=1", 400),
        ("project=projects/shop", 200),
        ("project=projects/other", 400),
    ] {
        let path = format!("projects/shop/topics?{query}");
        let (found, answer) = get(&emulator, &path).await;
        assert_eq!(found, code, "{query} {answer}");
    }
    let path = format!("{TOPIC}?labels=1");
    assert_eq!(put(&emulator, &path, json!({})).await.0, 400);
    for (query, expected) in [("updateMask=labels", 200), ("surprise=1", 400)] {
        let path = format!("{TOPIC}?{query}");
        let (code, _) = call(&emulator, Method::PATCH, &path, &json!({})).await;
        assert_eq!(code, expected, "{query}");
    }
    let path = "projects/shop/schemas?schemaId=order&schema.name=order";
    let schema = json!({"type": "AVRO", "definition": "\"string\""});
    let (code, answer) = call(&emulator, Method::POST, path, &schema).await;
    assert_eq!(code, 200, "{answer}");
    let path = "projects/shop/schemas?schema_id=order&view=FULL";
    let (code, _) = call(&emulator, Method::POST, path, &json!({})).await;
    assert_eq!(code, 400);
    for view in ["FULL", "2"] {
        let path = format!("projects/shop/schemas?view={view}");
        let (_, listed) = get(&emulator, &path).await;
        assert_eq!(listed["schemas"][0]["definition"], "\"string\"");
    }
    assert_eq!(
        get(&emulator, "projects/shop/schemas?view=LARGE").await.0,
        400
    );
}

#[tokio::test]
async fn enumerations_are_numbers_on_request() {
    let emulator = with_topic().await;
    put(&emulator, SUBSCRIPTION, json!({"topic": TOPIC})).await;
    let path = format!("{SUBSCRIPTION}?%24alt=json%3Benum-encoding%3Dint");
    let (code, answer) = get(&emulator, &path).await;
    assert_eq!(code, 200);
    assert_eq!(answer["state"], 1);
    let (_, answer) = get(&emulator, &format!("{SUBSCRIPTION}?alt=json")).await;
    assert_eq!(answer["state"], "ACTIVE");
}
