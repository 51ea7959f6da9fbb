//! `pushgate check`: finds inconsistencies before a deploy, without settings, store or network.

use std::error::Error;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::json;

use super::generate::Root;
use super::process::print;
use crate::check::{Counts, Finding, Input, LIMIT_BYTES, Level, Plan, PlanError, RULES, findings};
use crate::package::invocation;
use crate::service::Service;

/// The version of the form of `--json`. New fields do not change it; changed or removed ones do.
const VERSION: u32 = 2;
/// The exit code after findings.
const FOUND: u8 = 1;
/// The exit code if nothing could be checked. clap exits with it after wrong arguments.
pub(super) const NOT_CHECKED: u8 = 2;

/// The end of `--help`.
pub(super) const EXIT_CODES: &str = "Exit codes:
  0  nothing was found, or only warnings without --strict
  1  something was found
  2  it could not be checked: a file cannot be read, the plan is invalid, the arguments are wrong";

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    root: Root,
    /// Also compare with a plan or state: a file with the output of `terraform show -json`, or - for the standard input
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// Print the findings as versioned JSON, even if there are none
    #[arg(long)]
    json: bool,
    /// Fail on warnings, too
    #[arg(long)]
    strict: bool,
    /// Accept a known warning, of one subject or of all; may be repeated
    #[arg(long, value_name = "RULE[=SUBJECT]", value_parser = accepted)]
    accept: Vec<Accepted>,
    /// Print all rules with their meanings, and check nothing
    #[arg(long)]
    rules: bool,
}

/// A warning that is known and accepted.
#[derive(Clone)]
struct Accepted {
    rule: &'static str,
    subject: Option<String>,
}

/// An error that prevents the check.
#[derive(Debug, thiserror::Error)]
enum CheckError {
    #[error("cannot read {}", .0.display())]
    Unreadable(PathBuf, #[source] io::Error),
    #[error("cannot use the plan or state {}", .0.display())]
    Plan(PathBuf, #[source] PlanError),
}

pub(super) fn run(service: &Service, arguments: &Arguments) -> Result<ExitCode, Box<dyn Error>> {
    if arguments.rules {
        print(&rules(arguments.json)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let project = arguments.root.find(&service.package)?;
    let plan = arguments.plan.as_deref().map(read).transpose()?;
    let faults = service.faults();
    let input = Input {
        subscribers: &service.subscribers,
        faults: &faults,
        project: &project,
        plan: plan.as_ref(),
    };
    let all = findings(&input)?;
    let found: Vec<&Finding> = all
        .iter()
        .filter(|finding| {
            !arguments
                .accept
                .iter()
                .any(|accepted| accepted.covers(finding))
        })
        .collect();
    let accepted = all.len() - found.len();
    let counts = Counts::of(&input);
    let text = if arguments.json {
        document(&found, accepted, &counts)?
    } else {
        report(&found, accepted, &counts)
    };
    print(&text)?;
    let is_bad = |finding: &&Finding| arguments.strict || finding.level == Level::Error;
    Ok(if found.iter().any(is_bad) {
        ExitCode::from(FOUND)
    } else {
        ExitCode::SUCCESS
    })
}

fn read(path: &Path) -> Result<Plan, CheckError> {
    let failed = |error| CheckError::Unreadable(path.to_owned(), error);
    let source: Box<dyn Read> = if path == Path::new("-") {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(path).map_err(failed)?)
    };
    let mut text = Vec::new();
    let most = u64::try_from(LIMIT_BYTES).unwrap_or(u64::MAX);
    let mut source = source.take(most.saturating_add(1));
    source.read_to_end(&mut text).map_err(failed)?;
    Plan::read(&text).map_err(|error| CheckError::Plan(path.to_owned(), error))
}

fn accepted(text: &str) -> Result<Accepted, String> {
    let (id, subject) = match text.split_once('=') {
        Some((id, subject)) => (id, Some(subject.to_owned())),
        None => (text, None),
    };
    match RULES.iter().find(|rule| rule.id == id) {
        Some(rule) if rule.level == Level::Warning => Ok(Accepted {
            rule: rule.id,
            subject,
        }),
        Some(_) => Err("an error cannot be accepted, only a warning".into()),
        None => Err(format!("no such rule: see {} check --rules", invocation())),
    }
}

impl Accepted {
    fn covers(&self, finding: &Finding) -> bool {
        self.rule == finding.rule
            && self
                .subject
                .as_ref()
                .is_none_or(|subject| *subject == finding.subject)
    }
}

fn rules(is_json: bool) -> Result<String, serde_json::Error> {
    if is_json {
        let rules: Vec<_> = RULES
            .iter()
            .map(|rule| json!({"rule": rule.id, "level": rule.level, "meaning": rule.meaning, "why": rule.why}))
            .collect();
        return pretty(&json!({"version": VERSION, "rules": rules}));
    }
    let mut text = String::new();
    for rule in RULES {
        let _ = writeln!(
            text,
            "{} ({})\n  {}\n  why: {}\n",
            rule.id,
            rule.level.name(),
            rule.meaning,
            rule.why
        );
    }
    Ok(text)
}

fn document(
    found: &[&Finding],
    accepted: usize,
    counts: &Counts,
) -> Result<String, serde_json::Error> {
    pretty(&json!({
        "version": VERSION,
        "checked": counts,
        "errors": number_of(found, Level::Error),
        "warnings": number_of(found, Level::Warning),
        "accepted": accepted,
        "findings": found,
    }))
}

fn pretty(document: &serde_json::Value) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(document).map(|text| text + "\n")
}

fn number_of(found: &[&Finding], level: Level) -> usize {
    found.iter().filter(|each| each.level == level).count()
}

fn report(found: &[&Finding], accepted: usize, counts: &Counts) -> String {
    let mut text = String::new();
    for finding in found {
        let _ = writeln!(
            text,
            "{}: {} ({})\n  what: {}\n  why:  {}\n  fix:  {}\n",
            finding.level.name(),
            plain(&finding.subject),
            finding.rule,
            plain(&finding.what),
            plain(&finding.why),
            plain(&finding.fix)
        );
    }
    let (errors, warnings) = (
        number_of(found, Level::Error),
        number_of(found, Level::Warning),
    );
    let found = match (errors, warnings) {
        (0, 0) => "nothing found".to_owned(),
        _ => format!(
            "{}, {}",
            counted(errors, "error"),
            counted(warnings, "warning")
        ),
    };
    let accepted = match accepted {
        0 => String::new(),
        number => format!(", {} accepted", counted(number, "warning")),
    };
    let plan = counts.resources.map_or_else(
        || "no plan".to_owned(),
        |resources| format!("a plan or state of {}", counted(resources, "resource")),
    );
    let _ = writeln!(
        text,
        "{found}{accepted}: {} checked against {}, {}, {}, {}, the generated files and {plan}",
        counted(counts.rules, "rule"),
        counted(counts.subscriptions, "subscription"),
        counted(counts.topics, "topic"),
        counted(counts.schedules, "schedule"),
        counted(counts.types, "message type"),
    );
    text
}

fn counted(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// Escapes control characters: a plan may hold sequences that change a terminal.
fn plain(text: &str) -> String {
    let escaped = |each: char| {
        if each.is_control() {
            each.escape_default().to_string()
        } else {
            each.to_string()
        }
    };
    text.chars().map(escaped).collect()
}
