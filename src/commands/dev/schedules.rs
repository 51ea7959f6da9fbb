//! Publishes scheduled messages at their times, as Cloud Scheduler does.

use std::time::Duration;

use cronexpr::Crontab;
use emulator::Message;
use jiff::Timestamp;

use super::cloud::{Cloud, Subscription};
use super::screen::Screen;
use crate::subscriber::Schedule;

/// A schedule and its topic.
struct Job<'a> {
    name: &'a str,
    topic: &'a str,
    schedule: &'a Schedule,
    times: Crontab,
}

/// Publishes until it is dropped.
pub(super) async fn run(cloud: &Cloud, screen: &Screen, subscriptions: &[Subscription]) {
    let jobs: Vec<Job<'_>> = subscriptions.iter().flat_map(jobs).collect();
    let mut now = Timestamp::now();
    while let Some((next, due)) = next(&jobs, now) {
        let pause = next.duration_since(Timestamp::now());
        tokio::time::sleep(Duration::try_from(pause).unwrap_or_default()).await;
        for job in due {
            publish(cloud, screen, job);
        }
        now = next;
    }
    std::future::pending().await
}

fn jobs(subscription: &Subscription) -> impl Iterator<Item = Job<'_>> {
    let schedules = subscription.declared.schedules.iter();
    schedules.filter_map(|schedule| {
        Some(Job {
            name: schedule.name(&subscription.declared),
            topic: &subscription.topic,
            schedule,
            times: schedule.times()?,
        })
    })
}

/// Returns the next time after `now` at which a job is due, and the jobs due then.
fn next<'a>(jobs: &'a [Job<'a>], now: Timestamp) -> Option<(Timestamp, Vec<&'a Job<'a>>)> {
    let times = jobs
        .iter()
        .filter_map(|job| Some((job.times.find_next(now).ok()?.timestamp(), job)));
    let times: Vec<_> = times.collect();
    let first = times.iter().map(|(time, _)| *time).min()?;
    let due = times.into_iter().filter(|(time, _)| *time == first);
    Some((first, due.map(|(_, job)| job).collect()))
}

fn publish(cloud: &Cloud, screen: &Screen, job: &Job<'_>) {
    screen.title(&format!("schedule {}, as Cloud Scheduler would", job.name));
    let mut message = Message::new(job.schedule.data.clone());
    message.attributes = job.schedule.attributes.clone();
    if let Err(error) = cloud.emulator.publish(job.topic, message) {
        screen.problem(&format!("cannot be published: {error}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job<'a>(name: &'a str, schedule: &'a Schedule) -> Job<'a> {
        Job {
            name,
            topic: "projects/local/topics/t",
            schedule,
            times: schedule.times().expect("a crontab"),
        }
    }

    #[test]
    fn each_job_is_due_at_its_time_in_its_zone() {
        let nightly = Schedule::cron("30 2 * * *").time_zone("Europe/Berlin");
        let hourly = Schedule::cron("30 * * * *");
        let jobs = [job("nightly", &nightly), job("hourly", &hourly)];
        let check = |now: &str, time: &str, names: &[&str]| {
            let (found, due) = next(&jobs, now.parse().expect("a time")).expect("a job");
            assert_eq!(found.to_string(), time);
            let due: Vec<&str> = due.iter().map(|job| job.name).collect();
            assert_eq!(due, names);
        };
        check(
            "2030-01-15T00:30:00Z",
            "2030-01-15T01:30:00Z",
            &["nightly", "hourly"],
        );
        check("2030-01-15T01:30:00Z", "2030-01-15T02:30:00Z", &["hourly"]);
        // In summer the zone is an hour further from UTC.
        check(
            "2030-07-15T00:00:00Z",
            "2030-07-15T00:30:00Z",
            &["nightly", "hourly"],
        );
        assert!(next(&[], Timestamp::UNIX_EPOCH).is_none());
    }
}
