//! The measurements, one emulator at a time.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use crate::client::Client;
use crate::endpoint::{self, Counts};
use crate::figures::Figures;
use crate::process::{Kind, Process};
use crate::{Arguments, Failure, print};

/// The number of pushes before those that count, for the just-in-time compiler and the connections.
const WARM_UP: usize = 2_000;
const IDLE_SUBSCRIPTIONS: usize = 100;
/// More messages than any emulator pushes to a slow endpoint.
const SLOW_MESSAGES: usize = 2_500;

/// The result of one flow of messages.
struct Flow {
    pushes_a_second: f64,
    emulator_cpu_seconds: f64,
    endpoint_cpu_seconds: f64,
}

/// One emulator with its endpoint and its client, for one measurement.
struct Scene<'a> {
    emulator: Process,
    endpoint: Process,
    client: Client,
    /// A client for requests to the endpoint, made once to save time.
    control: reqwest::Client,
    arguments: &'a Arguments,
}

pub(crate) async fn measure(kind: Kind, arguments: &Arguments) -> Result<Figures, Failure> {
    let begin = |part: &str| print(&format!("{}: {part}", kind.name()));
    begin("starting");
    let ready = starts(kind, arguments).await?;
    begin("single messages");
    let mut scene = Scene::start(kind, arguments).await?;
    let (p50, p99) = scene.latency().await?;
    begin("queued messages");
    scene.warm_up().await?;
    let flow = scene.flow("one", 1).await?;
    begin("memory");
    let (delivered, memory_mib) = Scene::start(kind, arguments).await?.memory().await?;
    begin("many topics");
    let mut scene = Scene::start(kind, arguments).await?;
    scene.warm_up().await?;
    let many = scene.flow("many", arguments.topics).await?;
    begin("a slow endpoint");
    let in_flight = Scene::start(kind, arguments).await?.in_flight().await?;
    begin("idling");
    let idle = Scene::start(kind, arguments).await?.idle().await?;
    Ok(Figures {
        emulator: kind.name(),
        ready_ms: milliseconds(ready),
        latency_p50_ms: milliseconds(p50),
        latency_p99_ms: milliseconds(p99),
        pushes_a_second: flow.pushes_a_second,
        emulator_cpu_seconds: flow.emulator_cpu_seconds,
        endpoint_cpu_seconds: flow.endpoint_cpu_seconds,
        in_flight: in_flight.most_at_once,
        delivered,
        memory_mib,
        idle_cpu_percent: idle,
        many_topics_pushes_a_second: many.pushes_a_second,
        many_topics_share: many.pushes_a_second / flow.pushes_a_second,
    })
}

/// Returns the median time from the start of the process to its first answer.
async fn starts(kind: Kind, arguments: &Arguments) -> Result<Duration, Failure> {
    let mut times = Vec::new();
    for _ in 0..arguments.starts.max(1) {
        times.push(kind.start(arguments).await?.1);
    }
    Ok(percentile(times, 50))
}

impl<'a> Scene<'a> {
    async fn start(kind: Kind, arguments: &'a Arguments) -> Result<Self, Failure> {
        let (emulator, _) = kind.start(arguments).await?;
        Ok(Self {
            client: Client::connect(&emulator).await?,
            control: reqwest::Client::new(),
            endpoint: Process::endpoint()?,
            emulator,
            arguments,
        })
    }

    fn endpoint_url(&self, path: &str) -> String {
        format!("{}/{path}", self.endpoint.url)
    }

    /// Measures the time from publishing to the arrival of the push, one message at a time.
    async fn latency(&mut self) -> Result<(Duration, Duration), Failure> {
        let (url, mut arrivals) = endpoint::local().await?;
        self.client.create_topic("single").await?;
        self.client
            .subscribe("single", "single", Some(&url))
            .await?;
        let mut latencies = Vec::new();
        let began = Instant::now();
        while latencies.len() < self.arguments.single && began.elapsed() < self.arguments.limit {
            let published = Instant::now();
            self.client.publish("single", 1).await?;
            let arrived = timeout(self.arguments.limit, arrivals.recv()).await?;
            latencies.push(arrived.ok_or("the endpoint is gone")? - published);
        }
        Ok((percentile(latencies.clone(), 50), percentile(latencies, 99)))
    }

    async fn warm_up(&mut self) -> Result<(), Failure> {
        let count = WARM_UP.min(self.arguments.queued);
        self.client.create_topic("warm-up").await?;
        let url = self.endpoint_url("fast");
        self.client
            .subscribe("warm-up", "warm-up", Some(&url))
            .await?;
        self.client.publish("warm-up", count).await?;
        self.pushed(count).await?;
        Ok(())
    }

    /// Queues messages, evenly over topics with a subscription each, and then has them pushed.
    async fn flow(&mut self, name: &str, topics: usize) -> Result<Flow, Failure> {
        let each = self.arguments.queued.div_ceil(topics.max(1));
        let names: Vec<String> = (0..topics).map(|topic| format!("{name}-{topic}")).collect();
        for name in &names {
            self.client.create_topic(name).await?;
            self.client.subscribe(name, name, None).await?;
            self.client.publish(name, each).await?;
        }
        self.reset().await?;
        let emulator_cpu = self.emulator.cpu_seconds()?;
        let endpoint_cpu = self.endpoint.cpu_seconds()?;
        let url = self.endpoint_url("fast");
        let began = Instant::now();
        for name in &names {
            self.client.push_to(name, &url).await?;
        }
        let counts = self.pushed(each * topics).await?;
        let pushes_a_second = as_f64(counts.answered)? / began.elapsed().as_secs_f64();
        Ok(Flow {
            pushes_a_second,
            emulator_cpu_seconds: self.emulator.cpu_seconds()? - emulator_cpu,
            endpoint_cpu_seconds: self.endpoint.cpu_seconds()? - endpoint_cpu,
        })
    }

    /// Delivers messages in portions, so that few are waiting. Returns their number and the emulator's memory then. It uses
    /// a process of its own, since a large backlog would have affected the allocator.
    async fn memory(&mut self) -> Result<(usize, f64), Failure> {
        const PORTION: usize = 5_000;
        self.warm_up().await?;
        let began = Instant::now();
        let mut delivered = self.pushed(0).await?.answered;
        while delivered < self.arguments.delivered && began.elapsed() < self.arguments.limit {
            let portion = PORTION.min(self.arguments.delivered - delivered);
            self.client.publish("warm-up", portion).await?;
            delivered = self.pushed(delivered + portion).await?.answered;
        }
        Ok((delivered, self.emulator.memory_mib()?))
    }

    /// Measures the pushes to an endpoint that answers after a second.
    async fn in_flight(&mut self) -> Result<Counts, Failure> {
        self.client.create_topic("slow").await?;
        let url = self.endpoint_url("slow");
        self.client.subscribe("slow", "slow", Some(&url)).await?;
        self.client.publish("slow", SLOW_MESSAGES).await?;
        sleep(self.arguments.watch).await;
        self.pushed(0).await
    }

    /// Returns the processor time that push subscriptions take while nothing is published, in percent of one processor.
    async fn idle(&mut self) -> Result<f64, Failure> {
        self.client.create_topic("idle").await?;
        let url = self.endpoint_url("fast");
        for number in 0..IDLE_SUBSCRIPTIONS {
            let name = format!("idle-{number}");
            self.client.subscribe(&name, "idle", Some(&url)).await?;
        }
        // The creation of subscriptions does not count.
        sleep(Duration::from_secs(2)).await;
        let before = self.emulator.cpu_seconds()?;
        let began = Instant::now();
        sleep(self.arguments.watch).await;
        // The system counts hundredths of a second, so this is the least.
        let taken = (self.emulator.cpu_seconds()? - before).max(0.01);
        Ok(100.0 * taken / began.elapsed().as_secs_f64())
    }

    /// Waits until the endpoint has received this number of pushes since the last reset.
    async fn pushed(&self, count: usize) -> Result<Counts, Failure> {
        let limit = self.arguments.limit.as_millis();
        let url = self.endpoint_url(&format!("wait/{count}/{limit}"));
        Ok(self.control.get(url).send().await?.json().await?)
    }

    async fn reset(&self) -> Result<(), Failure> {
        let url = self.endpoint_url("reset");
        self.control.get(url).send().await?;
        Ok(())
    }
}

fn percentile(mut times: Vec<Duration>, percent: usize) -> Duration {
    times.sort();
    let place = times.len() * percent / 100;
    times.get(place).copied().unwrap_or_default()
}

fn milliseconds(time: Duration) -> f64 {
    1_000.0 * time.as_secs_f64()
}

fn as_f64(count: usize) -> Result<f64, Failure> {
    Ok(f64::from(u32::try_from(count)?))
}
