//! A headless Chromium for the console.

use std::future::Future;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fantoccini::key::Key;
use fantoccini::wd::TimeoutConfiguration;
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

const ACCESSIBILITY: &str = include_str!("accessibility.js");

/// The preferences of the browser, and the width of its window.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    pub(crate) is_dark: bool,
    pub(crate) width: u32,
}

pub(crate) const LIGHT: Look = Look {
    is_dark: false,
    width: 1_280,
};
pub(crate) const DARK: Look = Look {
    is_dark: true,
    width: 1_280,
};

pub(crate) const NARROW: Look = Look {
    is_dark: false,
    width: 390,
};
pub(crate) const NARROW_DARK: Look = Look {
    is_dark: true,
    width: 390,
};
/// The narrowest window of Chromium. A narrower page emulates a telephone.
const NARROWEST: u32 = 500;

/// One window with the console.
#[derive(Clone)]
pub(crate) struct Page {
    pub(crate) client: Client,
    url: String,
}

struct Driver {
    process: Child,
    profile: PathBuf,
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
        std::fs::remove_dir_all(&self.profile).ok();
    }
}

/// Opens the console of the emulator at `url`, and always closes the browser after `steps`.
pub(crate) async fn browse<F>(url: String, look: Look, steps: impl FnOnce(Page) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let (driver, port) = tokio::task::spawn_blocking(start).await.unwrap();
    let client = connect(&driver, port, look).await;
    let timeouts = TimeoutConfiguration::new(Some(Duration::from_secs(60)), None, None);
    client.update_timeouts(timeouts).await.unwrap();
    let page = Page {
        client: client.clone(),
        url,
    };
    page.open("#/overview").await;
    let steps = tokio::spawn(steps(page)).await;
    client.close().await.unwrap();
    drop(driver);
    steps.unwrap();
}

/// Starts Chromedriver. It takes a free port of IPv4 and the same one of IPv6. If the latter is in use it ends, and is
/// started again.
fn start() -> (Driver, u16) {
    let started = (0..20).find_map(|_| try_to_start());
    started.expect("chromedriver finds a port")
}

fn try_to_start() -> Option<(Driver, u16)> {
    let mut driver = Command::new("chromedriver");
    let mut process = driver
        .arg("--port=0")
        .stdout(Stdio::piped())
        .spawn()
        .expect("chromedriver is installed");
    let output = BufReader::new(process.stdout.take().unwrap());
    let mut lines = output.lines().map(Result::unwrap);
    let port = lines.find_map(|line| {
        line.split_once("successfully on port ")
            .map(|(_, port)| port.to_owned())
    });
    let Some(port) = port else {
        process.wait().unwrap();
        return None;
    };
    let port: u16 = port.trim_end_matches('.').parse().unwrap();
    // A task reads its output, so that it never blocks.
    std::thread::spawn(move || lines.for_each(drop));
    let profile = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("chromium-{port}"));
    Some((Driver { process, profile }, port))
}

async fn connect(driver: &Driver, port: u16, look: Look) -> Client {
    let mut arguments: Vec<String> = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ]
    .map(str::to_owned)
    .into();
    arguments.push(format!("--window-size={},1100", look.width));
    arguments.push(format!("--user-data-dir={}", driver.profile.display()));
    arguments.push(format!(
        "--blink-settings=preferredColorScheme={}",
        u8::from(!look.is_dark)
    ));
    let mut options = json!({"args": arguments});
    if look.width < NARROWEST {
        let metrics = json!({"width": look.width, "height": 1_100, "pixelRatio": 1, "mobile": false, "touch": false});
        options["mobileEmulation"] = json!({"deviceMetrics": metrics});
    }
    let Value::Object(capabilities) = json!({"goog:chromeOptions": options}) else {
        unreachable!("an object");
    };
    let mut builder = ClientBuilder::new(HttpConnector::new());
    let connected = builder
        .capabilities(capabilities)
        .connect(&format!("http://127.0.0.1:{port}"))
        .await;
    connected.expect("Chromium starts")
}

impl Page {
    pub(crate) async fn open(&self, view: &str) {
        self.client
            .goto(&format!("{}/console/{view}", self.url))
            .await
            .unwrap();
    }

    /// Runs a script with the arguments `arguments[0]` and so on, and returns its result.
    pub(crate) async fn run(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap()
    }

    /// Waits until an expression is true. It is evaluated whenever the page changes.
    pub(crate) async fn until(&self, expression: &str) {
        let script = format!(
            "const done = arguments[0];
             const check = () => {{ if (!({expression})) return false; observer.disconnect(); done(true); return true; }};
             const observer = new MutationObserver(check);
             if (!check()) observer.observe(document, {{subtree: true, childList: true, characterData: true, attributes: true}});"
        );
        let reached = self.client.execute_async(&script, Vec::new()).await;
        if let Err(error) = reached {
            let text = self.run("return document.body.innerText").await;
            panic!(
                "{expression} did not become true: {error}\n{}",
                text.as_str().unwrap_or_default()
            );
        }
    }

    /// Waits until the page shows a text.
    pub(crate) async fn sees(&self, text: &str) {
        self.until(&format!(
            "document.body.innerText.includes({})",
            json!(text)
        ))
        .await;
    }

    pub(crate) async fn press(&self, keys: &str) {
        let active = self.client.active_element().await.unwrap();
        active.send_keys(keys).await.unwrap();
    }

    /// Presses Tab until the element of this selector has the focus.
    pub(crate) async fn tab_to(&self, selector: &str) {
        let tab = char::from(Key::Tab).to_string();
        let is_there = format!("return document.activeElement.matches({})", json!(selector));
        for _ in 0..80 {
            if self.run(&is_there).await == true {
                return;
            }
            self.press(&tab).await;
        }
        panic!("no way to {selector} by the Tab key");
    }

    pub(crate) async fn check_accessibility(&self) {
        let faults = self.run(ACCESSIBILITY).await;
        let place = self.client.current_url().await.unwrap();
        assert_eq!(faults, json!([]), "{place}");
    }

    /// Checks that neither the page nor a table is wider than its place, so that every button is visible.
    pub(crate) async fn check_nothing_is_out_of_sight(&self) {
        let wide = "return [document.documentElement, ...document.querySelectorAll('main .scroll')]
            .filter((each) => each.scrollWidth > each.clientWidth + 1)
            .map((each) => `${each.getAttribute('aria-label')}: ${each.scrollWidth} of ${each.clientWidth}`)";
        let place = self.client.current_url().await.unwrap();
        assert_eq!(self.run(wide).await, json!([]), "{place}");
    }

    /// Saves a screenshot among the files of the build.
    pub(crate) async fn picture(&self, name: &str) {
        let picture = self.client.screenshot().await.unwrap();
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.png"));
        std::fs::write(path, picture).unwrap();
    }
}
