//! The log of a test.

use std::io;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tracing::Subscriber;
use tracing_subscriber::fmt::MakeWriter;

use super::cloud_logging::{CloudLogging, SpanFields};

/// A log in memory.
#[derive(Clone, Default)]
pub(crate) struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    /// Returns a subscriber that writes events in the format for Cloud Logging.
    pub(crate) fn json(&self) -> impl Subscriber + Send + Sync + 'static {
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(self.clone())
            .fmt_fields(SpanFields)
            .event_format(CloudLogging {
                service: "shop".into(),
                revision: Some("shop-7".into()),
            })
            .finish()
    }

    /// Returns the lines so far.
    pub(crate) fn lines(&self) -> Vec<Value> {
        let bytes = self.0.lock().expect("lines");
        let lines = bytes
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty());
        lines
            .map(|line| serde_json::from_slice(line).expect("JSON"))
            .collect()
    }
}

impl MakeWriter<'_> for Captured {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl io::Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("lines").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
