//! Tables and sessions of pages, held to the program: with `UPDATE_PAGES=true` the pages are written anew.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use pushgate::MetricKind;

use super::{Page, book, others};
use crate::harness::repository::root;

/// Replaces everything between `<!-- table: NAME -->` and `<!-- end -->`.
pub(super) fn with_table(page: &Page, name: &str, table: &str) -> String {
    let begin = format!("<!-- table: {name} -->\n");
    let (before, rest) = page.text.split_once(&begin).expect(&begin);
    let (_, after) = rest.split_once("<!-- end -->").expect("an end");
    format!("{before}{begin}\n{table}\n<!-- end -->{after}")
}

/// Compares a page with what it should be, or writes it.
#[expect(
    clippy::disallowed_methods,
    reason = "the person who runs the test decides if pages are written"
)]
pub(super) fn expect(page: &Page, should: &str) {
    if std::env::var("UPDATE_PAGES").is_ok() {
        std::fs::write(root().join(&page.path), should).expect("written");
        return;
    }
    let differs = page
        .text
        .lines()
        .zip(should.lines())
        .find(|(is, should)| is != should);
    assert!(
        page.text == should,
        "{} is not up to date: set UPDATE_PAGES=true to write it; the first difference is {differs:#?}",
        page.name()
    );
}

/// Text for a cell of a table.
pub(super) fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('[', "\\[")
}

#[test]
fn the_page_of_settings_is_the_table_of_settings() {
    let mut table = String::from("| variable | meaning | form | default |\n|---|---|---|---|\n");
    for setting in &pushgate::SETTINGS {
        let default = match setting.default {
            Some(default) => format!("`{default}`"),
            None if setting.is_required() => "required".into(),
            None => "unset".into(),
        };
        let (meaning, form) = (cell(setting.meaning), cell(setting.form));
        let _ = writeln!(
            table,
            "| `{}` | {meaning} | {form} | {default} |",
            setting.name
        );
    }
    let page = Page::read("docs/reference/settings.md");
    expect(&page, &with_table(&page, "settings", &table));
}

#[test]
fn the_page_of_metrics_is_the_table_of_metrics() {
    let mut table =
        String::from("| metric | kind, unit | meaning | attributes |\n|---|---|---|---|\n");
    for metric in &pushgate::METRICS {
        let kind = match metric.kind {
            MetricKind::Counter => "counter",
            MetricKind::Histogram(_) => "histogram",
            MetricKind::UpDownCounter => "up-down counter",
            MetricKind::Gauge => "gauge",
        };
        let attributes: Vec<_> = metric
            .attributes
            .iter()
            .map(|name| format!("`{name}`"))
            .collect();
        let (name, unit, meaning) = (metric.name, metric.unit, metric.meaning);
        let attributes = attributes.join(", ");
        let _ = writeln!(
            table,
            "| `{name}` | {kind}, {unit} | {meaning} | {attributes} |"
        );
    }
    let page = Page::read("docs/reference/metrics.md");
    expect(&page, &with_table(&page, "metrics", &table));
}

#[test]
fn the_page_of_rules_is_the_table_of_rules() {
    let printed = run("pushgate check --rules --json");
    let rules: serde_json::Value = serde_json::from_str(&printed).expect("JSON");
    let mut table = String::from("| rule | level | it holds if | otherwise |\n|---|---|---|---|\n");
    for rule in rules["rules"].as_array().expect("rules") {
        let [id, level, meaning, why] =
            ["rule", "level", "meaning", "why"].map(|field| rule[field].as_str().expect(field));
        let _ = writeln!(
            table,
            "| `{id}` | {level} | {} | {} |",
            cell(meaning),
            cell(why)
        );
    }
    let page = Page::read("docs/reference/check-rules.md");
    expect(&page, &with_table(&page, "rules", &table));
}

/// Returns what a command prints, in a shell without settings.
fn run(command: &str) -> String {
    let binary = crate::harness::process::pushgate();
    let folder = binary.parent().expect("a folder").display();
    let output = Command::new("sh")
        .args(["-c", &format!("{command} 2>&1")])
        .current_dir(root())
        .env_clear()
        .env("PATH", format!("{folder}:/usr/bin:/bin"))
        .output()
        .expect("a shell");
    String::from_utf8(output.stdout).expect("text")
}

/// True if the lines are those shown, where a shown `…` stands for any lines.
fn fits(shown: &[&str], lines: &[&str]) -> bool {
    match shown.split_first() {
        None => lines.is_empty(),
        Some((&"…", rest)) => (0..=lines.len()).any(|skipped| fits(rest, &lines[skipped..])),
        Some((first, rest)) => lines.first() == Some(first) && fits(rest, &lines[1..]),
    }
}

#[test]
fn a_shown_session_prints_what_it_shows() {
    for page in book() {
        let mut should = page.text.clone();
        for block in page.blocks("console") {
            let (command, shown) = block.split_once('\n').unwrap_or((block, ""));
            let printed = run(command.strip_prefix("$ ").expect("a prompt"));
            let lines: Vec<&str> = printed.trim_end().lines().map(str::trim_end).collect();
            let shown: Vec<&str> = shown.lines().collect();
            if !fits(&shown, &lines) {
                should = should.replace(block, &format!("{command}\n{}", lines.join("\n")));
            }
        }
        expect(&page, &should);
    }
}

#[test]
fn each_printed_command_of_pushgate_has_the_flags_it_is_given() {
    for page in book().into_iter().chain(others()) {
        for line in page.blocks("sh").flat_map(str::lines) {
            let Some((_, call)) = ["cargo run -- ", "pushgate "]
                .iter()
                .find_map(|name| line.split_once(name))
            else {
                continue;
            };
            let mut words = call
                .split_whitespace()
                .take_while(|word| !word.starts_with('#'));
            let Some(command) = words
                .next()
                .filter(|word| word.chars().all(char::is_alphabetic))
            else {
                continue;
            };
            let help = run(&format!("pushgate {command} --help"));
            for flag in words.filter(|word| word.starts_with("--")) {
                assert!(
                    help.contains(flag),
                    "{}: {command} has no {flag}",
                    page.name()
                );
            }
        }
    }
}

/// The files of a folder in `src`, as one text.
fn source(folder: &Path, text: &mut String) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            source(&path, text);
        } else {
            text.push_str(&std::fs::read_to_string(path).unwrap_or_default());
        }
    }
}

/// The inline code that begins the first cell of each row of a page.
fn rows(page: &Page) -> impl Iterator<Item = &str> {
    let lines = page.text.lines();
    lines.filter_map(|line| {
        line.strip_prefix("| `")?
            .split_once('`')
            .map(|(code, _)| code)
    })
}

#[test]
fn the_page_of_declarations_has_a_row_for_each_call() {
    let mut text = String::new();
    source(&root().join("src/subscriber"), &mut text);
    let page = Page::read("docs/reference/declarations.md");
    let impls = text.split("\nimpl Subscriber {").skip(1);
    let calls = impls.flat_map(|part| {
        part.split("\n}\n")
            .next()
            .unwrap_or_default()
            .split("    pub fn ")
            .skip(1)
    });
    let mut count = 0;
    for call in
        calls.filter(|call| call.contains("mut self") && call.find("mut self") < call.find('{'))
    {
        let name = call.split(['<', '(']).next().expect("a name");
        count += 1;
        let is_there = rows(&page).any(|row| row.starts_with(&format!(".{name}(")));
        assert!(
            is_there,
            "docs/reference/declarations.md has no row for .{name}(…)"
        );
    }
    assert!(count > 30, "{count} calls");
}

#[test]
fn the_page_of_logs_shows_lines_that_are_written() {
    let mut text = String::new();
    source(&root().join("src"), &mut text);
    let page = Page::read("docs/reference/logs.md");
    for line in rows(&page) {
        let fixed = line.split(" FILE:LINE").next().unwrap_or(line);
        assert!(text.contains(fixed), "nothing writes {line:?}");
    }
}

#[test]
fn the_page_of_stores_has_a_row_for_each_address() {
    let page = Page::read("docs/reference/stores.md");
    let setting = pushgate::SETTINGS
        .iter()
        .find(|setting| setting.name == "PUSHGATE_STORE");
    let form = setting.expect("a setting").form;
    for scheme in [
        "memory:",
        "firestore://",
        "redis://",
        "redis-sentinel://",
        "redis-cluster://",
    ] {
        assert!(
            form.contains(scheme) && rows(&page).any(|row| row.starts_with(scheme)),
            "{scheme}"
        );
    }
    let others = form.matches("://").count();
    assert_eq!(others, 4, "a scheme more: {form}");
}

/// Returns each end of a delivery with the value that a file gives it, as `PREFIX::END => VALUE,`.
fn ends(file: &str, prefix: &str) -> Vec<(String, String)> {
    let source = Page::read(file).text;
    let text = source.split_whitespace().collect::<Vec<_>>().join(" ");
    let begin = format!("{prefix}::");
    let arms = text.split(&begin).skip(1);
    arms.filter_map(|arm| {
        let (end, value) = arm.split_once(" => ")?;
        let is_name = end.chars().all(char::is_alphanumeric);
        is_name.then(|| (end.to_owned(), value.to_owned()))
    })
    .collect()
}

/// The settlements in the source, as rows.
fn settlements() -> Vec<String> {
    let decisions = ends("src/push/reply.rs", "End");
    let names = ends("src/delivery/settle/settlement.rs", "Self");
    let rows = decisions.iter().map(|(end, decision)| {
        let (_, name) = names
            .iter()
            .find(|(named, value)| named == end && value.starts_with('"'))
            .unwrap_or_else(|| panic!("{end} has no name"));
        let name = name.split('"').nth(1).expect("a name");
        let (status, level) = decision
            .split_once('(')
            .and_then(|(_, rest)| rest.split_once(", Level::"))
            .expect("a status and a level");
        let status = match status {
            "ACK" => 204,
            "AGAIN" => 503,
            "StatusCode::INTERNAL_SERVER_ERROR" => 500,
            "StatusCode::CONFLICT" => 409,
            other => panic!("the status {other} of {end} is new: name it here and on the page"),
        };
        let level = match level.split(|c: char| !c.is_alphabetic()).next() {
            Some("Info") => "INFO",
            Some("Warn") => "WARNING",
            _ => "ERROR",
        };
        format!("| `{name}` | {status} | {level} |")
    });
    rows.collect()
}

#[test]
fn the_page_of_replies_has_each_settlement_with_its_status() {
    let page = Page::read("docs/reference/replies.md").text;
    let (_, table) = page.split_once("## Settlements").expect("a table");
    let (table, _) = table.split_once("\n## ").expect("its end");
    let settlements = settlements();
    for row in &settlements {
        assert!(table.contains(row), "docs/reference/replies.md lacks {row}");
    }
    assert_eq!(table.matches("\n| `").count(), settlements.len());
}
