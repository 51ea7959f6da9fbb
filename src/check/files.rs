//! Generated files, and those of the last release.

use super::finding::Finding;
use super::rules::{BREAKS, EPOCH, FILES, GONE, INCOMPARABLE, KEYS, REMOVES, UNRELEASED};
use crate::generate::Project;
use crate::generate::files::{Staleness, stale};
use crate::generate::released::{
    self, Change, Comparison, Effect, Keys, ReleasedError, Since, released_keys,
};
use crate::loggable::whole_chain;
use crate::package::invocation;
use crate::subscriber::Subscriber;

/// Finds generated files that differ from the declarations.
pub(super) fn generated(subscribers: &[Subscriber], project: &Project) -> Vec<Finding> {
    let fix = format!("run {} generate, and commit what it writes", invocation());
    match stale(subscribers, project) {
        Ok(stale) => stale
            .into_iter()
            .map(|stale| {
                let what = match stale.kind {
                    Staleness::Missing => "it is missing".into(),
                    Staleness::Differs { line, .. } => {
                        format!("it differs from the declarations from line {line} on")
                    }
                    Staleness::Superfluous => "no declaration needs it".into(),
                };
                FILES.found(stale.path.display().to_string(), what, &*fix)
            })
            .collect(),
        Err(error) => vec![FILES.found("generated files", whole_chain(&error), fix)],
    }
}

/// Finds changes that affect publishers of the last release.
pub(super) fn released(
    subscribers: &[Subscriber],
    project: &Project,
) -> Result<Vec<Finding>, ReleasedError> {
    let folder = &project.paths.released;
    let since = match released::compare(subscribers, &project.root.join(folder))? {
        Comparison::Since(since) => since,
        Comparison::Never if released::current(subscribers).is_empty() => return Ok(Vec::new()),
        Comparison::Never => {
            return Ok(vec![UNRELEASED.found(
                folder,
                "no message type was ever released",
                format!(
                    "run {} when this is deployed, and commit what it writes",
                    release()
                ),
            )]);
        }
    };
    let mut findings = Vec::new();
    for (name, since) in since {
        match since {
            Since::Changed(changes) => {
                findings.extend(changes.into_iter().map(|change| changed(&name, &change)));
            }
            Since::Gone => findings.push(GONE.found(
                &name,
                format!("{folder}/{name}.json was released, and no subscriber reads this type"),
                format!("keep a subscriber that reads it, or delete {folder}/{name}.json once no publisher is left"),
            )),
        }
    }
    Ok(findings)
}

/// Finds idempotency keys that differ from the last release. Key functions cannot be compared.
pub(super) fn keys(
    subscribers: &[Subscriber],
    project: &Project,
) -> Result<Vec<Finding>, ReleasedError> {
    let folder = project.root.join(&project.paths.released);
    let mut findings = Vec::new();
    for subscriber in subscribers {
        let Some(released) = released_keys(subscriber, &folder)? else {
            continue;
        };
        let declared = Keys::of(subscriber);
        if !declared.names_as(&released) {
            findings.push(KEYS.found(
                &subscriber.id,
                format!("it names a message by {}, released was {}", declared.shown(), released.shown()),
                format!("revert the change of .idempotency(…); or, if a second run is harmless or no message will be redelivered, run {}", release()),
            ));
        }
        if declared.epoch != released.epoch {
            findings.push(EPOCH.found(
                &subscriber.id,
                format!(
                    "its epoch is {}, released was {}",
                    declared.epoch, released.epoch
                ),
                format!(
                    "if the replay is wanted, run {}; otherwise revert the change of .epoch(…)",
                    release()
                ),
            ));
        }
    }
    Ok(findings)
}

/// Returns the command that makes the current types and keys the released ones.
fn release() -> String {
    format!("{} generate --release", invocation())
}

fn changed(name: &str, change: &Change) -> Finding {
    let what = format!("{}: {}", change.place, change.what);
    match change.effect {
        Effect::Breaks => BREAKS.found(
            name,
            what,
            format!("revert the change, make a new field optional, or read a new type from a new topic; if no old publisher is left, run {}", release()),
        ),
        Effect::Removes => REMOVES.found(
            name,
            what,
            format!("make sure that nothing needs it, inform the publishers, and run {}", release()),
        ),
        Effect::Incomparable => INCOMPARABLE.found(
            name,
            what,
            format!("compare by hand whether old messages still fit, and run {}", release()),
        ),
    }
}
