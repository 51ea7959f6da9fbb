//! Tests of the console in a browser.

mod actions;
mod creation;
mod dead_letters;
mod faults_form;
mod flow;
mod live;
mod names;
mod payloads;
mod pictures;
mod sorting;
mod views;
mod without_effect;

use fantoccini::Locator;

use crate::harness::browser::Page;

async fn fill(page: &Page, selector: &str, text: &str) {
    let element = page.client.find(Locator::Css(selector)).await.unwrap();
    element.clear().await.unwrap();
    element.send_keys(text).await.unwrap();
}

async fn click(page: &Page, text: &str) {
    let path = format!("//*[self::a or self::button or self::summary][contains(., '{text}')]");
    let found = page
        .client
        .wait()
        .for_element(Locator::XPath(&path))
        .await
        .unwrap();
    found.click().await.unwrap();
}

/// Clicks the visible button with exactly this text.
async fn press_button(page: &Page, text: &str) {
    let path = format!("//button[. = '{text}']");
    let wait = page.client.wait();
    let found = wait.for_element(Locator::XPath(&path)).await.unwrap();
    found.click().await.unwrap();
}
