//! The files of a new service, in `service/`, and the names in them.

use super::Origin;
use super::workspace::Workspace;

/// The packages that a new service uses, whose names it cannot have.
pub(super) const DEPENDENCIES: [&str; 8] = [
    "emulator",
    "pushgate",
    "pushgate-emulator",
    "schemars",
    "serde",
    "serde_json",
    "tokio",
    "validator",
];

/// Stands in the source of Terraform's module while the package names no repository.
pub(super) const REPOSITORY_UNKNOWN: &str = "URL-OF-PUSHGATE";

const FILES: [(&str, &str); 11] = [
    ("Cargo.toml", include_str!("service/Cargo.toml.in")),
    ("Dockerfile", include_str!("service/Dockerfile.in")),
    ("README.md", include_str!("service/README.md.in")),
    ("src/lib.rs", include_str!("service/src/lib.rs.in")),
    ("src/main.rs", include_str!("service/src/main.rs.in")),
    (
        "src/messages.rs",
        include_str!("service/src/messages.rs.in"),
    ),
    ("src/orders.rs", include_str!("service/src/orders.rs.in")),
    ("src/outbox.rs", include_str!("service/src/outbox.rs.in")),
    (
        "terraform/main.tf",
        include_str!("service/terraform/main.tf.in"),
    ),
    ("terraform/.gitignore", ".terraform/\n*.tfstate*\n"),
    (
        "tests/orders.rs",
        include_str!("service/tests/orders.rs.in"),
    ),
];

/// The files of a service that is a workspace itself.
const OF_WORKSPACE: [(&str, &str); 3] = [
    (".dockerignore", "target\n.git\n**/terraform\n"),
    (
        ".github/workflows/ci.yml",
        include_str!("service/ci.yml.in"),
    ),
    (".gitignore", "/target\n"),
];

/// The names in the files of a service.
pub(super) struct Names {
    pub(super) name: String,
    /// The arguments that choose the package, with a space before them; empty if the service is the workspace.
    pub(super) select: String,
    /// The source of Terraform's module.
    pub(super) module: String,
    is_workspace: bool,
    folder: String,
    pushgate: String,
}

impl Names {
    pub(super) fn new(name: &str, origin: &Origin, workspace: &Workspace) -> Self {
        let version = env!("CARGO_PKG_VERSION");
        let (pushgate, module) = match origin {
            Origin::Published => {
                let repository = match env!("CARGO_PKG_REPOSITORY") {
                    "" => REPOSITORY_UNKNOWN,
                    repository => repository,
                };
                let version_of = format!("version = {version:?}");
                let module = format!("git::{repository}//terraform?ref=v{version}");
                (version_of, module)
            }
            Origin::Path(path) => {
                let path = path.display().to_string();
                (format!("path = {path:?}"), format!("{path}/terraform"))
            }
            Origin::Git(url) => {
                let git = format!("git = {url:?}");
                (git, format!("git::{url}//terraform"))
            }
        };
        Self {
            name: name.to_owned(),
            select: match workspace.is_new {
                true => String::new(),
                false => format!(" -p {name}"),
            },
            module,
            is_workspace: workspace.is_new,
            folder: workspace.folder.clone(),
            pushgate,
        }
    }

    fn filled(&self, template: &str) -> String {
        let workspace = match self.is_workspace {
            true => "\n\n[workspace]",
            false => "",
        };
        [
            ("name", &*self.name),
            ("crate", &self.name.replace('-', "_")),
            ("select", &self.select),
            ("folder", &self.folder),
            ("pushgate", &self.pushgate),
            ("module", &self.module),
            ("workspace", workspace),
            ("rust", env!("CARGO_PKG_RUST_VERSION")),
        ]
        .iter()
        .fold(template.to_owned(), |text, (name, value)| {
            let place = format!("{{{{{}}}}}", name);
            text.replace(&place, value)
        })
    }
}

/// Returns the files of a service: their paths from its folder, and their texts.
pub(super) fn files(names: &Names) -> impl Iterator<Item = (&'static str, String)> {
    let of_workspace = OF_WORKSPACE.iter().filter(|_| names.is_workspace);
    let all = FILES.iter().chain(of_workspace);
    all.map(|(path, template)| (*path, names.filled(template)))
}
