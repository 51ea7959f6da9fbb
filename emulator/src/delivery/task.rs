//! The task of one subscription: it starts pushes as they become due, settles them as they end, and ends leases.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;

use super::Delivery;
use super::active_faults::Recipient;
use super::backlog::Leased;
use super::failure_log::FailureLog;
use super::settle::Forwarder;
use crate::event::{Progress, Reply, Settlement};
use crate::faults::{Plan, TokenChoice};
use crate::history::{DeliveryType, End};
use crate::push::{Destination, Ended, Outgoing, Pusher};

/// The task of a subscription, and the pushes that are under way.
pub(crate) struct DeliveryTask {
    delivery: Arc<Delivery>,
    pusher: Pusher,
    forwarder: Forwarder,
    pushes: JoinSet<Ended>,
    started: HashMap<Id, Started>,
    failure_log: FailureLog,
}

/// A push that is under way.
struct Started {
    /// The message at the start of the push.
    leased: Leased,
    /// True if a fault repeats the delivery although it is acked.
    is_repeated: bool,
    destination: Arc<Destination>,
}

impl DeliveryTask {
    pub(crate) fn new(delivery: Arc<Delivery>, pusher: Pusher, forwarder: Forwarder) -> Self {
        Self {
            delivery,
            pusher,
            forwarder,
            pushes: JoinSet::new(),
            started: HashMap::new(),
            failure_log: FailureLog::default(),
        }
    }

    /// Delivers messages until it is dropped. Dropping aborts the pushes under way.
    pub(crate) async fn run(mut self) {
        let delivery = Arc::clone(&self.delivery);
        loop {
            delivery.end_leases(&*self.forwarder);
            let wake = self.start_due();
            tokio::select! {
                () = delivery.changed.notified() => {}
                Some(ended) = self.pushes.join_next_with_id() => self.end_all(ended),
                () = reached(&delivery, wake) => {}
            }
        }
    }

    /// Starts all due pushes, and returns the time of the next one.
    fn start_due(&mut self) -> Option<Instant> {
        let delivery = Arc::clone(&self.delivery);
        let mut state = delivery.state();
        let now = delivery.clock.now();
        let Some(destination) = state.destination.clone() else {
            return state.next_due();
        };
        while state.backlog.pushes() < state.throttle.window() {
            if let Some(until) = state.throttle.paused_until(now) {
                let next = state.backlog.next_lease_end();
                return Some(next.map_or(until, |end| end.min(until)));
            }
            let Some((leased, plan)) = delivery.take(&mut state, Recipient::Push) else {
                return state.next_due();
            };
            state.throttle.started(now);
            self.start(&destination, leased, plan);
        }
        state.backlog.next_lease_end()
    }

    fn start(&mut self, destination: &Arc<Destination>, leased: Leased, mut plan: Plan) {
        if !destination.is_signed() {
            plan.token = TokenChoice::Good;
        }
        let (pusher, to) = (self.pusher.clone(), Arc::clone(destination));
        let outgoing = Outgoing {
            message: Arc::clone(&leased.message),
            attempt: leased.attempt(),
            token: plan.token,
        };
        let history = &self.delivery.history;
        let (name, attempt) = (&self.delivery.name, leased.attempt());
        let topic = || self.delivery.topic();
        history.started(
            name,
            topic,
            &leased.message,
            attempt,
            DeliveryType::Push,
            plan,
        );
        let is_recorded = history.is_on();
        let push = async move {
            if plan.unreachable {
                return Ended::unreachable();
            }
            let mut ended = pusher.push(&to, &outgoing, is_recorded).await;
            if plan.drop_answer {
                ended.lose_answer();
            }
            ended
        };
        let task = self.pushes.spawn(push);
        let started = Started {
            leased,
            is_repeated: plan.duplicate,
            destination: Arc::clone(destination),
        };
        self.started.insert(task.id(), started);
    }

    /// Settles a finished push and all others that have finished since, so that due messages are looked up once.
    fn end_all(&mut self, first: Result<(Id, Ended), JoinError>) {
        self.end(first);
        while let Some(next) = self.pushes.try_join_next_with_id() {
            self.end(next);
        }
    }

    fn end(&mut self, joined: Result<(Id, Ended), JoinError>) {
        let (id, ended) = joined.unwrap_or_else(|error| {
            tracing::error!(subscription = %self.delivery.name, %error, "the task of a push ended without a reply");
            let ended = Ended {
                reply: Reply::NoAnswer,
                reason: None,
                latency: Duration::ZERO,
                answer: None,
            };
            (error.id(), ended)
        });
        let Some(started) = self.started.remove(&id) else {
            return;
        };
        let settlement = if ended.reply.is_ack() {
            self.ack(&started.leased, started.is_repeated)
        } else {
            self.nack(&started.leased, ended.reply)
        };
        self.log(&started, &ended, &settlement);
        self.report(&started.leased, ended, settlement);
    }

    fn ack(&self, leased: &Leased, is_repeated: bool) -> Settlement {
        let mut state = self.delivery.state();
        let pushes = state.backlog.pushes();
        state.throttle.acked(pushes);
        state.last_active = self.delivery.clock.utc();
        let sequence = leased.message.sequence;
        let acked = state.backlog.ack(leased.lease, sequence, false);
        // A seek in the meantime has brought the message back.
        if acked.is_none() && state.backlog.unacked(sequence).is_some() {
            return Settlement::Elsewhere;
        }
        // A message that was purged in the meantime is not restored.
        if acked.is_some() && is_repeated {
            state.backlog.repeat(sequence);
        }
        Settlement::Acked
    }

    fn nack(&self, leased: &Leased, reply: Reply) -> Settlement {
        let mut state = self.delivery.state();
        let now = self.delivery.clock.now();
        state.throttle.nacked(now);
        let failed = self.delivery.fail(&mut state, now, leased.lease, reply);
        drop(state);
        failed.unwrap_or_else(|letter| self.delivery.forward(letter, &*self.forwarder))
    }

    fn log(&mut self, started: &Started, ended: &Ended, settlement: &Settlement) {
        let (subscription, leased) = (&self.delivery.name, &started.leased);
        let (reply, reason) = (ended.reply, ended.reason.as_deref());
        tracing::debug!(
            %subscription, message_id = leased.message.id, delivery_attempt = leased.attempt(), %reply, reason,
            duration_ms = ended.latency.as_secs_f64() * 1e3, ?settlement, "pushed"
        );
        let now = self.delivery.clock.now();
        if reply.is_ack() {
            if self.failure_log.acked() {
                tracing::info!(%subscription, "pushes are acked again");
            }
            return;
        }
        if self.failure_log.failed(now) {
            let endpoint = started.destination.shown();
            tracing::warn!(
                %subscription, endpoint, %reply, reason,
                "a push failed; further failures are logged at debug level until a push is acked, and for a minute"
            );
        }
        let until = self.delivery.state().throttle.paused_until(now);
        let pause = until.map_or(Duration::ZERO, |until| until - now);
        if self.failure_log.paused(pause) {
            let seconds = pause.as_secs();
            tracing::warn!(
                %subscription,
                "pushing pauses for {seconds} s, as Pub/Sub does when many pushes fail; --pace eager disables this"
            );
        }
    }

    fn report(&self, leased: &Leased, ended: Ended, settlement: Settlement) {
        let Ended {
            reply,
            reason,
            latency,
            answer,
        } = ended;
        let subscription = &self.delivery.name;
        let ended = || Progress::Ended {
            reply,
            latency,
            settlement: settlement.clone(),
        };
        let (id, attempt) = (&leased.message.id, leased.attempt());
        self.pusher
            .report(subscription.as_str(), id, attempt, ended);
        let end = End {
            reply,
            reason,
            latency: Some(latency),
            answer,
            settlement,
        };
        let sequence = leased.message.sequence;
        self.delivery
            .history
            .ended(subscription, sequence, attempt, end);
    }
}

/// Waits until `wake`, or forever without one.
async fn reached(delivery: &Delivery, wake: Option<Instant>) {
    match wake {
        Some(wake) => delivery.clock.reached(wake).await,
        None => std::future::pending().await,
    }
}
