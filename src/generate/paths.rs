//! The paths of derived files: the settings in a package's `Cargo.toml`.

use std::path::{Component, Path};

use serde::Deserialize;

/// The end of `generate --help`: the settings with their defaults.
pub(crate) const HELP: &str = r#"Settings, in the service's Cargo.toml, with their defaults. The root begins at the folder of that file, the others at the root:

  [package.metadata.pushgate]
  root = "."
  alerts = "deploy/prometheus-alerts.yml"                 # rules for Prometheus
  asyncapi = "m2m/asyncapi.yaml"
  dashboard = "deploy/grafana-dashboard.json"
  describe-schema = "docs/describe.schema.json"           # the JSON Schema of `describe`
  documents = "m2m/README.md"                             # the part between two markers
  released = "m2m/released"                               # the folder of --release
  schemas = "m2m/schemas"                                 # the folder of a JSON Schema for each message type
  terraform = "terraform/subscriptions.auto.tfvars.json"  # the variables of the module"#;

/// The paths of derived files, from the root; the root is named from the package's folder.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Paths {
    pub(crate) root: String,
    pub(crate) alerts: String,
    pub(crate) asyncapi: String,
    pub(crate) dashboard: String,
    pub(crate) describe_schema: String,
    pub(crate) documents: String,
    pub(crate) released: String,
    pub(crate) schemas: String,
    pub(crate) terraform: String,
}

impl Default for Paths {
    fn default() -> Self {
        Self {
            root: ".".into(),
            alerts: "deploy/prometheus-alerts.yml".into(),
            asyncapi: "m2m/asyncapi.yaml".into(),
            dashboard: "deploy/grafana-dashboard.json".into(),
            describe_schema: "docs/describe.schema.json".into(),
            documents: "m2m/README.md".into(),
            released: "m2m/released".into(),
            schemas: "m2m/schemas".into(),
            terraform: "terraform/subscriptions.auto.tfvars.json".into(),
        }
    }
}

impl Paths {
    /// Finds a path that leaves the root, or that two settings have.
    pub(super) fn check(&self) -> Result<(), String> {
        let all = self.named();
        for (index, (name, path)) in all.iter().enumerate() {
            let mut parts = Path::new(path).components();
            if path.is_empty() || !parts.all(|part| matches!(part, Component::Normal(_))) {
                return Err(format!(
                    "{name} is {path:?}, expected a path below root, such as \"docs/{name}\""
                ));
            }
            let earlier = all.iter().take(index);
            if let Some((other, _)) = earlier.clone().find(|(_, earlier)| earlier == path) {
                return Err(format!(
                    "{other} and {name} are both {path:?}, expected two paths"
                ));
            }
        }
        Ok(())
    }

    fn named(&self) -> [(&'static str, &str); 8] {
        [
            ("alerts", &self.alerts),
            ("asyncapi", &self.asyncapi),
            ("dashboard", &self.dashboard),
            ("describe-schema", &self.describe_schema),
            ("documents", &self.documents),
            ("released", &self.released),
            ("schemas", &self.schemas),
            ("terraform", &self.terraform),
        ]
    }
}

/// Returns the link from a file to another path, both from the root.
pub(super) fn link(from: &str, to: &str) -> String {
    let folders: Vec<&str> = from.split('/').rev().skip(1).collect();
    let folders: Vec<&str> = folders.into_iter().rev().collect();
    let parts: Vec<&str> = to.split('/').collect();
    let same = folders.iter().zip(&parts);
    let same = same.take_while(|(one, other)| one == other).count();
    let up = folders.iter().skip(same).map(|_| "..");
    let down = parts.iter().skip(same).copied();
    up.chain(down).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> String {
        let paths: Paths = toml::from_str(text).expect("settings");
        paths.check().expect_err("a fault")
    }

    #[test]
    fn the_help_lists_every_setting_with_its_default() {
        #[derive(Deserialize)]
        struct Help {
            package: Package,
        }
        #[derive(Deserialize)]
        struct Package {
            metadata: std::collections::BTreeMap<String, toml::Table>,
        }
        let (_, settings) = HELP.split_once("\n\n").expect("settings");
        let help: Help = toml::from_str(settings).expect("TOML");
        let listed = &help.package.metadata["pushgate"];
        assert_eq!(listed.len(), Paths::default().named().len() + 1);
        let listed: Paths = listed.clone().try_into().expect("settings");
        assert_eq!(listed, Paths::default());
    }

    #[test]
    fn a_path_outside_the_root_is_refused() {
        for path in ["../README.md", "/README.md", "", "./m2m"] {
            let found = fault(&format!("documents = {path:?}"));
            assert!(
                found.contains("documents is") && found.contains("expected a path below root"),
                "{found}"
            );
        }
    }

    #[test]
    fn two_settings_with_one_path_are_refused() {
        let found = fault("alerts = \"one\"\ndashboard = \"one\"");
        assert!(
            found.contains("alerts and dashboard are both \"one\""),
            "{found}"
        );
    }

    #[test]
    fn links_begin_at_the_folder_of_the_file() {
        for (from, to, expected) in [
            (
                "m2m/README.md",
                "m2m/schemas/Mail.json",
                "schemas/Mail.json",
            ),
            ("m2m/README.md", "src/mail.rs", "../src/mail.rs"),
            ("README.md", "src/mail.rs", "src/mail.rs"),
            ("docs/m2m/README.md", "docs/mail.yaml", "../mail.yaml"),
        ] {
            assert_eq!(link(from, to), expected, "{from} {to}");
        }
    }
}
