//! Google's documented features with the known deviations of both emulators. The table of the README is made from
//! `clients/features.json`.

use std::collections::BTreeSet;

use serde::Deserialize;

const DATA: &str = include_str!("clients/features.json");
const README: &str = include_str!("../README.md");
const BEGIN: &str = "<!-- features: made from tests/clients/features.json -->\n";
const END: &str = "<!-- /features -->";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Feature {
    #[serde(rename = "feature")]
    pub(crate) name: String,
    /// The client that checks it.
    pub(crate) clients: Vec<String>,
    documented: String,
    /// The deviation of this emulator, or `None` without one.
    ours: Option<String>,
    /// The deviation of the official emulator.
    official: Option<String>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Judged {
    Ours,
    Official,
}

/// The findings of one client about a feature.
#[derive(Clone, Deserialize)]
pub(crate) struct Finding {
    pub(crate) feature: String,
    pub(crate) client: String,
    ok: bool,
    detail: String,
    #[serde(rename = "ms")]
    _milliseconds: u64,
}

impl Finding {
    pub(crate) fn new(feature: &str, client: &str, fault: Option<String>) -> Self {
        Self {
            feature: feature.to_owned(),
            client: client.to_owned(),
            ok: fault.is_none(),
            detail: fault.unwrap_or_default(),
            _milliseconds: 0,
        }
    }
}

impl Feature {
    fn deviation(&self, judged: Judged) -> Option<&str> {
        match judged {
            Judged::Ours => self.ours.as_deref(),
            Judged::Official => self.official.as_deref(),
        }
    }
}

pub(crate) fn features() -> Vec<Feature> {
    serde_json::from_str(DATA).unwrap()
}

/// Describes a finding that differs from the table; `None` if it does not.
pub(crate) fn difference(features: &[Feature], judged: Judged, found: &Finding) -> Option<String> {
    let Finding {
        feature: name,
        client,
        detail,
        ..
    } = found;
    let Some(feature) = features.iter().find(|feature| feature.name == *name) else {
        return Some(format!("{client} {name}: not in features.json"));
    };
    match (feature.deviation(judged), found.ok) {
        (None, false) => Some(format!("{client} {name}: FAILS: {detail}")),
        (Some(deviation), true) => Some(format!(
            "{client} {name}: works, though features.json says {deviation:?}: remove that if it is so for every client"
        )),
        (None, true) | (Some(_), false) => None,
    }
}

/// Returns the features that no client has checked.
pub(crate) fn missing(features: &[Feature], findings: &[Finding]) -> Vec<String> {
    let found: BTreeSet<_> = findings
        .iter()
        .map(|found| (&found.feature, &found.client))
        .collect();
    let wanted = features.iter().flat_map(|feature| {
        feature
            .clients
            .iter()
            .map(move |client| (&feature.name, client))
    });
    wanted
        .filter(|pair| !found.contains(pair))
        .map(|(name, client)| format!("{client} {name}: was not checked"))
        .collect()
}

fn table(features: &[Feature]) -> String {
    let mut table = String::from(
        "| feature | real service as documented | this emulator | official emulator 0.8.20 |\n|---|---|---|---|\n",
    );
    for feature in features {
        let [ours, official] =
            [Judged::Ours, Judged::Official].map(|judged| feature.deviation(judged).unwrap_or("✓"));
        let (name, documented) = (&feature.name, &feature.documented);
        table += &format!("| {name} | {documented} | {ours} | {official} |\n");
    }
    table
}

#[test]
fn the_readme_shows_the_table() {
    let table = table(&features());
    let shown = README
        .split_once(BEGIN)
        .and_then(|(_, rest)| rest.split_once(END));
    let shown = shown
        .unwrap_or_else(|| panic!("emulator/README.md lacks {BEGIN:?} and {END:?}"))
        .0;
    assert!(
        shown == table,
        "emulator/README.md, between its markers, should have:\n{table}"
    );
}

#[test]
fn no_feature_stands_twice() {
    let features = features();
    let names: BTreeSet<_> = features.iter().map(|feature| &feature.name).collect();
    assert_eq!(names.len(), features.len());
}

#[test]
fn a_difference_is_found_both_ways() {
    let features: Vec<Feature> = serde_json::from_str(
        r#"[{"feature": "a", "clients": ["python", "node"], "documented": "x", "official": "not"}]"#,
    )
    .unwrap();
    let check = |judged, fault: Option<&str>, expected: Option<&str>| {
        let found = Finding::new("a", "python", fault.map(str::to_owned));
        let difference = difference(&features, judged, &found);
        match expected {
            None => assert_eq!(difference, None),
            Some(part) => assert!(difference.unwrap().contains(part)),
        }
    };
    check(Judged::Ours, None, None);
    check(
        Judged::Ours,
        Some("a fault"),
        Some("python a: FAILS: a fault"),
    );
    check(Judged::Official, Some("a fault"), None);
    check(Judged::Official, None, Some("python a: works"));
    let found = [Finding::new("a", "python", None)];
    assert_eq!(missing(&features, &found), ["node a: was not checked"]);
    let stranger = Finding::new("b", "node", None);
    assert!(
        difference(&features, Judged::Ours, &stranger)
            .unwrap()
            .contains("not in")
    );
}
