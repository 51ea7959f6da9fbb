//! Plays a script on an emulator and on the model, and compares.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use emulator::{
    DeadLetterPolicy, Emulator, Message, Pulled, RetryPolicy, SubscriptionConfig,
    SubscriptionHandle, TopicHandle,
};
use proptest::test_runner::TestCaseResult;
use proptest::{prop_assert, prop_assert_eq};
use time::OffsetDateTime;

use super::expected::Model;
use super::operation::{Declared, Operation, Script};

static PROJECTS: AtomicU32 = AtomicU32::new(0);

struct Play<'a> {
    emulator: &'a Emulator,
    model: Model,
    project: String,
    topic: TopicHandle,
    subscription: SubscriptionHandle,
    dead_letters: SubscriptionHandle,
    /// The id and the time of each message.
    published: Vec<(String, OffsetDateTime)>,
    /// Every handing out, with the message's place in the model.
    handed: Vec<(usize, Pulled)>,
}

pub(super) fn play(emulator: &Emulator, script: &Script) -> TestCaseResult {
    let mut play = Play::new(emulator, script.declared);
    for operation in &script.operations {
        play.act(operation)?;
        play.compare()?;
    }
    play.drain()?;
    play.end();
    Ok(())
}

impl<'a> Play<'a> {
    fn new(emulator: &'a Emulator, declared: Declared) -> Self {
        let number = PROJECTS.fetch_add(1, Ordering::Relaxed);
        let project = format!("projects/model-{number}");
        let topic = emulator
            .create_topic(&format!("{project}/topics/orders"))
            .unwrap();
        let dead_topic = emulator
            .create_topic(&format!("{project}/topics/dead"))
            .unwrap();
        let name = format!("{project}/subscriptions/billing");
        let mut config = SubscriptionConfig::new(name, topic.name());
        config.enable_message_ordering = declared.is_ordered;
        config.enable_exactly_once_delivery = declared.is_strict;
        config.retain_acked_messages = declared.retains_acked;
        config.dead_letter_policy = declared
            .has_dead_letters
            .then(|| DeadLetterPolicy::new(dead_topic.name()));
        config.retry_policy = declared.has_backoff.then(RetryPolicy::default);
        Self {
            emulator,
            model: Model::new(declared),
            subscription: emulator.create_subscription(config).unwrap(),
            dead_letters: dead_topic.subscribe("dead").unwrap(),
            project,
            topic,
            published: Vec::new(),
            handed: Vec::new(),
        }
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
            Operation::Seek(place) if !self.published.is_empty() => {
                let from = place % self.published.len();
                self.subscription.seek(self.published[from].1).unwrap();
                self.model.seek(from);
            }
            Operation::Purge => {
                self.subscription.purge().unwrap();
                self.model.seek(usize::MAX);
            }
            Operation::Snapshot => {
                let name = self.snapshot(self.model.snapshots());
                self.subscription.create_snapshot(&name).unwrap();
                self.model.snapshot();
            }
            Operation::SeekSnapshot(place) if self.model.snapshots() > 0 => {
                let place = place % self.model.snapshots();
                self.subscription
                    .seek_to_snapshot(&self.snapshot(place))
                    .unwrap();
                self.model.seek_snapshot(place);
            }
            Operation::Again(place) if !self.published.is_empty() => {
                let index = place % self.published.len();
                if self.model.can_come_again(index) {
                    self.subscription
                        .deliver_again(&self.published[index].0)
                        .unwrap();
                    self.model.again(index);
                }
            }
            Operation::Seek(_) | Operation::SeekSnapshot(_) | Operation::Again(_) => {}
        }
        Ok(())
    }

    fn snapshot(&self, place: usize) -> String {
        format!("{}/snapshots/snapshot-{place}", self.project)
    }

    /// Time passes, so that no two messages have the same.
    fn publish(&mut self, key: u8) {
        self.pass(1);
        let mut message = Message::new(format!("message {}", self.published.len()));
        if key > 0 {
            message = message.with_ordering_key(format!("key-{key}"));
        }
        let time = self.emulator.now();
        let id = self.topic.publish(message).unwrap();
        self.published.push((id, time));
        self.model.publish(key);
    }

    fn pull(&mut self, most: usize) -> TestCaseResult {
        let pulled = self.subscription.pull(most).unwrap();
        let is_all = pulled.len() < most;
        let mut taken = Vec::new();
        for pulled in pulled {
            let available = self.model.available(&taken);
            let message = pulled.message();
            let index = self.published.iter().position(|(id, _)| *id == message.id);
            let index = index.unwrap();
            prop_assert!(available.contains(&index), "{} must wait", index);
            let data = format!("message {index}");
            prop_assert_eq!(&message.data[..], data.as_bytes());
            let expected = &self.model.messages[index];
            let has_policy = self.model.declared.has_dead_letters;
            let attempt = has_policy.then_some(expected.failures + 1);
            prop_assert_eq!(pulled.delivery_attempt(), attempt);
            self.model.hand_out(index, self.handed.len());
            self.handed.push((index, pulled));
            taken.push(index);
        }
        if is_all {
            let left = self.model.available(&taken);
            prop_assert!(left.is_empty(), "{:?} were not handed out", left);
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
        // The latest are the most interesting.
        let handing = self.handed.len() - 1 - place % self.handed.len();
        let (index, pulled) = &self.handed[handing];
        let took_effect = modelled(&mut self.model, *index, handing);
        prop_assert_eq!(real(pulled), took_effect);
        Ok(())
    }

    fn pass(&mut self, seconds: u64) {
        self.emulator.advance(Duration::from_secs(seconds));
        self.model.pass(seconds);
    }

    fn compare(&self) -> TestCaseResult {
        let held = self.subscription.held().into_iter();
        let held: Vec<String> = held.map(|message| message.id).collect();
        let unacked = self.model.unacked().into_iter();
        let expected: Vec<String> = unacked
            .map(|index| self.published[index].0.clone())
            .collect();
        prop_assert_eq!(held, expected);
        let letters = self.dead_letters.held().into_iter();
        let letters: Vec<_> = letters.map(|letter| letter.data).collect();
        let expected = self.model.dead_letters.iter();
        let expected: Vec<_> = expected.map(|index| format!("message {index}")).collect();
        prop_assert_eq!(letters, expected);
        Ok(())
    }

    /// Whatever is left can be had, in time, and then nothing is left.
    fn drain(&mut self) -> TestCaseResult {
        for _ in 0..10_000 {
            if self.model.unacked().is_empty() {
                break;
            }
            let first = self.handed.len();
            self.pull(10)?;
            for handing in first..self.handed.len() {
                let (index, pulled) = &self.handed[handing];
                prop_assert!(pulled.ack());
                self.model.ack(*index, handing);
            }
            self.pass(601);
        }
        prop_assert!(self.subscription.held().is_empty());
        self.compare()
    }

    fn end(self) {
        self.subscription.delete().unwrap();
        self.dead_letters.delete().unwrap();
        self.topic.delete().unwrap();
    }
}
