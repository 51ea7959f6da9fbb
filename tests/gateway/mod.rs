//! Applications in other languages, behind `pushgate gateway`.

mod application;
mod declarations;
mod requests;
mod scenarios;

use std::path::PathBuf;

use uuid::Uuid;

use crate::harness::google::Google;
use crate::harness::process::{Process, command, settings};

/// A file of declarations, removed when dropped.
struct Declarations(PathBuf);

impl Declarations {
    fn new(text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("gateway-{}.yaml", Uuid::new_v4()));
        std::fs::write(&path, text).expect("a file");
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("text")
    }

    /// Starts a gateway, and returns it with its URL.
    async fn serve(&self, google: &Google, more: &[(&'static str, String)]) -> (Process, String) {
        let mut all = settings(google, "memory:");
        all.retain(|(name, _)| more.iter().all(|(other, _)| name != other));
        all.extend_from_slice(more);
        let gateway = command(&["gateway", "--config", self.path()]);
        Process::listening(gateway, &all).await
    }
}

impl Drop for Declarations {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
