//! The section "Asynchronous Components" of `m2m/README.md`: how to publish, and what happens to a message.

mod component;
mod contents;
mod dead_letters;
mod example;
mod failures;
mod links;
mod markdown;
mod marked;
mod places;
mod schedule;
mod subscription;
mod topic;
pub(crate) mod words;

use std::fs;
use std::io;
use std::path::Path;

use self::component::Component;
use self::places::{Places, Topics};
use super::error::DeriveError;
use super::paths::Paths;
use super::project::Project;
use super::schemas::Schemas;
use super::topics::Topic;
use crate::loggable::encoding::utf8;
use crate::subscriber::Subscriber;

/// Returns the whole file: the text around the markers, and the section between them.
///
/// # Errors
/// If the file cannot be read, or its markers are not one pair.
pub(super) fn write(
    subscribers: &[Subscriber],
    schemas: &Schemas<'_>,
    project: &Project,
    sources: &str,
) -> Result<String, DeriveError> {
    let path = Path::new(&project.paths.documents);
    let unreadable = |source| DeriveError::Read {
        path: path.into(),
        source,
    };
    let there = match fs::read(project.root.join(path)) {
        Ok(bytes) => Some(text(bytes).map_err(unreadable)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(unreadable(error)),
    };
    let section = section(subscribers, schemas, &project.paths, sources);
    marked::replaced(there.as_deref(), &section).map_err(|fault| DeriveError::Markers {
        path: path.into(),
        fault,
    })
}

/// Returns the whole text, including a byte order mark.
fn text(bytes: Vec<u8>) -> io::Result<String> {
    utf8(&bytes).map_err(io::Error::other)?;
    String::from_utf8(bytes).map_err(io::Error::other)
}

fn section(
    subscribers: &[Subscriber],
    schemas: &Schemas<'_>,
    paths: &Paths,
    sources: &str,
) -> String {
    let topics = Topics::of(subscribers);
    let places = Places::of(subscribers, &topics, paths);
    let components = components(subscribers, &topics, &places, schemas);
    let sections = components.iter().map(Component::section);
    let blocks: Vec<String> =
        std::iter::once(contents::section(&components, &places.links, sources))
            .chain(sections)
            .collect();
    format!("{}\n", blocks.join("\n\n"))
}

fn components<'a>(
    subscribers: &'a [Subscriber],
    topics: &Topics<'a>,
    places: &Places<'a>,
    schemas: &Schemas<'_>,
) -> Vec<Component<'a>> {
    let (topics, dead_letters) = (topics.all.iter(), topics.dead_letters.iter());
    let schedules = topics.clone().flat_map(Topic::schedules);
    let topics = topics.map(|topic| topic::component(topic, places, schemas));
    let subscriptions = subscribers
        .iter()
        .map(|declared| subscription::component(declared, places));
    let schedules =
        schedules.map(|(declared, schedule)| schedule::component(declared, schedule, places));
    let dead_letters = dead_letters.map(|topic| dead_letters::component(topic, places));
    topics
        .chain(subscriptions)
        .chain(schedules)
        .chain(dead_letters)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

    use super::*;
    use crate::{
        AfterCrash, Backoff, CircuitBreaker, Conflict, Example, Idempotency, Message, Raw,
        Schedule, TopicSchema,
    };

    fn subscriber() -> Subscriber {
        Subscriber::new("orders-mail", async |_: Message<Raw>| ())
            .topic("orders")
            .purpose("Mails.")
            .producers(["checkout"])
            .idempotency(Idempotency::by_message_id())
    }

    fn written(subscriber: Subscriber) -> String {
        let subscribers = [subscriber];
        let schemas = Schemas::of(&subscribers).expect("schemas");
        section(&subscribers, &schemas, &Paths::default(), "src/")
    }

    /// Returns the number of cells of each row of each table, and all HTML but comments.
    fn shape(text: &str) -> (Vec<Vec<usize>>, Vec<String>) {
        let (mut tables, mut html) = (Vec::new(), Vec::new());
        let (mut rows, mut cells) = (Vec::new(), 0);
        for event in Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_MATH) {
            match event {
                Event::Html(part) | Event::InlineHtml(part) if !part.starts_with("<!--") => {
                    html.push(part.into_string());
                }
                Event::End(TagEnd::TableCell) => cells += 1,
                Event::End(TagEnd::TableRow) => rows.push(std::mem::take(&mut cells)),
                Event::End(TagEnd::TableHead) => cells = 0,
                Event::End(TagEnd::Table) => tables.push(std::mem::take(&mut rows)),
                Event::Start(Tag::Image { .. }) => html.push("an image".into()),
                _ => {}
            }
        }
        (tables, html)
    }

    #[test]
    fn hostile_texts_change_nothing_but_the_words() {
        let hostile =
            "a | b <script>alert(1)</script>\n\n# c `d` ![e](f) <!-- pushgate:end --> $g$ \\";
        let everywhere = |text: &str| {
            let schedule = Schedule::cron("0 6 * * *").raw(text).attribute(text, text);
            let example = Example::raw(text, format!("```\n{text}")).attribute(text, text);
            written(
                subscriber()
                    .purpose(text)
                    .owner(text)
                    .producers([text])
                    .filter(text)
                    .audience(text)
                    .callers([text])
                    .idempotency(Idempotency::none(text))
                    .when_store_is_down(crate::StoreDown::open(text))
                    .topic_schema(TopicSchema::avro("mails", text))
                    .schedule(schedule.purpose(text))
                    .examples([example]),
            )
        };
        let (plain, spoilt) = (everywhere("plain"), everywhere(hostile));
        assert_eq!(shape(&spoilt), shape(&plain));
        assert_eq!(shape(&plain).0.len(), 5);
        let marked = |line: &str| line.trim() == "<!-- pushgate:end -->";
        assert!(!spoilt.lines().any(marked));
    }

    /// Checks the field of the subscription: its row in the table, or its item in a list with all sentences.
    fn check(subscriber: Subscriber, field: &str, expected: &str) {
        let text = written(subscriber);
        let section = text.split("### Subscription").nth(1);
        let mut lines = section.expect("a subscription").lines();
        let (row, item) = (format!("| {field} |"), format!("- **{field}**:"));
        let found = lines.find(|line| line.starts_with(&row) || line.starts_with(&item));
        let mut found = found.unwrap_or_else(|| panic!("no {field}")).to_owned();
        let sentences = lines.map_while(|line| line.strip_prefix("  - "));
        sentences.for_each(|sentence| found += &format!(" {sentence}"));
        assert!(found.contains(expected), "{found}");
    }

    #[test]
    fn each_idempotency_is_described() {
        let keyed = |idempotency| subscriber().idempotency(idempotency);
        let field = "Idempotency";
        check(
            subscriber(),
            field,
            "By message id: a publish is handled once",
        );
        let by_attribute = Idempotency::by_attribute("event-id").on_conflict(Conflict::Ignore);
        check(
            keyed(by_attribute),
            field,
            "By the attribute `event-id`: all publishes with one value are one event",
        );
        check(
            keyed(Idempotency::by_attribute("event-id")),
            field,
            "A message without a value is dead-lettered. A message with a known value and other data is dead-lettered.",
        );
        check(
            keyed(Idempotency::by_payload("/id").on_conflict(Conflict::Retry)),
            field,
            "By the value at `/id` in the data",
        );
        check(
            keyed(Idempotency::by_function(|_| None)),
            field,
            "computes from the message, see its source",
        );
        check(
            keyed(Idempotency::none("It only counts.")),
            field,
            "duplicates included. It only counts.",
        );
        check(
            keyed(Idempotency::none("It only counts.")),
            "Deduplication window",
            "None: nothing is remembered.",
        );
        check(
            subscriber().retention(Duration::from_secs(86_400)),
            "Deduplication window",
            "for 1 day. Replay epoch 0",
        );
    }

    #[test]
    fn the_work_of_pub_sub_is_described() {
        check(
            subscriber().filter("attributes:paid"),
            "Filter",
            "`attributes:paid`: other messages count as acked",
        );
        check(subscriber().ordered(), "Ordering", "one after the other");
        check(
            subscriber().unwrapped(),
            "Delivery",
            "Push to `/push/orders-mail`, without Pub/Sub's wrapper",
        );
        check(
            subscriber().eventarc(),
            "At the end",
            "Eventarc's own subscription",
        );
    }

    #[test]
    fn the_end_of_failures_is_described() {
        check(
            subscriber().after_crash(AfterCrash::Park),
            "After a crash",
            "is parked in the dead-letter topic, since",
        );
        check(
            subscriber().circuit_breaker(CircuitBreaker::after(7)),
            "Circuit breaker",
            "After 7 failures in a row pushes are answered 503 for 1 s to 60 s. 3 probes",
        );
        check(
            subscriber().attempts_in_process(3, Backoff::from_millis(100, 2_000)),
            "Errors and retries",
            "up to 3 times for one delivery, with random pauses of up to 100 ms",
        );
        check(
            subscriber()
                .expected_throughput(2.5)
                .expected_latency(Duration::from_secs(3)),
            "Performance",
            "| 2.5 messages a second, 3 s from publish to ack",
        );
        check(subscriber(), "Performance", "| none declared |");
        check(
            subscriber(),
            "Monitoring and alerts",
            "the oldest unacked message is older than 30 minutes.",
        );
        check(
            subscriber(),
            "Monitoring and alerts",
            "more than 50 % of the pushes",
        );
        check(
            subscriber(),
            "At the end",
            "After about 25 deliveries a message goes to [`orders-mail-dead-letter`](#dead-letters-orders-mail-dead-letter)",
        );
    }
}
