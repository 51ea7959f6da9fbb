//! A handler that performs the task in its message, and counts its runs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use pushgate::{Context, Message, Outcome, Raw, State};
use tokio::sync::watch;

use super::soon;

/// The data of a message, by which the probe knows what to do. It succeeds with any other data, too.
pub(crate) mod task {
    pub(crate) const SUCCEED: &str = "ok";
    pub(crate) const DISCARD: &str = "discard";
    pub(crate) const FAIL: &str = "fail";
    /// Fails in the first run only.
    pub(crate) const FAIL_ONCE: &str = "fail once";
    pub(crate) const PANIC: &str = "panic";
    pub(crate) const DEAD_LETTER: &str = "dead";
    /// A beginning, after which any data may follow.
    pub(crate) const DEAD_LETTER_OF_MANY_BYTES: &str = "dead, of many bytes";
    /// Waits until the test calls `open`.
    pub(crate) const HOLD: &str = "hold";
    pub(crate) const HOLD_THEN_FAIL_ONCE: &str = "hold, then fail once";
    pub(crate) const HOLD_THEN_DEAD_LETTER: &str = "hold, then dead";
    /// Never ends.
    pub(crate) const HANG: &str = "hang";
    /// Waits for the stop signal, and fails then.
    pub(crate) const UNTIL_STOPPED: &str = "until stopped";
}

#[derive(Clone, Default)]
pub(crate) struct Probe(Arc<Inner>);

struct Inner {
    /// Runs by message id, in the order of their starts.
    runs: watch::Sender<Vec<String>>,
    ends: watch::Sender<usize>,
    is_open: watch::Sender<bool>,
    stops: watch::Sender<usize>,
    contexts: Mutex<HashMap<String, Context>>,
    data: Mutex<HashMap<String, Vec<u8>>>,
    crowd: Mutex<Crowd>,
}

/// The current and the highest number of runs of a message at the same time.
#[derive(Default)]
struct Crowd {
    now: HashMap<String, usize>,
    most: usize,
}

/// A run that has neither ended nor been stopped.
struct Run<'a>(&'a Probe, String);

impl Drop for Run<'_> {
    fn drop(&mut self) {
        let mut crowd = self.0.0.crowd.lock().expect("crowd");
        *crowd.now.entry(self.1.clone()).or_default() -= 1;
    }
}

impl Default for Inner {
    fn default() -> Self {
        Self {
            runs: watch::Sender::default(),
            ends: watch::Sender::default(),
            is_open: watch::Sender::new(false),
            stops: watch::Sender::default(),
            contexts: Mutex::default(),
            data: Mutex::default(),
            crowd: Mutex::default(),
        }
    }
}

impl Probe {
    pub(crate) fn runs(&self) -> usize {
        self.0.runs.borrow().len()
    }

    pub(crate) fn runs_of(&self, id: &str) -> usize {
        self.0.runs.borrow().iter().filter(|run| *run == id).count()
    }

    /// The runs in the order of their starts, by message id.
    pub(crate) fn order(&self) -> Vec<String> {
        self.0.runs.borrow().clone()
    }

    /// Waits for the begin of this number of runs.
    pub(crate) async fn entered(&self, runs: usize) {
        let mut watched = self.0.runs.subscribe();
        soon("a run", watched.wait_for(|begun| begun.len() >= runs))
            .await
            .expect("the probe");
    }

    /// Waits for the end of this number of runs. Stopped runs do not count.
    pub(crate) async fn ended(&self, ends: usize) {
        let mut watched = self.0.ends.subscribe();
        soon("the end of a run", watched.wait_for(|ended| *ended >= ends))
            .await
            .expect("the probe");
    }

    /// Waits until this number of runs received their stop signal.
    pub(crate) async fn asked_to_stop(&self, stops: usize) {
        let mut watched = self.0.stops.subscribe();
        soon("a stop signal", watched.wait_for(|asked| *asked >= stops))
            .await
            .expect("the probe");
    }

    /// Lets all held runs end.
    pub(crate) fn open(&self) {
        self.0.is_open.send_replace(true);
    }

    /// The context of the last run of this message.
    pub(crate) fn context(&self, id: &str) -> Context {
        self.0
            .contexts
            .lock()
            .expect("contexts")
            .get(id)
            .expect("a run")
            .clone()
    }

    /// The data of the last run of this message.
    pub(crate) fn data(&self, id: &str) -> Vec<u8> {
        let data = self.0.data.lock().expect("data");
        data.get(id).expect("a run").clone()
    }

    /// The highest number of runs of one message at the same time.
    pub(crate) fn most_at_once(&self) -> usize {
        self.0.crowd.lock().expect("crowd").most
    }

    fn join(&self, id: &str) -> Run<'_> {
        let mut crowd = self.0.crowd.lock().expect("crowd");
        let now = crowd.now.get(id).copied().unwrap_or_default() + 1;
        crowd.now.insert(id.to_owned(), now);
        crowd.most = crowd.most.max(now);
        Run(self, id.to_owned())
    }

    /// Counts a run under this name.
    pub(crate) fn note(&self, name: &str) {
        self.0.runs.send_modify(|runs| runs.push(name.to_owned()));
    }

    fn begin(&self, context: &Context, data: &[u8]) -> usize {
        self.0
            .data
            .lock()
            .expect("data")
            .insert(context.message_id.to_string(), data.to_owned());
        self.0
            .contexts
            .lock()
            .expect("contexts")
            .insert(context.message_id.to_string(), context.clone());
        self.note(&context.message_id);
        self.runs_of(&context.message_id)
    }

    fn end(&self) {
        self.0.ends.send_modify(|ends| *ends += 1);
    }

    async fn opened(&self) {
        self.0
            .is_open
            .subscribe()
            .wait_for(|is_open| *is_open)
            .await
            .expect("the probe");
    }

    fn note_stop(&self) {
        self.0.stops.send_modify(|stops| *stops += 1);
    }
}

/// Returns what the task asks for, without waiting.
fn outcome(data: &str, run: usize) -> Result<Outcome, String> {
    match data {
        task::FAIL => Err("broken".into()),
        task::FAIL_ONCE | task::HOLD_THEN_FAIL_ONCE if run == 1 => Err("broken".into()),
        task::DEAD_LETTER | task::HOLD_THEN_DEAD_LETTER => {
            Ok(Outcome::dead_letter("it never works"))
        }
        long if long.starts_with(task::DEAD_LETTER_OF_MANY_BYTES) => {
            Ok(Outcome::dead_letter("it never works"))
        }
        task::DISCARD => Ok(Outcome::discard("nothing to do")),
        // Text that must not reach the log.
        task::PANIC => panic!("hush"),
        _ => Ok(Outcome::Success),
    }
}

/// Performs the task that is the message's data.
pub(crate) async fn probe(
    message: Message<Raw>,
    context: Context,
    probe: State<Probe>,
) -> Result<Outcome, String> {
    let data = String::from_utf8_lossy(&message).into_owned();
    let run = probe.begin(&context, &message);
    let _counted = probe.join(&context.message_id);
    match data.as_str() {
        task::HOLD | task::HOLD_THEN_FAIL_ONCE | task::HOLD_THEN_DEAD_LETTER => {
            probe.opened().await;
        }
        task::HANG => std::future::pending().await,
        task::UNTIL_STOPPED => {
            context.stopping().await;
            probe.note_stop();
            return Err("stop signal received".into());
        }
        _ => {}
    }
    let outcome = outcome(&data, run);
    probe.end();
    outcome
}

/// Performs the task, but keeps its thread while it waits.
pub(crate) async fn probe_that_blocks(
    message: Message<Raw>,
    context: Context,
    state: State<Probe>,
) -> Result<Outcome, String> {
    let handle = tokio::runtime::Handle::current();
    let apart = move || handle.block_on(probe(message, context, state));
    std::thread::spawn(apart).join().expect("the probe")
}

/// Performs the task on a thread, where `HOLD` cannot be stopped.
pub(crate) fn probe_on_thread(
    message: Message<Raw>,
    context: Context,
    state: State<Probe>,
) -> Result<Outcome, String> {
    tokio::runtime::Handle::current().block_on(probe(message, context, state))
}
