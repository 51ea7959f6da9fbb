//! The form of Google's command: `gcloud beta emulators pubsub start --host-port HOST:PORT`, and `env-init`.
//!
//! Tools that start Google's emulator give flags of gcloud, and wait for one of its log lines.

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{CommandFactory, Parser};

use super::Arguments;

/// The prefix of gcloud, which starts each line of the log.
pub(crate) const PREFIX: &str = "[pubsub] ";
/// Flags of gcloud that mean something else here.
const DATA_FOLDER: &str = "--data-dir";
const ENVIRONMENT: &str = "env.yaml";

/// The command line.
pub(crate) enum Invocation {
    /// The emulator with flags of its own.
    Own(Box<Arguments>),
    /// `gcloud beta emulators pubsub start`.
    Start(Box<Arguments>, Gcloud),
    /// `gcloud beta emulators pubsub env-init`.
    EnvInit(Gcloud),
}

/// The flags of gcloud that have an effect in the form of its command only.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Gcloud {
    /// The folder of the file that `env-init` reads. Google's emulator keeps nothing else there.
    folder: Option<PathBuf>,
    /// The flags that have no effect.
    pub(crate) ignored: Vec<String>,
}

impl Invocation {
    /// Reads the command line, or exits with the help or an error of usage.
    pub(crate) fn parse(words: impl Iterator<Item = OsString>) -> Self {
        let words: Vec<OsString> = words.collect();
        let Some((verb, flags)) = after_verb(&words) else {
            return Self::Own(Box::new(Arguments::parse_from(words)));
        };
        let (known, gcloud) = sort_out(&flags);
        if verb == "env-init" {
            return Self::EnvInit(gcloud);
        }
        let program = words.into_iter().next().unwrap_or_default();
        let known = known.into_iter().map(OsString::from);
        let mut arguments = Arguments::parse_from(std::iter::once(program).chain(known));
        // It is given in containers, whose port is published by the tool.
        arguments.allow_remote = true;
        Self::Start(Box::new(arguments), gcloud)
    }
}

impl Gcloud {
    /// Records the address for `env-init`.
    pub(crate) fn save(&self, host: &str) -> std::io::Result<()> {
        let folder = self.folder();
        std::fs::create_dir_all(&folder)?;
        let text = format!("---\nPUBSUB_EMULATOR_HOST: {host}\n");
        std::fs::write(folder.join(ENVIRONMENT), text)
    }

    /// Prints the variable that clients read, for a shell.
    pub(crate) fn print(&self, output: &mut impl Write) -> std::io::Result<()> {
        let file = self.folder().join(ENVIRONMENT);
        let text = std::fs::read_to_string(&file)
            .map_err(|error| std::io::Error::new(error.kind(), unread(&file, &error)))?;
        let mut lines = text.lines();
        let host = lines.find_map(|line| line.strip_prefix("PUBSUB_EMULATOR_HOST: "));
        writeln!(
            output,
            "export PUBSUB_EMULATOR_HOST={}",
            host.unwrap_or_default()
        )
    }

    fn folder(&self) -> PathBuf {
        let default = || std::env::temp_dir().join("pubsub-emulator");
        self.folder.clone().unwrap_or_else(default)
    }
}

fn unread(file: &Path, error: &std::io::Error) -> String {
    format!(
        "{}: {error}: expected the address of an emulator, which `start` writes with the same {DATA_FOLDER}",
        file.display()
    )
}

/// Returns the verb of `emulators pubsub VERB` and all flags, if the words have this form.
fn after_verb(words: &[OsString]) -> Option<(String, Vec<String>)> {
    let mut flags: Vec<String> = words
        .iter()
        .skip(1)
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let at = flags.windows(3).position(|three| {
        matches!(three, [group, service, verb]
            if group == "emulators" && service == "pubsub" && !verb.starts_with('-'))
    })?;
    let verb = flags.drain(at..at + 3).next_back()?;
    let is_track = |word: &String| word == "alpha" || word == "beta";
    if let Some(before) = at.checked_sub(1)
        && flags.get(before).is_some_and(is_track)
    {
        flags.remove(before);
    }
    ["start", "env-init"]
        .contains(&verb.as_str())
        .then_some((verb, flags))
}

/// Separates flags of the emulator from those of gcloud, whose value may be a word of its own.
fn sort_out(words: &[String]) -> (Vec<String>, Gcloud) {
    let (mut known, mut gcloud) = (Vec::new(), Gcloud::default());
    let mut words = words.iter().peekable();
    while let Some(word) = words.next() {
        let (flag, mut value) = match word.split_once('=') {
            Some((flag, value)) => (flag, Some(value.to_owned())),
            None => (word.as_str(), None),
        };
        if value.is_none() && takes_value(flag) {
            value = words.next_if(|next| !next.starts_with('-')).cloned();
        }
        if flag == DATA_FOLDER {
            gcloud.folder = value.map(PathBuf::from);
        } else if is_known(flag) {
            known.push(flag.to_owned());
            known.extend(value);
        } else {
            gcloud.ignored.push(flag.to_owned());
        }
    }
    (known, gcloud)
}

fn is_known(flag: &str) -> bool {
    let command = Arguments::command();
    let mut long = command.get_arguments().filter_map(|each| each.get_long());
    let name = flag.strip_prefix("--");
    name == Some("help") || long.any(|known| name == Some(known))
}

/// Returns true if the word after this flag may be its value, as of all unknown flags.
fn takes_value(flag: &str) -> bool {
    let command = Arguments::command();
    let mut all = command.get_arguments();
    let name = flag.strip_prefix("--");
    let known = all.find(|each| each.get_long().is_some() && each.get_long() == name);
    known.is_none_or(|known| known.get_action().takes_values())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    fn started(line: &str) -> (Arguments, Gcloud) {
        match Invocation::parse(words(line).into_iter()) {
            Invocation::Start(arguments, gcloud) => (*arguments, gcloud),
            _ => panic!("{line} is no start"),
        }
    }

    #[test]
    fn flags_have_both_spellings() {
        for line in [
            "gcloud beta emulators pubsub start --host-port 0.0.0.0:8085 --project shop",
            "gcloud beta emulators pubsub start --host-port=0.0.0.0:8085 --project=shop",
            "gcloud --project=shop alpha emulators pubsub start --host-port=0.0.0.0:8085",
            "emulator emulators pubsub start --project shop --host-port=0.0.0.0:8085",
        ] {
            let (arguments, gcloud) = started(line);
            assert_eq!(arguments.host_port.to_string(), "0.0.0.0:8085", "{line}");
            assert_eq!(arguments.project.as_deref(), Some("shop"), "{line}");
            assert!(arguments.allow_remote, "{line}");
            assert_eq!(gcloud, Gcloud::default(), "{line}");
        }
    }

    #[test]
    fn flags_of_gcloud_without_effect_are_ignored() {
        let line = "gcloud --quiet beta emulators pubsub start --verbosity debug --log-http --eager --data-dir /data";
        let (arguments, gcloud) = started(line);
        assert!(arguments.eager);
        assert_eq!(arguments.data_dir, None, "Google's keeps no messages");
        assert_eq!(gcloud.folder, Some(PathBuf::from("/data")));
        assert_eq!(gcloud.ignored, ["--quiet", "--verbosity", "--log-http"]);
    }

    #[test]
    fn other_words_are_no_form_of_gcloud() {
        for line in [
            "emulator --project emulators",
            "gcloud emulators pubsub stop",
            "gcloud emulators firestore start",
        ] {
            assert!(after_verb(&words(line)).is_none(), "{line}");
        }
    }
}
