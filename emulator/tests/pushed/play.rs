//! Runs a script on an emulator, and compares the pushes at the endpoint and the events with the expectation.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use emulator::{
    DeadLetterPolicy, DeliveryEvent, Emulator, Message, Reply, RetryPolicy, SubscriptionConfig,
    SubscriptionHandle, TopicHandle,
};
use proptest::test_runner::TestCaseResult;
use proptest::{prop_assert, prop_assert_eq};
use tokio::sync::broadcast::Receiver;
use tokio::time::{Instant, sleep};

use super::endpoint::{Arrival, Endpoint, PLACE};
use super::expected::{ACK_DEADLINE, ATTEMPTS, expected, gap};
use super::script::{Answer, Declared, Interference, Script, Scripted};

/// Longer than all messages together wait.
const LONGEST: u32 = 24 * 60;
const MINUTE: Duration = Duration::from_secs(60);
/// Timers fire on whole milliseconds.
const SLACK: Duration = Duration::from_millis(50);

static PROJECTS: AtomicU32 = AtomicU32::new(0);

struct Play<'a> {
    script: &'a Script,
    endpoint: Endpoint,
    topic: TopicHandle,
    subscription: SubscriptionHandle,
    dead_letters: SubscriptionHandle,
    events: Receiver<DeliveryEvent>,
    ids: Vec<String>,
}

pub(super) async fn play(emulator: &Emulator, script: &Script) -> TestCaseResult {
    let mut play = Play::start(emulator, script).await;
    let result = play.run().await;
    play.end();
    result
}

/// Runs a script with a seek or a purge, after which less can be predicted.
pub(super) async fn play_with(
    emulator: &Emulator,
    script: &Script,
    interference: Interference,
) -> TestCaseResult {
    let mut play = Play::start(emulator, script).await;
    let result = play.run_with(emulator, interference).await;
    play.end();
    result
}

impl<'a> Play<'a> {
    async fn start(emulator: &Emulator, script: &'a Script) -> Self {
        let number = PROJECTS.fetch_add(1, Ordering::Relaxed);
        let project = format!("projects/pushed-{number}");
        let topic = |name| emulator.create_topic(&format!("{project}/topics/{name}"));
        let (topic, dead_topic) = (topic("orders").unwrap(), topic("dead").unwrap());
        let endpoint = Endpoint::start(script.messages.clone()).await;
        let config =
            SubscriptionConfig::new(format!("{project}/subscriptions/billing"), topic.name());
        let mut config = config.push_to(endpoint.url.clone());
        let Declared {
            is_ordered,
            has_dead_letters,
            has_backoff,
            is_eager: _,
        } = script.declared;
        config.enable_message_ordering = is_ordered;
        config.ack_deadline = ACK_DEADLINE;
        config.retain_acked_messages = true;
        config.dead_letter_policy =
            has_dead_letters.then(|| DeadLetterPolicy::new(dead_topic.name()));
        config.retry_policy = has_backoff.then(RetryPolicy::default);
        Self {
            script,
            endpoint,
            subscription: emulator.create_subscription(config).unwrap(),
            dead_letters: dead_topic.subscribe("dead").unwrap(),
            topic,
            events: emulator.delivery_events(),
            ids: Vec::new(),
        }
    }

    fn publish(&mut self) {
        for (place, message) in self.script.messages.iter().enumerate() {
            let id = self.topic.publish(written(place, message)).unwrap();
            self.ids.push(id);
        }
    }

    /// Checks that nothing follows the end of a message.
    async fn settled(&self) -> TestCaseResult {
        let mut minutes = 0;
        while !self.subscription.unacked_messages().is_empty() {
            prop_assert!(minutes < LONGEST, "a message is neither acked nor dead");
            sleep(MINUTE).await;
            minutes += 1;
        }
        sleep(60 * MINUTE).await;
        Ok(())
    }

    async fn run_with(
        &mut self,
        emulator: &Emulator,
        interference: Interference,
    ) -> TestCaseResult {
        let begin = emulator.now();
        self.publish();
        sleep(Duration::from_secs(interference.after_seconds)).await;
        let moment = Instant::now();
        if interference.is_purge {
            self.subscription.purge().unwrap();
        } else {
            self.subscription.seek(begin).unwrap();
        }
        self.settled().await?;
        let arrivals = self.endpoint.arrivals();
        // Concurrent pushes arrive at the same time.
        let later = arrivals.iter().filter(|each| each.at > moment);
        let later: Vec<Arrival> = later.copied().collect();
        if interference.is_purge {
            prop_assert!(later.is_empty(), "{later:?} were purged");
            return Ok(());
        }
        for message in 0..self.ids.len() {
            // A message that was being pushed then may have been settled by that push.
            let mut same = arrivals.iter().filter(|each| each.message == message);
            let comes = same.any(|each| each.at + ACK_DEADLINE >= moment);
            prop_assert!(comes, "message {message} is not replayed");
        }
        self.compare_order(&later)
    }

    async fn run(&mut self) -> TestCaseResult {
        self.publish();
        self.settled().await?;
        let arrivals = self.endpoint.arrivals();
        for (place, message) in self.script.messages.iter().enumerate() {
            let arrivals = arrivals.iter().filter(|each| each.message == place);
            self.compare(message, &arrivals.copied().collect::<Vec<_>>())?;
        }
        self.compare_order(&arrivals)?;
        self.compare_events()?;
        self.compare_dead_letters()
    }

    /// Checks the number, times and attempts of the pushes of one message.
    fn compare(&self, message: &Scripted, arrivals: &[Arrival]) -> TestCaseResult {
        let declared = self.script.declared;
        prop_assert_eq!(arrivals.len(), expected(declared, message).pushes);
        for (before, arrival) in arrivals.iter().enumerate() {
            let shown = u64::try_from(before + 1).unwrap();
            let shown = declared.has_dead_letters.then_some(shown);
            prop_assert_eq!(arrival.attempt, shown);
        }
        for (before, pair) in arrivals.windows(2).enumerate() {
            let least = gap(declared, message, before + 1);
            let found = pair[1].at - pair[0].at;
            prop_assert!(found + SLACK >= least, "{found:?} instead of {least:?}");
            // Only with Google's pace does a message wait for failures of others.
            prop_assert!(
                !declared.is_eager || found <= least + SLACK,
                "{found:?} instead of {least:?}"
            );
        }
        Ok(())
    }

    /// Checks that all pushes of a message precede those of later messages of its key.
    fn compare_order(&self, arrivals: &[Arrival]) -> TestCaseResult {
        if !self.script.declared.is_ordered {
            return Ok(());
        }
        for key in 1..3 {
            let of_key = arrivals.iter().map(|arrival| arrival.message);
            let of_key = of_key.filter(|message| self.script.messages[*message].key == key);
            let of_key: Vec<usize> = of_key.collect();
            prop_assert!(of_key.is_sorted(), "key {key}: {of_key:?}");
        }
        Ok(())
    }

    /// Checks that the events contain every push with its answer and its end.
    fn compare_events(&mut self) -> TestCaseResult {
        let mut attempts = vec![0; self.ids.len()];
        while let Ok(event) = self.events.try_recv() {
            let Some(reply) = event.reply() else { continue };
            let place = self.ids.iter().position(|id| *id == event.message_id);
            let place = place.unwrap();
            attempts[place] += 1;
            prop_assert_eq!(usize::try_from(event.attempt).unwrap(), attempts[place]);
            let message = &self.script.messages[place];
            let answer = message.answer(attempts[place]);
            prop_assert_eq!(reply, reply_of(answer));
            let expected = expected(self.script.declared, message);
            let is_last = attempts[place] == expected.pushes;
            prop_assert_eq!(event.is_acked(), is_last && !expected.is_dead);
            let is_dead = event.dead_lettered_to().is_some();
            prop_assert_eq!(is_dead, is_last && expected.is_dead);
            prop_assert_eq!(event.next_attempt_in().is_some(), !is_last);
        }
        for (message, attempts) in self.script.messages.iter().zip(attempts) {
            prop_assert_eq!(attempts, expected(self.script.declared, message).pushes);
        }
        Ok(())
    }

    fn compare_dead_letters(&self) -> TestCaseResult {
        let letters = self.dead_letters.unacked_messages().into_iter();
        let mut letters: Vec<usize> = letters
            .map(|letter| {
                let count = &letter.attributes["CloudPubSubDeadLetterSourceDeliveryCount"];
                assert_eq!(*count, ATTEMPTS.to_string());
                letter.attributes[PLACE].parse().unwrap()
            })
            .collect();
        letters.sort_unstable();
        let messages = self.script.messages.iter().enumerate();
        let dead = messages.filter(|(_, each)| expected(self.script.declared, each).is_dead);
        let dead: Vec<usize> = dead.map(|(place, _)| place).collect();
        prop_assert_eq!(letters, dead);
        Ok(())
    }

    fn end(self) {
        self.subscription.delete().unwrap();
        self.dead_letters.delete().unwrap();
        self.topic.delete().unwrap();
    }
}

fn written(place: usize, message: &Scripted) -> Message {
    let written = Message::new("hi").with_attribute(PLACE, place.to_string());
    if message.key == 0 {
        return written;
    }
    written.with_ordering_key(format!("key-{}", message.key))
}

fn reply_of(answer: Answer) -> Reply {
    match answer {
        Answer::Status(status) => Reply::Status(status),
        Answer::Nothing | Answer::Fragment => Reply::NoAnswer,
        Answer::Silence => Reply::DeadlineExceeded,
    }
}
