//! Measures the start of an emulator, the time from publishing to the endpoint, and the throughput. The endpoint is another
//! process, as with the command.
//!
//! `cargo run --release -p pushgate-emulator --example latency`

use std::convert::Infallible;
use std::env::{args, current_exe};
use std::error::Error;
use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, SystemTimeError, UNIX_EPOCH};

use bytes::Bytes;
use emulator::{Emulator, Message, Options, Pace, PushConfig, SubscriptionConfig};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::time::Instant;

const TOPIC: &str = "projects/shop/topics/orders";
const SINGLE: u32 = 2_000;
const MANY: u32 = 100_000;
/// The argument that makes this program the endpoint.
const ENDPOINT: &str = "endpoint";

fn main() -> Result<(), Box<dyn Error>> {
    if args().nth(1).as_deref() == Some(ENDPOINT) {
        let runtime = tokio::runtime::Builder::new_current_thread();
        return { runtime }.enable_all().build()?.block_on(endpoint());
    }
    tokio::runtime::Runtime::new()?.block_on(measure())
}

async fn measure() -> Result<(), Box<dyn Error>> {
    let mut output = std::io::stdout().lock();
    let started = Instant::now();
    let emulator = Emulator::start_with(Options {
        pace: Pace::Eager,
        ..Options::default()
    })?;
    writeln!(output, "started in {:?}", started.elapsed())?;
    let token = emulator.issuer().token("push@shop.example", "audience");
    let elapsed = started.elapsed();
    writeln!(
        output,
        "first token, {} bytes, after {elapsed:?}",
        token.len()
    )?;

    let mut endpoint = Endpoint::start()?;
    emulator.create_topic(TOPIC)?;
    let mut subscription = SubscriptionConfig::new("projects/shop/subscriptions/billing", TOPIC);
    let push_config = PushConfig::new(endpoint.url.clone());
    subscription.push_config = Some(push_config.signed_as("push@shop.example", None));
    emulator.create_subscription(subscription)?;
    latencies(&emulator, &mut endpoint, &mut output)?;
    rate(&emulator, &mut endpoint, &mut output)?;
    endpoint.process.kill()?;
    endpoint.process.wait()?;
    emulator.stop().await;
    Ok(())
}

fn latencies(
    emulator: &Emulator,
    endpoint: &mut Endpoint,
    output: &mut impl Write,
) -> Result<(), Box<dyn Error>> {
    let mut latencies = Vec::new();
    for _ in 0..SINGLE {
        let published = since_1970()?;
        emulator.publish(TOPIC, message())?;
        latencies.push(endpoint.arrival()?.saturating_sub(published));
    }
    latencies.sort();
    let percentile = |percent| latencies.get(latencies.len() * percent / 100).copied();
    let [half, most, nearly_all] =
        [50, 90, 99].map(|percent| percentile(percent).unwrap_or_default());
    writeln!(
        output,
        "publish to push: p50 {half:?}, p90 {most:?}, p99 {nearly_all:?}"
    )?;
    Ok(())
}

fn rate(
    emulator: &Emulator,
    endpoint: &mut Endpoint,
    output: &mut impl Write,
) -> Result<(), Box<dyn Error>> {
    let published = since_1970()?;
    let spent = processor_time();
    for _ in 0..MANY {
        emulator.publish(TOPIC, message())?;
    }
    let elapsed = endpoint.arrival()?.saturating_sub(published);
    let rate = f64::from(MANY) / elapsed.as_secs_f64();
    writeln!(output, "{MANY} messages: {rate:.0} pushes a second")?;
    if let Some(spent) = spent.zip(processor_time()).map(|(from, to)| to - from) {
        let each = spent / MANY;
        writeln!(
            output,
            "processor time of the emulator, publishing included: {each:?} a push"
        )?;
    }
    Ok(())
}

/// Returns the processor time of this process; only on Linux.
fn processor_time() -> Option<Duration> {
    const A_TICK: Duration = Duration::from_millis(10);
    let line = std::fs::read_to_string("/proc/self/stat").ok()?;
    let (_, fields) = line.rsplit_once(") ")?;
    let ticks = fields.split(' ').skip(11).take(2);
    let ticks: Option<u32> = ticks.map(|ticks| ticks.parse::<u32>().ok()).sum();
    Some(A_TICK * ticks?)
}

fn message() -> Message {
    Message::new("x".repeat(1_024))
}

/// Returns the time since 1970, since both processes read the same clock.
fn since_1970() -> Result<Duration, SystemTimeError> {
    SystemTime::now().duration_since(UNIX_EPOCH)
}

/// The endpoint's process.
struct Endpoint {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
    url: String,
}

impl Endpoint {
    fn start() -> Result<Self, Box<dyn Error>> {
        let mut command = Command::new(current_exe()?);
        let mut process = command.arg(ENDPOINT).stdout(Stdio::piped()).spawn()?;
        let output = process.stdout.take().ok_or("the endpoint has no output")?;
        let mut lines = BufReader::new(output).lines();
        let url = lines.next().ok_or("the endpoint did not start")??;
        Ok(Self {
            process,
            lines,
            url,
        })
    }

    /// Returns the time of the next reported arrival.
    fn arrival(&mut self) -> Result<Duration, Box<dyn Error>> {
        let line = self.lines.next().ok_or("the endpoint is gone")??;
        Ok(Duration::from_nanos(line.parse()?))
    }
}

/// Acks all pushes, and prints the times of the single pushes and of the last of the many.
async fn endpoint() -> Result<(), Box<dyn Error>> {
    static ARRIVED: AtomicU32 = AtomicU32::new(0);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    writeln!(std::io::stdout(), "http://{}/", listener.local_addr()?)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let service = service_fn(|request: Request<Incoming>| async {
            request.into_body().collect().await.ok();
            let arrived = ARRIVED.fetch_add(1, Ordering::Relaxed) + 1;
            if arrived <= SINGLE || arrived == SINGLE + MANY {
                let now = since_1970().unwrap_or_default();
                writeln!(std::io::stdout(), "{}", now.as_nanos()).ok();
            }
            let mut response = Response::new(Empty::<Bytes>::new());
            *response.status_mut() = StatusCode::NO_CONTENT;
            Ok::<_, Infallible>(response)
        });
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        tokio::spawn(connection);
    }
}
