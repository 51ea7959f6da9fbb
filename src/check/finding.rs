//! What a check finds, in the words that people and scripts read.

use serde::Serialize;

/// Whether a deploy should stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Level {
    /// It goes wrong.
    Error,
    /// It may go wrong, or is most likely not meant.
    Warning,
}

/// One thing that is checked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    /// Its name for scripts: it never changes.
    pub(crate) id: &'static str,
    pub(crate) level: Level,
    /// What must hold.
    pub(crate) meaning: &'static str,
    /// What happens where it does not.
    pub(crate) why: &'static str,
}

/// One place where a rule does not hold.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Finding {
    pub(crate) level: Level,
    pub(crate) rule: &'static str,
    /// A subscription, a topic, a message type, a file or a resource's address.
    pub(crate) subject: String,
    pub(crate) what: String,
    pub(crate) why: String,
    pub(crate) mend: String,
}

impl Rule {
    /// It does not hold for this subject.
    pub(crate) fn found(
        &self,
        subject: impl Into<String>,
        what: impl Into<String>,
        mend: impl Into<String>,
    ) -> Finding {
        Finding {
            level: self.level,
            rule: self.id,
            subject: subject.into(),
            what: what.into(),
            why: self.why.into(),
            mend: mend.into(),
        }
    }
}

impl Finding {
    /// With a reason of its own.
    pub(crate) fn because(self, why: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            ..self
        }
    }
}

impl Level {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}
