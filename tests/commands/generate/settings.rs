//! The paths of derived files, which are settings of the service's package.

use super::generate;
use crate::harness::repository::Copy;

/// A folder with the settings of a package and nothing else.
fn package(settings: &str) -> Copy {
    let copy = Copy::of(&[]);
    copy.put(
        "Cargo.toml",
        format!("[package]\nname = \"shop\"\n\n[package.metadata.pushgate]\n{settings}\n"),
    );
    copy
}

#[tokio::test]
async fn the_paths_of_derived_files_are_settings() {
    let copy = package(
        "root = \"derived\"
alerts = \"alerts.yml\"
asyncapi = \"api/asyncapi.yaml\"
dashboard = \"dashboard.json\"
describe-schema = \"describe.json\"
documents = \"api/docs/README.md\"
released = \"api/released\"
schemas = \"api/types\"
terraform = \"main.auto.tfvars.json\"",
    );
    std::fs::create_dir(copy.root.join("derived")).expect("a folder");
    let ended = generate(&copy.root, &["--release"]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let mut files = copy.files();
    files.retain(|path| !path.starts_with("derived/api/released/"));
    files.retain(|path| !path.starts_with("derived/api/types/"));
    assert_eq!(
        Vec::from_iter(files),
        [
            "Cargo.toml",
            "derived/alerts.yml",
            "derived/api/asyncapi.yaml",
            "derived/api/docs/README.md",
            "derived/dashboard.json",
            "derived/describe.json",
            "derived/main.auto.tfvars.json",
        ]
    );
    let asyncapi = copy.read("derived/api/asyncapi.yaml");
    assert!(asyncapi.contains("./types/OrderPlaced.json"), "{asyncapi}");
    assert!(asyncapi.contains("docs/README.md"));
    let documents = copy.read("derived/api/docs/README.md");
    assert!(documents.contains("(../types/OrderPlaced.json)"));
    assert!(documents.contains("(../asyncapi.yaml)"));
    let released = copy.root.join("derived/api/released/OrderPlaced.json");
    assert!(released.is_file());
    assert_eq!(generate(&copy.root, &["--check"]).await.code, Some(0));
}

#[tokio::test]
async fn no_folder_has_to_be_made_by_hand() {
    let copy = package("");
    let ended = generate(&copy.root, &[]).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(copy.files().contains("m2m/README.md"));
}

#[tokio::test]
async fn a_setting_that_does_not_exist_is_named_with_its_file() {
    let copy = package("document = \"README.md\"");
    let ended = generate(&copy.root, &[]).await;
    assert_eq!(ended.code, Some(1));
    for part in [
        "[package.metadata.pushgate] of ",
        "Cargo.toml",
        "`document`",
        "`documents`",
    ] {
        assert!(ended.stderr.contains(part), "{part}: {}", ended.stderr);
    }
}
