//! Outages of a store at each step of a push: no message is lost, and none runs twice without need.
//!
//! One test for each store and outage; each goes through every step. Another store is one more line at the foot.

use std::sync::Arc;
use std::time::Duration;

use pushgate::AfterCrash;
use tokio::time::Instant;

use crate::harness::backend::Backend;
use crate::harness::faulty_store::Step;
use crate::harness::google::Google;
use crate::harness::message::TestMessage;
use crate::harness::network::Weather;
use crate::harness::probe::task;
use crate::harness::watched_store::WatchedStore;
use crate::harness::{Service, Setup, soon, subscriber};

const STORE_TIMEOUT: Duration = Duration::from_millis(400);
const LEASE: Duration = Duration::from_secs(2);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outage {
    /// SIGKILL; healed by a restart with what was written.
    Killed,
    /// SIGSTOP; healed by SIGCONT, after which it executes the requests of the meantime.
    Stopped,
    /// All connections of a moment are cut.
    Cut,
    /// Any weather but clear.
    Weather(Weather),
}

impl Outage {
    async fn begin(self, backend: &mut Backend) {
        match self {
            Self::Killed => backend.server.kill(),
            Self::Stopped => backend.server.freeze(),
            Self::Cut => backend.cut(),
            Self::Weather(weather) => backend.set(weather),
        }
    }

    async fn end(self, backend: &mut Backend) {
        match self {
            Self::Killed => backend.server.restart().await,
            Self::Stopped => backend.server.thaw(),
            Self::Cut | Self::Weather(_) => backend.set(Weather::Clear),
        }
    }

    /// True if the next try succeeds.
    fn is_over_at_once(self) -> bool {
        matches!(self, Self::Cut | Self::Weather(Weather::LoseOneReply))
    }

    /// True if a step fails at once, not by its time limit.
    fn is_logged(self) -> bool {
        matches!(
            self,
            Self::Killed | Self::Weather(Weather::Refuse | Weather::LoseReplies)
        )
    }
}

/// A service on one store, with an outage.
struct Story {
    backend: Backend,
    store: Arc<WatchedStore>,
    service: Service,
    outage: Outage,
}

impl Story {
    async fn begin(backend: Backend, google: &Arc<Google>, outage: Outage) -> Self {
        let store = WatchedStore::new(backend.store(STORE_TIMEOUT));
        let service = Setup::new()
            .google(google)
            .store(store.clone())
            .subscriber(subscriber("probe").lease(LEASE))
            .start()
            .await;
        let warm = service.message(task::SUCCEED);
        soon("a first push", async {
            while service.push(&warm).await.status != 204 {}
        })
        .await;
        Self {
            backend,
            store,
            service,
            outage,
        }
    }

    /// Delivers twice at the same time until both are acked, and checks the record of the message.
    async fn account_for(self, message: &TestMessage, runs: usize) -> Backend {
        soon("an ack", async {
            loop {
                let (one, other) =
                    tokio::join!(self.service.push(message), self.service.push(message));
                if (one.status, other.status) == (204, 204) {
                    break;
                }
            }
        })
        .await;
        let probe = &self.service.probe;
        assert_eq!(probe.runs_of(&message.id), runs, "{:?}", self.outage);
        assert_eq!(probe.most_at_once(), 1, "{:?}", self.outage);
        self.backend
    }

    /// Waits until the outage is felt at this step, and ends it.
    async fn heal_after(&mut self, felt: impl Future<Output = ()>) {
        felt.await;
        self.outage.end(&mut self.backend).await;
    }

    /// True once a call of `step` has failed, or has succeeded after the outage.
    fn felt(&self, step: Step) -> impl Future<Output = ()> + use<> {
        let (fails, succeeds) = (self.store.fails(step), self.store.succeeds(step));
        let is_over_at_once = self.outage.is_over_at_once();
        async move {
            if is_over_at_once {
                succeeds.await;
            } else {
                fails.await;
            }
        }
    }

    async fn at_the_claim(mut self) -> Backend {
        let message = self.service.message(task::SUCCEED);
        self.outage.begin(&mut self.backend).await;
        let start = Instant::now();
        let status = self.service.push(&message).await.status;
        let expected = if self.outage.is_over_at_once() {
            204
        } else {
            503
        };
        assert_eq!(status, expected, "{:?}", self.outage);
        let limit = match self.outage.is_logged() {
            true => STORE_TIMEOUT,
            false => 4 * STORE_TIMEOUT,
        };
        assert!(
            start.elapsed() < limit,
            "{:?}: {:?}",
            self.outage,
            start.elapsed()
        );
        self.outage.end(&mut self.backend).await;
        self.account_for(&message, 1).await
    }

    async fn while_the_handler_runs(self) -> Backend {
        self.held(task::HOLD, Step::Renew, false, 204, 1).await
    }

    async fn when_a_success_is_recorded(self) -> Backend {
        self.held(task::HOLD, Step::Finish, true, 204, 1).await
    }

    async fn when_a_failure_is_given_back(self) -> Backend {
        self.held(task::HOLD_THEN_FAIL_ONCE, Step::Release, true, 503, 2)
            .await
    }

    async fn when_a_dead_letter_is_recorded(self) -> Backend {
        let google = Arc::clone(&self.service.google);
        let before = google.dead_letters().len();
        let backend = self
            .held(task::HOLD_THEN_DEAD_LETTER, Step::Finish, true, 204, 1)
            .await;
        assert_eq!(google.dead_letters().len(), before + 1);
        backend
    }

    /// The outage begins while the handler is held, and ends when it is felt at `step`: before the handler goes on, or
    /// after, where the step is one of its end.
    async fn held(
        mut self,
        data: &str,
        step: Step,
        is_at_the_end: bool,
        status: u16,
        runs: usize,
    ) -> Backend {
        let message = self.service.message(data);
        let probe = self.service.probe.clone();
        let pushed = {
            let (url, body, token) = (
                self.service.url.clone(),
                message.body(),
                self.service.token(),
            );
            tokio::spawn(async move { crate::harness::push_to(&url, body, &token).await })
        };
        probe.entered(2).await;
        self.outage.begin(&mut self.backend).await;
        let felt = self.felt(step);
        if is_at_the_end {
            probe.open();
        }
        self.heal_after(felt).await;
        probe.open();
        let reply = soon("the reply", pushed).await.expect("a push");
        assert_eq!(reply.status, status, "{:?}", self.outage);
        self.account_for(&message, runs).await
    }
}

async fn survives(backend: Backend, outage: Outage) {
    let google = Arc::new(Google::start().await);
    google.keep_dead_letters();
    let story = Story::begin(backend, &google, outage).await;
    let backend = story.at_the_claim().await;
    let story = Story::begin(backend, &google, outage).await;
    let backend = story.while_the_handler_runs().await;
    let story = Story::begin(backend, &google, outage).await;
    let backend = story.when_a_success_is_recorded().await;
    let story = Story::begin(backend, &google, outage).await;
    let backend = story.when_a_failure_is_given_back().await;
    let story = Story::begin(backend, &google, outage).await;
    drop(story.when_a_dead_letter_is_recorded().await);
}

/// Pushes arrive while the store is frozen for longer than a lease; it executes their requests when it thaws.
async fn counts_no_claim_as_a_run(backend: Backend) {
    let store = backend.store(STORE_TIMEOUT);
    let hold = subscriber("probe")
        .after_crash(AfterCrash::Park)
        .concurrency(200)
        .lease(Duration::from_secs(1));
    let service = Setup::new().store(store).subscriber(hold).start().await;
    service.google.keep_dead_letters();
    let warm = service.message(task::SUCCEED);
    soon("a first push", async {
        while service.push(&warm).await.status != 204 {}
    })
    .await;
    let messages: Vec<_> = (0..200).map(|_| service.message(task::SUCCEED)).collect();
    backend.server.freeze();
    let start = Instant::now();
    let pushes = messages.iter().map(|message| service.push(message));
    let replies = futures_util::future::join_all(pushes).await;
    assert!(replies.iter().all(|reply| reply.status == 503));
    while start.elapsed() < Duration::from_secs(2) {
        service.push(&service.message(task::SUCCEED)).await;
    }
    backend.server.thaw();
    soon("all acks", async {
        for message in &messages {
            while service.push(message).await.status != 204 {}
        }
    })
    .await;
    assert_eq!(service.google.dead_letters().len(), 0);
    for message in &messages {
        assert_eq!(service.probe.runs_of(&message.id), 1);
    }
}

/// After several time-outs in a row only single probes wait for the store.
async fn costs_milliseconds(backend: Backend) {
    let google = Arc::new(Google::start().await);
    let story = Story::begin(backend, &google, Outage::Weather(Weather::Frozen)).await;
    story.backend.set(Weather::Frozen);
    let mut took = Vec::new();
    for _ in 0..40 {
        let start = Instant::now();
        let status = story
            .service
            .push(&story.service.message(task::SUCCEED))
            .await
            .status;
        assert_eq!(status, 503);
        took.push(start.elapsed());
    }
    let is_quick = |took: &&Duration| **took < STORE_TIMEOUT / 2;
    assert!(took.iter().filter(is_quick).count() >= 24, "{took:?}");
    story.backend.set(Weather::Clear);
    let message = story.service.message(task::SUCCEED);
    story.account_for(&message, 1).await;
}

macro_rules! stores {
    ($($store:ident, $needs:literal;)*) => {$(
        mod $store {
            use super::{
                Backend, Outage, STORE_TIMEOUT, Weather, costs_milliseconds,
                counts_no_claim_as_a_run, survives,
            };

            #[tokio::test]
            #[ignore = $needs]
            async fn frozen_for_longer_than_a_lease_dead_letters_nothing() {
                counts_no_claim_as_a_run(Backend::$store().await).await;
            }

            #[tokio::test]
            #[ignore = $needs]
            async fn known_to_be_away_costs_milliseconds() {
                costs_milliseconds(Backend::$store().await).await;
            }

            #[tokio::test]
            #[ignore = $needs]
            async fn restarted_repeats_no_message() {
                survives(Backend::$store().await, Outage::Killed).await;
            }

            #[tokio::test]
            #[ignore = $needs]
            async fn stopped_for_a_while_repeats_no_message() {
                survives(Backend::$store().await, Outage::Stopped).await;
            }

            #[tokio::test]
            #[ignore = $needs]
            async fn cut_off_for_a_moment_is_not_noticed_by_pubsub() {
                survives(Backend::$store().await, Outage::Cut).await;
            }

            #[tokio::test]
            #[ignore = $needs]
            async fn refusing_connections_costs_no_time() {
                survives(Backend::$store().await, Outage::Weather(Weather::Refuse)).await;
            }

            #[tokio::test]
            #[ignore = $needs]
            async fn swallowing_everything_repeats_no_message() {
                survives(Backend::$store().await, Outage::Weather(Weather::Frozen)).await;
            }

            #[tokio::test]
            #[ignore = $needs]
            async fn slower_than_its_time_limit_repeats_no_message() {
                let slow = Weather::Slow(2 * STORE_TIMEOUT);
                survives(Backend::$store().await, Outage::Weather(slow)).await;
            }

            #[tokio::test]
            #[ignore = $needs]
            async fn whose_answers_are_lost_repeats_no_message() {
                survives(Backend::$store().await, Outage::Weather(Weather::LoseReplies)).await;
            }

            #[tokio::test]
            #[ignore = $needs]
            async fn whose_one_answer_is_lost_is_not_noticed_by_pubsub() {
                survives(Backend::$store().await, Outage::Weather(Weather::LoseOneReply)).await;
            }
        }
    )*};
}

stores! {
    redis_single, "needs redis-server (./test installs it)";
    redis_sentinel, "needs redis-server and redis-sentinel (./test installs them)";
    redis_cluster, "needs redis-server (./test installs it)";
    firestore, "needs Java and Google's Firestore emulator (./test finds or installs them)";
}
