//! The invariants of ARCHITECTURE.md that say where something does not occur.

use crate::graph::Crate;

/// Paths of other crates that only a few places may name.
struct Absence {
    sentence: &'static str,
    /// Beginnings of files it is about.
    within: &'static [&'static str],
    /// Beginnings of files that are exempt.
    except: &'static [&'static str],
    /// Beginnings of paths.
    paths: &'static [&'static str],
}

const LIBRARY: &[Absence] = &[
    Absence {
        sentence: "no status code of a push outside push/reply",
        within: &["push/", "delivery/"],
        except: &["push/reply"],
        paths: &[
            "axum::http::StatusCode",
            "http::StatusCode",
            "hyper::StatusCode",
        ],
    },
    Absence {
        sentence: "delivery knows no HTTP",
        within: &["delivery/"],
        except: &[],
        paths: &["axum::", "http::", "hyper::", "headers::", "reqwest::"],
    },
    Absence {
        sentence: "the process's environment is read once",
        within: &[""],
        except: &["environment.rs"],
        paths: &["std::env::var"],
    },
    Absence {
        sentence: "the wall clock is read in ten files only: commands/dead_letters/audit, commands/doctor, commands/replay, push/authentication/token, push/forms/unwrapped, telemetry/cloud_logging, telemetry/metrics/subscription, telemetry/spans, dedup/redis/clock and dedup/firestore/calls",
        within: &[""],
        except: &[
            "commands/dead_letters/audit.rs",
            "commands/doctor/mod.rs",
            "commands/replay.rs",
            "push/authentication/token.rs",
            "push/forms/unwrapped.rs",
            "telemetry/cloud_logging.rs",
            "telemetry/metrics/subscription.rs",
            "telemetry/spans.rs",
            "dedup/redis/clock.rs",
            "dedup/firestore/calls.rs",
        ],
        paths: &[
            "std::time::SystemTime::now",
            "std::time::SystemTime::UNIX_EPOCH",
            "std::time::UNIX_EPOCH",
            "time::OffsetDateTime::now_utc",
        ],
    },
    Absence {
        sentence: "the library knows no message of a service",
        within: &[""],
        except: &[],
        paths: &["m2m::", "subscribers::"],
    },
    Absence {
        sentence: "the emulator only behind the features dev and testing",
        within: &[""],
        except: &["commands/dev/", "testing/"],
        paths: &["emulator::"],
    },
];

const EMULATOR: &[Absence] = &[
    Absence {
        sentence: "no time but clock.rs",
        within: &[""],
        except: &["clock.rs"],
        paths: &[
            "std::time::SystemTime::now",
            "std::time::Instant::now",
            "time::OffsetDateTime::now_utc",
            "tokio::time::Instant::now",
        ],
    },
    Absence {
        sentence: "no API status outside api/ and server/",
        within: &[""],
        except: &["api/", "server/"],
        paths: &["tonic::Code", "tonic::Status"],
    },
    Absence {
        sentence: "the process's environment is read by the binary only",
        within: &[""],
        except: &["main.rs", "command/"],
        paths: &["std::env::var"],
    },
    Absence {
        sentence: "the emulator depends on none of our crates",
        within: &[""],
        except: &[],
        paths: &["pushgate::", "m2m::"],
    },
];

#[test]
fn the_library_names_nothing_where_it_must_not() {
    check(&crate::library(), LIBRARY);
}

#[test]
fn the_emulator_names_nothing_where_it_must_not() {
    check(&crate::emulator(), EMULATOR);
}

#[test]
fn the_plan_states_each_absence() {
    let plan = std::fs::read_to_string(crate::root().join("ARCHITECTURE.md")).expect("the plan");
    let plan = plan.split_whitespace().collect::<Vec<_>>().join(" ");
    for absence in LIBRARY.iter().chain(EMULATOR) {
        assert!(plan.contains(absence.sentence), "{}", absence.sentence);
    }
}

#[test]
fn every_package_forbids_unsafe_code() {
    let read = |file: &str| std::fs::read_to_string(crate::root().join(file)).expect("a manifest");
    let workspace = read("Cargo.toml");
    assert!(workspace.contains("[workspace.lints.rust]\nunsafe_code = \"forbid\"\n"));
    let (_, members) = workspace.split_once("members = [").expect("a list");
    let (members, _) = members.split_once(']').expect("its end");
    for member in members
        .split(',')
        .map(|member| member.trim().trim_matches('"'))
    {
        let manifest = read(&format!("{member}/Cargo.toml"));
        assert!(manifest.contains("[lints]\nworkspace = true\n"), "{member}");
    }
}

fn check(checked: &Crate, absences: &[Absence]) {
    let mut faults = Vec::new();
    for (file, line, path) in checked.foreign() {
        let begins =
            |beginnings: &[&str], text: &str| beginnings.iter().any(|one| text.starts_with(one));
        let broken = absences.iter().filter(|absence| {
            begins(absence.within, file)
                && !begins(absence.except, file)
                && begins(absence.paths, &path)
        });
        faults.extend(
            broken.map(|absence| format!("{file}:{line} names {path}: {}", absence.sentence)),
        );
    }
    crate::expect_none(&faults);
}
