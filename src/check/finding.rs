//! Rules and findings.

use serde::Serialize;

/// The severity of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Level {
    /// It fails in production.
    Error,
    /// It may fail, or is probably a mistake.
    Warning,
}

/// A rule.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    /// The name for scripts, which never changes.
    pub(crate) id: &'static str,
    pub(crate) level: Level,
    /// The condition that must hold.
    pub(crate) meaning: &'static str,
    /// The consequence if it does not hold.
    pub(crate) why: &'static str,
}

/// A violation of a rule.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Finding {
    pub(crate) level: Level,
    pub(crate) rule: &'static str,
    /// A subscription, a topic, a message type, a file or a resource's address.
    pub(crate) subject: String,
    pub(crate) what: String,
    pub(crate) why: String,
    pub(crate) fix: String,
}

impl Rule {
    /// Returns a finding for this subject.
    pub(crate) fn found(
        &self,
        subject: impl Into<String>,
        what: impl Into<String>,
        fix: impl Into<String>,
    ) -> Finding {
        Finding {
            level: self.level,
            rule: self.id,
            subject: subject.into(),
            what: what.into(),
            why: self.why.into(),
            fix: fix.into(),
        }
    }
}

impl Finding {
    /// Replaces the consequence.
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
