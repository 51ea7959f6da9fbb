//! Dockerfile, compose.yml and cloudbuild.yaml are well formed, and agree with the repository and with each other.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::harness::official::option;

const DOCKERFILE: &str = include_str!("../../../Dockerfile");
const IGNORED: &str = include_str!("../../../.dockerignore");
const CLOUD_BUILD: &str = include_str!("../../../cloudbuild.yaml");
const WORKSPACE: &str = include_str!("../../../Cargo.toml");
const TOOLCHAIN: &str = include_str!("../../../rust-toolchain.toml");

/// The repository.
pub(super) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Returns compose.yml as Docker Compose reads it, with all profiles.
pub(super) fn composed() -> Value {
    let printed = tool(
        "docker-compose",
        &["--profile", "*", "config", "--format", "json"],
    );
    serde_json::from_str(&printed).expect("JSON")
}

/// Runs a program in `PUSHGATE_TEST_TOOLS`, which must succeed, and returns its output.
fn tool(name: &str, arguments: &[&str]) -> String {
    let program = Path::new(&option("PUSHGATE_TEST_TOOLS")).join(name);
    // An empty environment leaves compose.yml its defaults.
    let variables = ["PUSHGATE_STORE", "FIRESTORE_EMULATOR_HOST"];
    let mut command = Command::new(&program);
    variables.iter().for_each(|name| {
        command.env_remove(name);
    });
    let output = command.args(arguments).current_dir(root()).output();
    let output = output.unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{printed}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    printed
}

#[test]
#[ignore = "needs tools that ./test installs"]
fn the_linters_of_the_formats_find_nothing() {
    tool("hadolint", &["Dockerfile"]);
    tool(
        "check-jsonschema",
        &["--builtin-schema", "vendor.compose-spec", "compose.yml"],
    );
    tool(
        "check-jsonschema",
        &["--builtin-schema", "vendor.cloudbuild", "cloudbuild.yaml"],
    );
    tool("shellcheck", &["deploy/canary"]);
}

/// The sources of each `COPY` from the context.
fn copied() -> Vec<&'static str> {
    let copies = DOCKERFILE
        .lines()
        .filter_map(|line| line.strip_prefix("COPY "));
    let from_context = copies.filter(|copy| !copy.starts_with("--from"));
    let sources = |copy: &'static str| {
        let words = copy.split_whitespace();
        let words: Vec<_> = words.filter(|word| !word.starts_with("--")).collect();
        words[..words.len() - 1].to_vec()
    };
    from_context.flat_map(sources).collect()
}

#[test]
fn the_builder_gets_only_files_that_the_dockerfile_copies() {
    let mut patterns = IGNORED.lines().filter(|line| !line.starts_with('#'));
    assert_eq!(
        patterns.next(),
        Some("*"),
        "everything is left out at first"
    );
    let let_in: Vec<_> = patterns
        .map(|line| line.strip_prefix('!').expect(line))
        .collect();
    let sources = copied();
    assert!(sources.len() > 5, "{sources:?}");
    for source in &sources {
        assert!(
            root().join(source).exists(),
            "COPY {source}: it does not exist"
        );
        let is_let_in = let_in
            .iter()
            .any(|path| Path::new(source).starts_with(path));
        assert!(is_let_in, "COPY {source}: .dockerignore leaves it out");
    }
    for path in let_in {
        assert!(
            sources
                .iter()
                .any(|source| Path::new(source).starts_with(path)),
            "!{path}: nobody copies it"
        );
    }
}

/// The text between the first `before` and the next `after`.
fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let rest = text
        .split_once(before)
        .unwrap_or_else(|| panic!("{before} is not there"))
        .1;
    rest.split_once(after).expect(after).0
}

#[test]
fn the_layer_of_dependencies_knows_every_crate_of_the_workspace() {
    let members = between(WORKSPACE, "members = [", "]");
    let members = members
        .split(',')
        .map(|member| member.trim().trim_matches('"'));
    for member in members.filter(|member| *member != ".") {
        let manifest = format!("COPY {member}/Cargo.toml {member}/");
        assert!(DOCKERFILE.contains(&manifest), "{manifest} is missing");
    }
}

/// Runs the stage `manifests` without an engine. Without a valid workspace in it no image can be built.
#[test]
fn the_lock_file_fits_the_layer_of_manifests() {
    let folder = std::env::temp_dir().join(format!("pushgate-layer-{}", std::process::id()));
    let stage = between(DOCKERFILE, " AS manifests\n", "\nFROM").replace("\\\n", "");
    let in_folder = |program: &str, arguments: &[&str]| {
        let status = Command::new(program)
            .args(arguments)
            .current_dir(&folder)
            .output();
        let status = status.expect("it runs");
        assert!(
            status.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&status.stderr)
        );
    };
    std::fs::create_dir_all(&folder).expect("a folder");
    for line in stage.lines() {
        if let Some(copy) = line.strip_prefix("COPY ") {
            let (sources, to) = copy.rsplit_once(' ').expect("a place");
            std::fs::create_dir_all(folder.join(to)).expect("a folder");
            for source in sources.split(' ') {
                let name = Path::new(source).file_name().expect("a name");
                std::fs::copy(root().join(source), folder.join(to).join(name)).expect(source);
            }
        } else if let Some(run) = line.strip_prefix("RUN ") {
            in_folder("sh", &["-euc", run]);
        }
    }
    // Dependencies of other systems may never have been downloaded.
    in_folder(
        "cargo",
        &[
            "metadata",
            "--locked",
            "--offline",
            "--quiet",
            "--format-version=1",
            "--filter-platform=host-tuple",
        ],
    );
    let _ = std::fs::remove_dir_all(&folder);
}

#[test]
fn the_compiler_is_that_of_the_toolchain_file() {
    let version = between(TOOLCHAIN, "channel = \"", "\"");
    let build = between(DOCKERFILE, "ARG BUILD_IMAGE=", "\n");
    assert_eq!(build, format!("rust:{version}-slim-bookworm"));
    let base = between(DOCKERFILE, "ARG BASE_IMAGE=", "\n");
    assert!(
        base.contains("debian12"),
        "bookworm is Debian 12, and the base is {base}"
    );
}

#[test]
#[ignore = "needs tools that ./test installs"]
fn composed_services_are_reached_from_this_machine_only() {
    let composed = composed();
    let services = composed["services"].as_object().expect("services");
    for (name, service) in services {
        for port in service["ports"].as_array().into_iter().flatten() {
            assert_eq!(port["host_ip"], "127.0.0.1", "{name}: {port}");
        }
        for volume in service["volumes"].as_array().into_iter().flatten() {
            let source = volume["source"].as_str().expect("a source");
            let is_there = volume["type"] == "volume" || Path::new(source).exists();
            assert!(is_there, "{name}: {volume}");
        }
        for (awaited, how) in service["depends_on"].as_object().into_iter().flatten() {
            let is_healthy = how["condition"] != "service_healthy";
            assert!(
                is_healthy || services[awaited]["healthcheck"].is_object(),
                "{name} waits for {awaited}"
            );
        }
    }
}

#[test]
#[ignore = "needs tools that ./test installs"]
fn the_composed_service_is_given_settings_that_exist() {
    let composed = composed();
    let names: BTreeSet<_> = pushgate::SETTINGS
        .iter()
        .map(|setting| setting.name)
        .collect();
    let given = composed["services"]["pushgate"]["environment"].as_object();
    for name in given.expect("an environment").keys() {
        assert!(
            names.contains(name.as_str()),
            "{name} is not a setting of pushgate"
        );
    }
}

#[test]
fn the_build_uses_only_targets_that_exist() {
    let build: Value = serde_saphyr::from_str(CLOUD_BUILD).expect("YAML");
    let defined = build["substitutions"].as_object().expect("substitutions");
    let built_in = ["PROJECT_ID", "BUILD_ID", "COMMIT_SHA"];
    let used = CLOUD_BUILD
        .split("${")
        .skip(1)
        .filter_map(|rest| Some(rest.split_once('}')?.0));
    for name in used {
        assert!(
            defined.contains_key(name) || built_in.contains(&name),
            "${{{name}}}"
        );
    }
    for name in defined.keys() {
        assert!(
            CLOUD_BUILD.contains(&format!("${{{name}}}")),
            "{name} is not used"
        );
    }
    let steps = build["steps"].as_array().expect("steps");
    let arguments = steps
        .iter()
        .filter_map(|step| step["args"].as_array())
        .flatten();
    let arguments = arguments.filter_map(Value::as_str);
    let arguments: Vec<_> = arguments.flat_map(str::split_whitespace).collect();
    for argument in &arguments {
        if let Some(target) = argument.strip_prefix("--target=") {
            assert!(DOCKERFILE.contains(&format!(" AS {target}\n")), "{target}");
        }
        if let Some((name, _)) = argument
            .strip_prefix("--build-arg=")
            .and_then(|argument| argument.split_once('='))
        {
            let is_known =
                name == "BUILDKIT_INLINE_CACHE" || DOCKERFILE.contains(&format!("ARG {name}="));
            assert!(is_known, "{name}");
        }
    }
    assert_eq!(build["options"]["logging"], "CLOUD_LOGGING_ONLY");
    for command in ["generate", "check"] {
        assert!(arguments.contains(&command), "{command}");
    }
}
