//! Measures how soon an emulator is up, how long a message takes from publishing to its endpoint, and how many go through.
//!
//! `cargo run --release -p emulator --example latency`

use std::error::Error;
use std::io::Write;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use emulator::{Emulator, Message, Options, Pace, SubscriptionConfig};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::Instant;

const TOPIC: &str = "projects/shop/topics/orders";
const SINGLE: usize = 2_000;
const MANY: usize = 20_000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut output = std::io::stdout().lock();
    let started = Instant::now();
    let emulator = Emulator::start_with(Options {
        pace: Pace::Eager,
        ..Options::default()
    })?;
    writeln!(output, "started in {:?}", started.elapsed())?;
    let token = emulator.issuer().token("push@shop.example", "audience");
    writeln!(
        output,
        "first token, {} bytes, after {:?}",
        token.len(),
        started.elapsed()
    )?;

    let (url, mut arrivals) = endpoint().await?;
    emulator.create_topic(TOPIC)?;
    let subscription = SubscriptionConfig::new("projects/shop/subscriptions/billing", TOPIC);
    emulator.create_subscription(subscription.push_to(url))?;

    let mut latencies = Vec::with_capacity(SINGLE);
    for _ in 0..SINGLE {
        let published = Instant::now();
        emulator.publish(TOPIC, Message::new("x".repeat(1_024)))?;
        let arrived = arrivals.recv().await.ok_or("the endpoint is gone")?;
        latencies.push(arrived - published);
    }
    latencies.sort();
    let percentile = |percent: usize| {
        latencies
            .get(SINGLE * percent / 100)
            .map_or(Duration::ZERO, |each| *each)
    };
    writeln!(
        output,
        "publish to push: p50 {:?}, p90 {:?}, p99 {:?}",
        percentile(50),
        percentile(90),
        percentile(99)
    )?;

    let published = Instant::now();
    for _ in 0..MANY {
        emulator.publish(TOPIC, Message::new("x".repeat(1_024)))?;
    }
    for _ in 0..MANY {
        arrivals.recv().await.ok_or("the endpoint is gone")?;
    }
    let rate = f64::from(u32::try_from(MANY)?) / published.elapsed().as_secs_f64();
    writeln!(output, "{MANY} messages: {rate:.0} pushes a second")?;
    emulator.stop().await;
    Ok(())
}

/// An endpoint that acks everything, and tells when each push arrived.
async fn endpoint() -> Result<(String, mpsc::Receiver<Instant>), Box<dyn Error>> {
    let (sender, arrivals) = mpsc::channel(MANY);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/", listener.local_addr()?);
    let router = Router::new().fallback(move || {
        let sender = sender.clone();
        async move {
            sender.send(Instant::now()).await.ok();
            StatusCode::NO_CONTENT
        }
    });
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok((url, arrivals))
}
