//! The files of the page.

use emulator::Pace;
use reqwest::{Client, Method, Response};

use super::request;
use crate::harness::emulator;

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers()[name].to_str().unwrap()
}

#[tokio::test]
async fn the_root_redirects_browsers_to_the_console() {
    let emulator = emulator(Pace::Eager);
    let client = Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let accepting = |kinds: &'static str| client.get(emulator.url()).header("accept", kinds).send();
    let program = accepting("*/*").await.unwrap();
    assert_eq!(program.status().as_u16(), 200);
    assert_eq!(program.text().await.unwrap(), "Ok");
    let browser = accepting("text/html,application/xhtml+xml,*/*;q=0.8")
        .await
        .unwrap();
    assert_eq!(browser.status().as_u16(), 307);
    assert_eq!(header(&browser, "location"), "/console/");
}

#[tokio::test]
async fn the_page_loads_nothing_from_elsewhere() {
    let emulator = emulator(Pace::Eager);
    let index = request(&emulator, Method::GET, "").send().await.unwrap();
    assert!(header(&index, "content-security-policy").starts_with("default-src 'self'; "));
    assert_eq!(header(&index, "x-content-type-options"), "nosniff");
    let (mut known, mut open) = (Vec::new(), vec![index.text().await.unwrap()]);
    while let Some(text) = open.pop() {
        let foreign = text
            .replace("http://www.w3.org/2000/svg", "")
            .replace("http://127.0.0.1:8080/", "");
        assert!(
            !foreign.contains("http://") && !foreign.contains("https://"),
            "{text}"
        );
        assert!(
            !text.contains("innerHTML") && !text.contains("insertAdjacent"),
            "markup is not made of text"
        );
        let pieces = text.split(['"', '\'']);
        let names = pieces.filter_map(|piece| {
            piece
                .strip_prefix("/console/")
                .or_else(|| piece.strip_prefix("./"))
        });
        for name in names.filter(|name| name.contains('.')).map(str::to_owned) {
            if !known.contains(&name) {
                let file = request(&emulator, Method::GET, &name).send().await.unwrap();
                assert_eq!(file.status(), 200, "{name}");
                known.push(name);
                open.push(file.text().await.unwrap());
            }
        }
    }
    assert!(known.len() >= 13, "{known:?}");
    assert_eq!(
        request(&emulator, Method::GET, "none.js")
            .send()
            .await
            .unwrap()
            .status(),
        404
    );
}
