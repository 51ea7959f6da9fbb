//! Runs a script on an emulator and on the model, and compares them.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use emulator::{Message, Pulled, SubscriptionHandle};
use proptest::test_runner::TestCaseResult;
use proptest::{prop_assert, prop_assert_eq};
use time::OffsetDateTime;

use super::declare::declare;
use super::expected::Model;
use super::operation::{Declared, Moment, Operation, Script};
use super::stage::Stage;

static PROJECTS: AtomicU32 = AtomicU32::new(0);

struct Play<'a> {
    stage: Stage<'a>,
    model: Model,
    project: String,
    /// Every message of the topic.
    published: Vec<Published>,
    /// Every lease, with the message's index in the model.
    handed: Vec<(usize, Pulled)>,
}

/// A message, with the publisher's times.
struct Published {
    id: String,
    before: OffsetDateTime,
    after: OffsetDateTime,
}

pub(super) fn play(stage: Stage<'_>, script: &Script) -> TestCaseResult {
    let mut play = Play::new(stage, script.declared);
    for operation in &script.operations {
        play.act(operation)?;
        play.compare()?;
    }
    play.drain()?;
    play.end();
    Ok(())
}

impl<'a> Play<'a> {
    fn new(stage: Stage<'a>, declared: Declared) -> Self {
        let number = PROJECTS.fetch_add(1, Ordering::Relaxed);
        let play = Self {
            stage,
            model: Model::new(declared),
            project: format!("projects/model-{number}"),
            published: Vec::new(),
            handed: Vec::new(),
        };
        declare(&play.stage, &play.project, declared);
        play
    }

    fn name(&self, kind: &str, id: &str) -> String {
        format!("{}/{kind}/{id}", self.project)
    }

    fn subscription(&self, id: &str) -> SubscriptionHandle {
        let name = self.name("subscriptions", id);
        self.stage.subscription(&name).unwrap()
    }

    fn act(&mut self, operation: &Operation) -> TestCaseResult {
        match *operation {
            Operation::Publish(key) => self.publish(key),
            Operation::Pull(most) => self.pull(most)?,
            Operation::Ack(place) => self.settle(place, Pulled::ack, Model::ack)?,
            Operation::Nack(place) => self.settle(place, Pulled::nack, Model::nack)?,
            Operation::Extend(place) => {
                let minute = Duration::from_secs(60);
                self.settle(place, |pulled| pulled.extend(minute), Model::extend)?;
            }
            Operation::Pass(seconds) => self.pass(u64::from(seconds)),
            Operation::Again(place) => self.again(place)?,
            Operation::Seek(place, moment) => self.seek(place, moment),
            Operation::Purge => {
                self.subscription("billing").purge().unwrap();
                self.model.seek(usize::MAX);
            }
            Operation::Snapshot => self.snapshot("billing", self.model.unacked())?,
            Operation::OtherSnapshot => self.snapshot("archive", self.model.others.clone())?,
            Operation::SeekSnapshot(place) => self.seek_snapshot(place)?,
            Operation::SeekForeign => {
                let foreign = self.name("snapshots", "foreign");
                let sought = self.subscription("billing").seek_to_snapshot(&foreign);
                prop_assert!(sought.is_err());
            }
            Operation::OtherAck(most) => self.ack_others(most)?,
            Operation::DeleteTopics => self.delete_topics(),
            Operation::Restart => self.restart(),
        }
        Ok(())
    }

    fn again(&mut self, place: usize) -> TestCaseResult {
        if !self.published.is_empty() {
            let index = place % self.published.len();
            let id = &self.published[index].id;
            let is_known = self.subscription("billing").deliver_again(id).is_ok();
            prop_assert_eq!(is_known, self.model.again(index));
        }
        Ok(())
    }

    fn seek(&mut self, place: usize, moment: Moment) {
        if self.published.is_empty() {
            return;
        }
        let index = place % self.published.len();
        let Published { before, after, .. } = self.published[index];
        // It was published after `before`, perhaps by less than a millisecond.
        let shown = before.replace_millisecond(before.millisecond()).unwrap();
        let (time, from) = match moment {
            Moment::Before => (before, index),
            Moment::Shown => (shown, index),
            Moment::After => (after, index + 1),
        };
        self.subscription("billing").seek(time).unwrap();
        self.model.seek(from);
    }

    fn snapshot(&mut self, subscription: &str, unacked: Vec<usize>) -> TestCaseResult {
        let name = self.snapshot_name(self.model.snapshots());
        let made = self.subscription(subscription).create_snapshot(&name);
        prop_assert_eq!(made.is_ok(), self.model.snapshot(unacked));
        Ok(())
    }

    fn seek_snapshot(&mut self, place: usize) -> TestCaseResult {
        if self.model.snapshots() > 0 {
            let place = place % self.model.snapshots();
            let name = self.snapshot_name(place);
            let sought = self.subscription("billing").seek_to_snapshot(&name);
            prop_assert_eq!(sought.is_ok(), self.model.seek_snapshot(place));
        }
        Ok(())
    }

    fn snapshot_name(&self, place: usize) -> String {
        self.name("snapshots", &format!("snapshot-{place}"))
    }

    fn ack_others(&mut self, most: usize) -> TestCaseResult {
        for pulled in self.subscription("archive").pull(most).unwrap() {
            let index = self.index(&pulled);
            prop_assert_eq!(self.model.others.first(), Some(&index));
            prop_assert!(pulled.ack());
            self.model.others.remove(0);
        }
        Ok(())
    }

    fn delete_topics(&mut self) {
        if std::mem::take(&mut self.model.has_topic) {
            for id in ["orders", "foreign"] {
                let topic = self.stage.topic(&self.name("topics", id)).unwrap();
                topic.delete().unwrap();
            }
        }
    }

    /// Restarts the emulator, whose clock is the machine's until it advances.
    fn restart(&mut self) {
        if self.stage.restart() {
            self.handed.clear();
            self.model.restart();
            self.stage.advance(seconds(self.model.now));
            self.model.pass(0);
        }
    }

    /// Returns the emulator's time with the precision of another reader of the same clock.
    fn noted(&self) -> OffsetDateTime {
        let machine = OffsetDateTime::now_utc();
        let ahead = (self.stage.now() - machine).as_seconds_f64().round();
        machine + time::Duration::seconds_f64(ahead)
    }

    /// Returns the place of a message in the model.
    fn index(&self, pulled: &Pulled) -> usize {
        let id = &pulled.message().id;
        let found = self.published.iter().position(|each| each.id == *id);
        found.unwrap()
    }

    /// Advances the clock, so that no two messages have the same time.
    fn publish(&mut self, key: u8) {
        self.pass(1);
        if !self.model.has_topic {
            return;
        }
        let mut message = Message::new(format!("message {}", self.published.len()));
        if key > 0 {
            message = message.with_ordering_key(format!("key-{key}"));
        }
        let topic = self.stage.topic(&self.name("topics", "orders")).unwrap();
        let before = self.noted();
        let id = topic.publish(message).unwrap();
        let after = self.noted();
        self.published.push(Published { id, before, after });
        self.model.publish(key);
    }

    fn pull(&mut self, most: usize) -> TestCaseResult {
        let pulled = self.subscription("billing").pull(most).unwrap();
        let is_all = pulled.len() < most;
        let mut taken = Vec::new();
        for pulled in pulled {
            let index = self.index(&pulled);
            let is_available = self.model.is_available(index, &taken);
            prop_assert!(is_available, "{} must wait", index);
            let data = format!("message {index}");
            prop_assert_eq!(&pulled.message().data[..], data.as_bytes());
            let expected = &self.model.messages[index];
            let has_policy = self.model.declared.has_dead_letters;
            let attempt = has_policy.then_some(expected.failures + 1);
            prop_assert_eq!(pulled.delivery_attempt(), attempt);
            self.model.hand_out(index, self.handed.len());
            self.handed.push((index, pulled));
            taken.push(index);
        }
        if is_all {
            prop_assert_eq!(self.model.available(&taken), 0);
        }
        Ok(())
    }

    fn settle(
        &mut self,
        place: usize,
        real: impl Fn(&Pulled) -> bool,
        modelled: impl Fn(&mut Model, usize, usize) -> bool,
    ) -> TestCaseResult {
        if self.handed.is_empty() {
            return Ok(());
        }
        // The latest leases are the most interesting.
        let handing = self.handed.len() - 1 - place % self.handed.len();
        let (index, pulled) = &self.handed[handing];
        let took_effect = modelled(&mut self.model, *index, handing);
        prop_assert_eq!(real(pulled), took_effect);
        Ok(())
    }

    fn pass(&mut self, time: u64) {
        self.stage.advance(seconds(time));
        self.model.pass(time);
        if self.model.is_at_an_edge() {
            self.pass(60);
        }
    }

    fn compare(&self) -> TestCaseResult {
        let compare = |id: &str, expected: &[usize]| {
            let unacked = self.subscription(id).unacked_messages().into_iter();
            let unacked: Vec<String> = unacked.map(|message| message.id).collect();
            let expected = expected.iter();
            let expected: Vec<&String> = expected.map(|index| &self.published[*index].id).collect();
            prop_assert_eq!(unacked.iter().collect::<Vec<_>>(), expected, "{}", id);
            Ok(())
        };
        compare("billing", &self.model.unacked())?;
        compare("archive", &self.model.others)?;
        let letters = self.subscription("dead").unacked_messages().into_iter();
        let mut letters: Vec<_> = letters.map(|letter| letter.data).collect();
        let expected = self.model.dead_letters.iter();
        let expected = expected.map(|(index, _)| format!("message {index}"));
        let mut expected: Vec<String> = expected.collect();
        // Leases that end at the same time may end in any order.
        letters.sort();
        expected.sort();
        prop_assert_eq!(letters, expected);
        Ok(())
    }

    /// Checks that all remaining messages can be pulled in time, and that none is left then.
    fn drain(&mut self) -> TestCaseResult {
        for _ in 0..10_000 {
            if self.model.unacked().is_empty() {
                break;
            }
            let first = self.handed.len();
            self.pull(10)?;
            for handing in first..self.handed.len() {
                let (index, pulled) = &self.handed[handing];
                prop_assert_eq!(pulled.ack(), self.model.ack(*index, handing));
            }
            self.pass(601);
        }
        prop_assert!(self.subscription("billing").unacked_messages().is_empty());
        self.compare()
    }

    fn end(self) {
        for id in ["billing", "archive", "dead", "foreign"] {
            self.subscription(id).delete().unwrap();
        }
        for id in ["orders", "dead", "foreign"] {
            let topic = self.stage.topic(&self.name("topics", id));
            topic.into_iter().for_each(|topic| topic.delete().unwrap());
        }
    }
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
